"""A result is whole or absent, whatever stops a run, and replaces nothing but itself."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from tests.flows.conftest import contents, run
from texsr.flows import artifacts
from texsr.flows.job import settle
from texsr.flows.manifest import MANIFEST
from texsr.flows.settings import RunSettings
from texsr.pipeline.errors import CaptureError, OutputError


def test_a_place_that_is_taken_is_refused_and_not_touched(capture, repeater, tmp_path):
    out = tmp_path / "holiday"
    out.mkdir()
    (out / "beach.jpg").write_bytes(b"sun")
    with pytest.raises(OutputError, match="no texsr run wrote"):
        run(capture, out=out, force=True)
    assert contents(out) == {"beach.jpg": b"sun"}
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="found a file"):
        run(capture, out=tmp_path / "file")
    assert repeater.calls == 0


@pytest.mark.parametrize("place", [".", ".."])
def test_the_capture_itself_is_no_place_for_a_result(capture, repeater, place):
    with pytest.raises(OutputError, match="the capture itself"):
        run(capture, out=capture / place)


def test_an_empty_directory_is_a_place(capture, repeater, tmp_path):
    (tmp_path / "empty").mkdir()
    run(capture, out=tmp_path / "empty")
    assert (tmp_path / "empty" / MANIFEST).is_file()


def test_a_result_changed_by_hand_is_kept_unless_forced(capture, repeater):
    run(capture)
    painted = capture / "texsr" / "mesh.obj"
    painted.write_text("# mine\n")
    with pytest.raises(OutputError, match=r"mesh\.obj changed"):
        run(capture, settings=RunSettings(scale=2))
    assert painted.read_text() == "# mine\n"
    run(capture, settings=RunSettings(scale=2), force=True)
    assert painted.read_text() != "# mine\n"


def test_a_persons_own_files_move_on_to_the_new_result(capture, repeater):
    run(capture)
    (capture / "texsr" / "notes").mkdir()
    (capture / "texsr" / "notes" / "mine.txt").write_text("keep")
    (capture / "texsr" / "preview").mkdir()
    (capture / "texsr" / "preview" / "page.html").write_text("of the old result")
    run(capture, force=True)
    assert (capture / "texsr" / "notes" / "mine.txt").read_text() == "keep"
    assert not (capture / "texsr" / "preview").exists()
    assert not list(capture.glob(".texsr*"))


@pytest.mark.parametrize("fault", [RuntimeError("boom"), KeyboardInterrupt(), OSError(5, "disk")])
def test_a_run_that_stops_in_the_middle_leaves_nothing(capture, repeater, fault):
    before = contents(capture)

    def stop(loaded, work):
        raise fault

    repeater.meddle = stop
    with pytest.raises(type(fault)):
        run(capture)
    assert contents(capture) == before


def test_the_old_result_stays_until_the_new_one_is_whole(capture, repeater):
    run(capture)
    before = contents(capture)

    def stop(loaded, work):
        assert contents(capture / "texsr") == {
            name.removeprefix("texsr/"): data
            for name, data in before.items()
            if name.startswith("texsr/")
        }
        raise RuntimeError

    repeater.meddle = stop
    with pytest.raises(RuntimeError):
        run(capture, force=True)
    assert contents(capture) == before


def test_what_a_killed_run_left_is_cleared_by_the_next(capture, repeater):
    corpse = capture / ".texsr.texsr-staging-dead"
    (corpse / "result").mkdir(parents=True)
    (corpse / "result" / "atlas.png").write_bytes(b"half")
    run(capture)
    assert not corpse.exists()


def test_a_kill_between_the_two_renames_loses_no_result(capture, repeater):
    run(capture)
    (capture / "texsr").rename(capture / ".texsr.texsr-old-dead")
    job = settle(capture)
    with artifacts.staging(job.out):
        assert (capture / "texsr" / MANIFEST).is_file()
    assert run(capture).fresh


def test_input_that_changes_under_way_is_found_out(capture, repeater):
    def meddle(loaded, work):
        with (capture / "mesh.obj").open("a") as stream:
            stream.write("# late\n")

    repeater.meddle = meddle
    with pytest.raises(CaptureError, match="other content than when the run began"):
        run(capture)
    assert not (capture / "texsr").exists()


def test_a_full_disk_is_told_before_the_work(capture, repeater, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 9, 1))
    with pytest.raises(OutputError, match="GB free"):
        run(capture)
    assert repeater.calls == 0
    assert not (capture / "texsr").exists()


def test_a_disk_that_fills_up_under_way_is_told(capture, repeater):
    import errno

    def fill(loaded, work):
        raise OSError(errno.ENOSPC, "no space left on device")

    repeater.meddle = fill
    with pytest.raises(OutputError, match="the disk full"):
        run(capture)


def test_a_read_only_capture_asks_for_out(capture, repeater, monkeypatch, tmp_path):
    real = Path.mkdir

    def refuse(self, *args, **options):
        if self.is_relative_to(capture):
            raise PermissionError(13, "Permission denied", str(self))
        real(self, *args, **options)

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OutputError, match="--out") as caught:
        run(capture)
    assert caught.value.where == str(capture)
    monkeypatch.undo()


def test_an_output_that_cannot_be_made_is_refused(capture, repeater, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        run(capture, out=tmp_path / "file" / "result")
