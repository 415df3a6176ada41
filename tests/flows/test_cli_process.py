"""`texsr` as a process of its own: quick to start, its exit codes, and what a kill leaves."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.flows.conftest import contents

TEXSR = [sys.executable, "-c", "from texsr.flows.cli import main; main()"]


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["--version"]])
def test_it_starts_quickly_and_loads_nothing_heavy(words):
    program = (
        f"import sys; sys.argv = ['texsr', *{words!r}]\n"
        "from texsr.flows.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'torch', 'prefect', 'open3d', 'numpy', 'trimesh', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_bad_usage_exits_2_and_is_json_where_asked_for(tmp_path):
    plain = subprocess.run([*TEXSR, "run"], capture_output=True, text=True)
    assert (plain.returncode, plain.stdout) == (2, "")
    told = subprocess.run([*TEXSR, "run", "x", "--scael", "--json"], capture_output=True, text=True)
    assert told.returncode == 2
    facts = json.loads(told.stdout)
    assert (facts["error"], facts["exit_code"]) == ("UsageError", 2)
    assert "--scael" in facts["found"]


def test_a_process_answers_and_exits_as_the_function_does(tmp_path):
    done = subprocess.run([*TEXSR, "run", str(tmp_path), "--json"], capture_output=True, text=True)
    assert done.returncode == 2
    assert json.loads(done.stdout)["where"].startswith(str(tmp_path))


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_killed_process_leaves_no_half_result(capture, number):
    program = (
        "import signal, sys, time, types\n"
        # A test run that a shell put in the background has SIGINT ignored, and hands that down.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "module = types.ModuleType('texsr.flows.sharpen')\n"
        "def sharpen(capture, settings, work, progress):\n"
        "    (work / 'half.npy').write_bytes(b'half')\n"
        "    time.sleep(60)\n"
        "module.sharpen = sharpen\n"
        "sys.modules['texsr.flows.sharpen'] = module\n"
        f"sys.argv = ['texsr', 'run', {str(capture)!r}]\n"
        "from texsr.flows.cli import main\n"
        "main()\n"
    )
    before = contents(capture)
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not list(capture.glob(".texsr.texsr-staging-*/work/half.npy")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert not (capture / "texsr").exists()
    if number != signal.SIGKILL:
        assert process.returncode == 1
        assert b"stopped" in said
        assert contents(capture) == before
