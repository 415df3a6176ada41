"""A head on a model: trained, listed, run, told, and refused where it does not belong."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from tests.pictures import picture
from tests.scene_cameras import orbit
from tests.scene_files import write_scene
from tests.scenes import Shape, make_scene
from tests.tiny_heads import read_network, write_head, write_model
from tests.training_jobs import changed, learning, timeless
from texsr.flows.cli import app
from texsr.flows.enlarge import EnlargeJob, enlarge
from texsr.flows.job import settle
from texsr.flows.manifest import read_manifest
from texsr.flows.model_table import model_table, table_text
from texsr.flows.planning import plan_run
from texsr.flows.run import run_job
from texsr.flows.settings import RunSettings
from texsr.flows.sharpen import build_upscaler, sharpen
from texsr.flows.training_presets import PRESETS, Preset
from texsr.flows.training_run import train
from texsr.models.checkpoint import digest_of, read_checkpoint
from texsr.models.implicit_head import HeadConfig
from texsr.pipeline.errors import SettingsError
from texsr.pipeline.stages.load import load_capture

SMALL = HeadConfig(width=6, hidden=8)


@pytest.fixture
def shipped(tmp_path, monkeypatch) -> Path:
    """A folder of shipped checkpoints: a tiny `fast`, and a head of it."""
    folder = tmp_path / "models"
    (folder / "heads" / "fast").mkdir(parents=True)
    model = write_model(folder / "fast.safetensors")
    write_head(folder / "heads" / "fast" / "ciaosr.safetensors", model, says=0.02)
    for module in ("model_choice", "model_table", "sharpen"):
        monkeypatch.setattr(f"texsr.flows.{module}.shipped_folder", lambda: folder)
    return folder


@pytest.fixture
def head_job(job, tmp_path):
    """A training of a head, on the packs of other trainings."""
    start = write_model(tmp_path / "under.safetensors")
    return changed(replace(job, material=replace(job.material, start=start)), config=SMALL)


def refused(*words: object) -> dict:
    result = CliRunner().invoke(app, [str(word) for word in (*words, "--json")])
    assert result.exit_code == 2, result.output
    return json.loads(result.stdout)


def made(capture: Path, work: Path, **options: object):
    work.mkdir()
    settings = RunSettings(device="cpu", model="fast", **options)  # type: ignore[arg-type]
    return sharpen(load_capture(capture), settings, work)


def test_models_list_it_as_a_head_of_its_model(shipped):
    rows = {row.name: row for row in model_table().rows}
    assert list(rows) == ["fast", "projection", "bicubic"]
    (head,) = rows["fast"].heads
    assert (head.name, head.about, head.figures) == ("ciaosr", "A head.", "+0.1 dB")
    assert rows["projection"].heads == ()
    told = model_table().as_json()["models"]["fast"]["heads"]
    assert [one["name"] for one in told] == ["ciaosr"]
    assert f"--head ciaosr: {head.parameters:,} parameters in 0.0 MB; A head." in table_text(
        model_table()
    )


def test_what_does_not_go_together_is_said(shipped, capture, tmp_path):
    facts = refused("run", capture, "--model", "projection", "--head", "ciaosr")
    assert (facts["error"], facts["where"]) == ("SettingsError", "--head")
    assert facts["found"] == "'ciaosr' for model 'projection'"
    assert "no head goes with this model" in facts["expected"]
    assert "`texsr models` lists heads" in facts["remedy"]
    assert not (capture / "texsr").exists()
    facts = refused("run", capture, "--model", "fast", "--head", "xyz")
    assert facts["expected"] == "ciaosr; or a checkpoint file"
    other = write_model(tmp_path / "other.safetensors", seed=1)
    head = shipped / "heads" / "fast" / "ciaosr.safetensors"
    facts = refused("run", capture, "--model", other, "--head", head)
    assert (facts["where"], "SHA-256" in facts["expected"]) == (str(head), True)
    with pytest.raises(SettingsError, match="no head"):
        build_upscaler(str(other), "cpu", "ciaosr")


@pytest.mark.parametrize("scale", [1.5, 2.6, 3.0, 4.0, 5.0])
def test_any_scale_is_made_without_reducing(shipped, capture, tmp_path, scale):
    done = made(capture, tmp_path / "work", scale=scale, head="ciaosr")
    side = round(16 * scale)
    assert done.textures[0].shape[:2] == done.provenance[0].shape[:2] == (side, side)
    assert done.record.model == "fast with head ciaosr"
    assert "reduce" not in done.record.timings_s
    assert not any("reduced" in one.text for one in done.record.findings)
    assert (done.provenance[0][..., 0] > 0).any()


@pytest.mark.parametrize("scale", [2.6, 3.0])
def test_a_head_that_says_nothing_gives_what_reducing_gives(shipped, capture, tmp_path, scale):
    head = write_head(tmp_path / "head.safetensors", shipped / "fast.safetensors")
    ours = made(capture, tmp_path / "ours", scale=scale, head=str(head))
    theirs = made(capture, tmp_path / "theirs", scale=scale)
    both = (ours.provenance[0][..., 0] > 0) & (theirs.provenance[0][..., 0] > 0)
    assert both.mean() > 0.3
    error = np.abs(ours.textures[0].astype(int) - theirs.textures[0].astype(int))[both]
    assert np.quantile(error, 0.9) <= 2
    agreed = ours.provenance[0][..., 0] == theirs.provenance[0][..., 0]
    assert agreed.mean() > 0.9


@pytest.mark.parametrize("scale", [2.6, 3.0])
def test_no_tiling_shows(shipped, tmp_path, scale):
    scene = make_scene(Shape.PLANE, low_tx=80, cameras=orbit(2, size_px=64, half=True))
    capture = write_scene(scene, tmp_path / "wide")
    options = {"scale": scale, "head": "ciaosr", "references": 0}
    whole = made(capture, tmp_path / "whole", tile_size_tx=512, **options)
    tiled = made(capture, tmp_path / "tiled", tile_size_tx=32, **options)
    assert tiled.record.atlases[0].num_tiles == 9
    error = np.abs(whole.textures[0].astype(int) - tiled.textures[0].astype(int))
    assert error.max() <= 1
    assert (error > 0).mean() < 0.02
    np.testing.assert_array_equal(whole.provenance[0][..., 0], tiled.provenance[0][..., 0])


def test_the_manifest_names_it_and_another_head_makes_a_result_stale(shipped, capture, tmp_path):
    model = shipped / "fast.safetensors"
    own = write_head(tmp_path / "own.safetensors", model, says=0.02)

    def fresh(head: object) -> bool:
        asked = None if head is None else str(head)
        return run_job(settle(capture, RunSettings(model="fast", scale=2.0, head=asked))).fresh

    assert not fresh(own)
    assert fresh(own)
    manifest = read_manifest(capture / "texsr")
    assert manifest is not None
    assert manifest.options["head"] == str(own)
    assert str(own) in manifest.inputs
    assert manifest.summary["model"].startswith("fast with head own.safetensors (")
    write_head(own, model, says=0.02, seed=1)
    assert not fresh(own)
    assert not fresh("ciaosr")
    assert fresh("ciaosr")
    manifest = read_manifest(capture / "texsr")
    assert manifest is not None
    assert set(manifest.options["shipped"]) == {"fast", "heads/fast/ciaosr"}
    write_head(shipped / "heads" / "fast" / "ciaosr.safetensors", model, says=0.02, seed=1)
    assert not fresh("ciaosr")
    assert not fresh(None)


def test_a_picture_without_a_mesh_is_enlarged_with_it_too(shipped, tmp_path):
    low = (picture(1, 34, 41).permute(1, 2, 0).numpy() * 100 + 70).astype(np.uint8)
    Image.fromarray(low).save(tmp_path / "map.png")
    silent = write_head(tmp_path / "silent.safetensors", shipped / "fast.safetensors")

    def enlarged(name: str, head: object, tile_tx: int = 64) -> np.ndarray:
        job = EnlargeJob(
            picture=tmp_path / "map.png",
            out=tmp_path / f"{name}.png",
            scale=2.6,
            model="fast",
            head=None if head is None else str(head),
            tile_tx=tile_tx,
        )
        outcome = enlarge(job)
        assert outcome.size_px == (107, 88)
        assert ("with head" in outcome.model) == (head is not None)
        with Image.open(outcome.out) as image:
            return np.asarray(image).astype(int)

    own, none = enlarged("own", "ciaosr"), enlarged("none", None)
    assert np.abs(own - enlarged("tiled", "ciaosr", 17)).max() <= 1
    said_nothing = enlarged("silent", silent)
    assert np.quantile(np.abs(said_nothing - none), 0.9) <= 2
    assert (own != said_nothing).mean() > 0.01


def test_a_plan_needs_no_room_to_reduce(shipped, capture, monkeypatch):
    monkeypatch.setattr("texsr.flows.planning.scratch_bytes", lambda *sizes: 10**12)

    def disk(head: str | None) -> float:
        settings = RunSettings(model="fast", scale=3.0, head=head, device="cpu")
        return plan_run(settle(capture, settings)).disk_mb

    assert disk("ciaosr") < 1000 < disk(None)


def test_training_gives_a_head_for_its_model_and_leaves_that_alone(head_job):
    start = head_job.material.start
    before = start.read_bytes()
    outcome = train(head_job)
    assert outcome.validation
    found = read_checkpoint(head_job.out / "last.safetensors")
    assert found.architecture == "ciao-head"
    assert found.config["model"] == "under"
    assert found.config["sha256"] == digest_of(read_checkpoint(start))
    assert found.config["features"] == 8
    assert not any(name.startswith(("ports", "prior")) for name in found.weights)
    assert "head" in found.facts["about"]
    assert start.read_bytes() == before
    head = head_job.out / "last.safetensors"
    assert "with head last.safetensors" in build_upscaler(str(start), "cpu", str(head)).name


def test_going_on_gives_the_bits_of_never_having_stopped(head_job, tmp_path):
    train(head_job)
    other = replace(head_job, out=tmp_path / "parts")
    sitting = replace(head_job.sitting, minutes=0.0)
    steps = [train(replace(other, sitting=sitting)).step for _ in range(2)]
    assert steps[0] < steps[1] < 4
    train(other)
    ours, theirs = (read_network(one.out / "last.safetensors") for one in (head_job, other))
    for name, weight in ours.state_dict().items():
        assert torch.equal(weight, theirs.state_dict()[name]), name
    assert timeless(head_job.out / "log.jsonl") == timeless(other.out / "log.jsonl")


def test_a_head_needs_a_default_network_to_learn_on(head_job, tmp_path):
    material = head_job.material
    with pytest.raises(SettingsError, match="no --from, to train a head on"):
        train(replace(head_job, material=replace(material, start=None)))
    head = write_head(tmp_path / "head.safetensors", material.start)
    with pytest.raises(SettingsError, match="a checkpoint of 'ciao-head'"):
        train(replace(head_job, material=replace(material, start=head)))
    with pytest.raises(SettingsError, match="stays as it is"):
        train(learning(head_job, lessons=1))
    assert isinstance(PRESETS[Preset.CIAOSR_HEAD], HeadConfig)
