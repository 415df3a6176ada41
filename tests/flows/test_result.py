"""A result is whole or absent, says what it is made of, and replaces nothing but itself."""

import hashlib
import json
import os
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.flows.conftest import contents
from texsr.flows import artifacts
from texsr.flows.job import settle
from texsr.flows.manifest import MANIFEST, find_capture, read_manifest, write_manifest
from texsr.flows.run import run_job
from texsr.flows.settings import RunSettings
from texsr.pipeline.errors import CaptureError, OutputError
from texsr.pipeline.formats.images import read_image


def run(capture, **options):
    return run_job(settle(capture, **options))


def test_a_run_leaves_the_result_and_nothing_else(capture, repeater):
    before = contents(capture)
    outcome = run(capture)
    after = contents(capture)
    assert {name: after[name] for name in before} == before
    new = {Path(name).name for name in set(after) - set(before)}
    assert {"mesh.obj", "atlas.png", "atlas.provenance.png", MANIFEST, "report.html"} <= new
    assert all(name.startswith("texsr/") for name in set(after) - set(before))
    assert outcome.out == str(capture / "texsr")
    assert not outcome.fresh


def test_the_atlas_grows_and_the_provenance_says_whence(capture, repeater):
    run(capture)
    high, _ = read_image(capture / "texsr" / "atlas.png", where="atlas")
    low, _ = read_image(capture / "atlas.png", where="atlas")
    assert (high == low.repeat(4, 0).repeat(4, 1)).all()
    levels, _ = read_image(capture / "texsr" / "atlas.provenance.png", where="provenance")
    assert levels.shape == (*high.shape[:2], 2)
    assert levels.dtype == np.uint8
    assert (levels == 4).all()


def test_the_manifest_holds_true_hashes_of_every_input_and_output(capture, repeater):
    run(capture)
    manifest = read_manifest(capture / "texsr")
    images = {f"images/{path.name}" for path in (capture / "images").iterdir()}
    cameras = {path.relative_to(capture).as_posix() for path in (capture / "sparse/0").iterdir()}
    meshes = {"mesh.obj", "atlas.png", *(p.name for p in capture.glob("*.mtl"))}
    assert set(manifest.inputs) == images | cameras | meshes
    written = {path.name for path in (capture / "texsr").iterdir()} - {MANIFEST}
    assert set(manifest.outputs) == written
    for root, stamps in ((capture, manifest.inputs), (capture / "texsr", manifest.outputs)):
        for name, stamp in stamps.items():
            assert stamp.sha256 == hashlib.sha256((root / name).read_bytes()).hexdigest()
            assert stamp.bytes == (root / name).stat().st_size
    assert manifest.options["scale"] == 4.0
    assert manifest.capture_absolute == str(capture)
    assert manifest.capture_relative == ".."
    assert {"texsr", "torch", "numpy", "python"} <= set(manifest.versions)


def test_masks_and_capture_toml_are_inputs(scene, capture, repeater):
    from PIL import Image

    (capture / "masks").mkdir()
    name = scene.views[0].name
    Image.new("L", (48, 48), 255).save(capture / "masks" / name)
    (capture / "capture.toml").write_text("scale = 2\n")
    run(capture)
    assert {f"masks/{name}", "capture.toml"} <= set(read_manifest(capture / "texsr").inputs)
    assert repeater.seen[0].scale == 2


def test_a_scale_that_was_asked_for_stands_before_capture_toml(capture, repeater):
    (capture / "capture.toml").write_text("scale = 2\n")
    run(capture, settings=RunSettings(scale=4))
    assert repeater.seen[0].scale == 4
    assert not run(capture).fresh
    assert repeater.seen[1].scale == 2


def test_a_fresh_result_is_passed_over(capture, repeater):
    first = run(capture)
    again = run(capture)
    assert again.fresh
    assert again.summary == first.summary
    assert repeater.calls == 1


def test_new_dates_do_not_spoil_a_result_and_new_content_does(capture, repeater):
    run(capture)
    photo = next((capture / "images").iterdir())
    os.utime(photo, (1, 1))
    assert run(capture).fresh
    (capture / "notes.txt").write_text("of no concern")
    assert run(capture).fresh
    from PIL import Image

    Image.new("RGB", (48, 48), (9, 9, 9)).save(photo)
    assert not run(capture).fresh
    assert repeater.calls == 2


def test_other_settings_force_and_another_version_redo(capture, repeater, monkeypatch):
    run(capture)
    assert not run(capture, settings=RunSettings(scale=2)).fresh
    assert not run(capture, settings=RunSettings(scale=2), force=True).fresh
    assert run(capture, settings=RunSettings(scale=2)).fresh
    monkeypatch.setattr("texsr.flows.manifest.texsr_version", lambda: "99")
    assert not run(capture, settings=RunSettings(scale=2)).fresh
    assert repeater.calls == 4


def test_a_result_with_a_file_missing_is_redone(capture, repeater):
    run(capture)
    (capture / "texsr" / "atlas.png").unlink()
    assert not run(capture).fresh
    assert (capture / "texsr" / "atlas.png").is_file()


def test_a_checkpoint_file_is_an_input(capture, repeater, tmp_path):
    checkpoint = tmp_path / "model.safetensors"
    checkpoint.write_bytes(b"one")
    settings = RunSettings(model=str(checkpoint))
    run(capture, settings=settings)
    assert str(checkpoint) in read_manifest(capture / "texsr").inputs
    assert run(capture, settings=settings).fresh
    checkpoint.write_bytes(b"two")
    assert not run(capture, settings=settings).fresh


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


def test_a_result_is_neither_a_capture_nor_part_of_one(capture, repeater):
    run(capture)
    with pytest.raises(CaptureError, match="a result of texsr") as caught:
        settle(capture / "texsr")
    assert str(capture) in caught.value.remedy
    assert run(capture).fresh, "the result itself must not count among the inputs"


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


def test_a_moved_result_finds_its_capture(capture, repeater, tmp_path):
    run(capture)
    both = tmp_path / "elsewhere"
    shutil.copytree(capture, both)
    assert find_capture(both / "texsr") == both
    alone = tmp_path / "alone"
    (capture / "texsr").rename(alone)
    assert find_capture(alone) == capture
    capture.rename(tmp_path / "gone")
    with pytest.raises(OutputError, match="--capture"):
        find_capture(alone)
    assert find_capture(alone, tmp_path / "gone") == tmp_path / "gone"
    with pytest.raises(OutputError, match="no readable manifest"):
        find_capture(tmp_path)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": "texsr-result/2"}', '{"format": 1}'])
def test_a_damaged_manifest_makes_no_result(capture, repeater, damage):
    run(capture)
    (capture / "texsr" / MANIFEST).write_text(damage)
    assert read_manifest(capture / "texsr") is None


def test_a_manifest_reads_as_it_was_written(capture, repeater, tmp_path):
    run(capture)
    manifest = replace(read_manifest(capture / "texsr"), version="ü")
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest
    assert json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))["version"] == "ü"
