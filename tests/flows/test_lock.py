"""A lock has one living owner, and outlives none."""

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import asdict, replace

import pytest

from texsr.flows.lock import SILENT_OWNER_S, hold, is_alive, this_process
from texsr.pipeline.errors import OutputError


def write(lock, owner):
    lock.write_text(json.dumps(asdict(owner)))


def test_a_lock_is_there_while_held_and_gone_after(tmp_path):
    lock = tmp_path / "lock"
    with hold(lock, tmp_path):
        assert json.loads(lock.read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_a_second_writer_is_refused_and_told_who_holds_it(tmp_path):
    lock = tmp_path / "lock"
    with hold(lock, tmp_path), pytest.raises(OutputError) as caught, hold(lock, tmp_path):
        pytest.fail("two writers at once")
    assert str(os.getpid()) in caught.value.found
    assert socket.gethostname() in caught.value.found


def test_a_lock_goes_with_an_error_inside(tmp_path):
    with pytest.raises(KeyError), hold(tmp_path / "lock", tmp_path):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    lock = tmp_path / "lock"
    write(lock, replace(this_process(), pid=int(done.stdout), started="1"))
    with hold(lock, tmp_path):
        assert json.loads(lock.read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not this_process().started, reason="the system tells no start times")
def test_a_later_process_with_the_same_pid_does_not_keep_a_lock(tmp_path):
    lock = tmp_path / "lock"
    write(lock, replace(this_process(), started="1", token="earlier"))
    with hold(lock, tmp_path):
        assert json.loads(lock.read_text())["token"] != "earlier"


def test_an_owner_elsewhere_lives_until_its_heart_has_been_silent_long(tmp_path):
    stranger = replace(this_process(), host="elsewhere.invalid")
    assert is_alive(stranger, silent_s=SILENT_OWNER_S / 2)
    lock = tmp_path / "lock"
    write(lock, stranger)
    with pytest.raises(OutputError, match=r"elsewhere\.invalid"), hold(lock, tmp_path):
        pytest.fail("taken from a living owner")
    long_ago = time.time() - 2 * SILENT_OWNER_S
    os.utime(lock, (long_ago, long_ago))
    with hold(lock, tmp_path):
        assert lock.exists()


def test_a_lock_that_says_nothing_is_taken_over(tmp_path):
    lock = tmp_path / "lock"
    lock.write_text("{")
    with hold(lock, tmp_path):
        assert json.loads(lock.read_text())["pid"] == os.getpid()
