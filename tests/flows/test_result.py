"""A result says what it is made of, is made again when that changes, and finds its capture."""

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.flows.conftest import contents, run
from texsr.flows.job import settle
from texsr.flows.manifest import MANIFEST, find_capture, read_manifest, write_manifest
from texsr.flows.settings import RunSettings
from texsr.pipeline.errors import CaptureError, OutputError
from texsr.pipeline.formats.images import read_image


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


def test_a_result_is_neither_a_capture_nor_part_of_one(capture, repeater):
    run(capture)
    with pytest.raises(CaptureError, match="a result of texsr") as caught:
        settle(capture / "texsr")
    assert str(capture) in caught.value.remedy
    assert run(capture).fresh, "the result itself must not count among the inputs"


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
