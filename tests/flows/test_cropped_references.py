"""Runs whose references are crops of photos instead of photos warped into texels."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.flows.conftest import contents
from tests.pictures import most_alike_db
from tests.scene_cameras import look_at, rolled
from tests.scene_files import write_scene
from tests.scenes import Scene, Shape, make_scene, waves
from tests.sharpened_scenes import waved_cube
from tests.tiny_networks import CIAOSR, MASA, write_random
from texsr.flows.atlas_job import AtlasJob
from texsr.flows.calibration import calibrate
from texsr.flows.job import settle
from texsr.flows.manifest import read_manifest
from texsr.flows.planning import plan_run
from texsr.flows.progress import silent
from texsr.flows.run import run_job
from texsr.flows.scene import Scene as WorkScene
from texsr.flows.settings import ReferenceForm, RunSettings
from texsr.flows.sharpen import Sharpened, build_upscaler, sharpen
from texsr.flows.tile_crops import CropSource
from texsr.pipeline.capture import Capture
from texsr.pipeline.color import to_integer
from texsr.pipeline.errors import SettingsError
from texsr.pipeline.stages.load import load_capture
from texsr.pipeline.stages.measure import measure
from texsr.pipeline.stages.select import select
from texsr.pipeline.tile import Region

SCALE = 4
UNSEEN, INVENTED, PHOTO_BACKED = 1, 2, 4
CROPPED = RunSettings(references_as=ReferenceForm.CROPPED, device="cpu")


def source(capture: Capture, *, num_crops: int | None = 4) -> CropSource:
    scene = WorkScene(capture, CROPPED, silent)
    calibration = calibrate(scene, 0)
    selection = select(calibration.views, calibration.covered, num_crops)
    return CropSource(scene, 0, SCALE, selection, num_crops)


def run(capture: Capture, work: Path, **settings: object) -> Sharpened:
    work.mkdir(parents=True)
    return sharpen(capture, replace(CROPPED, **settings), work)


@pytest.fixture
def masa(tmp_path) -> str:
    """A tiny network that looks for itself."""
    return str(write_random(MASA, tmp_path / "masa.safetensors"))


@pytest.fixture(scope="module")
def cube() -> Scene:
    return waved_cube(8, cycles_per_unit=4.0)


@pytest.fixture(scope="module")
def half_seen(tmp_path_factory) -> Capture:
    """A plane that one camera sees the left third of; the low atlas is 96 texels wide."""
    camera = look_at((-0.75, 0.0, 0.9), (-0.75, 0.0, 0.0), size_px=160, focal=1.2)
    scene = make_scene(Shape.PLANE, low_tx=96, cameras=[camera], color_of=waves())
    return load_capture(write_scene(scene, tmp_path_factory.mktemp("plane") / "capture"))


def test_crops_stand_as_their_tile_does(tmp_path):
    """Cameras held anyhow and at any distance: 48 x 48 high texels are found again at 38 dB."""
    cameras = [
        rolled(look_at((0, 0, distance), size_px=160, focal=1.2), roll)
        for distance, roll in ((3.0, 0.5), (4.0, 1.8), (5.5, -2.2))
    ]
    scene = make_scene(Shape.PLANE, low_tx=16, cameras=cameras, color_of=waves(cycles_per_unit=2.0))
    cut = source(load_capture(write_scene(scene, tmp_path / "plane"))).cut(
        Region(x=0, y=0, width=16, height=16)
    )
    assert cut is not None
    assert sorted(cut.view_indices) == [0, 1, 2]
    wanted = 255.0 * scene.truth[8:56, 8:56]
    shown = [255.0 * one.permute(1, 2, 0).numpy() for one in cut.references.photos]
    assert min(most_alike_db(wanted, one) for one in shown) > 38.0
    assert cut.seen[scene.covered].mean() > 0.95


def test_charts_of_a_tile_that_stand_differently_have_crops_of_their_own(cube, tmp_path):
    """A tile over two sides of the cube: crops show both, and a single one the larger part."""
    capture = load_capture(write_scene(cube, tmp_path / "cube"))
    region = Region(x=4, y=4, width=20, height=16)  # 12 columns of one side, 8 of the next
    several = source(capture).cut(region)
    single = source(capture, num_crops=1).cut(region)
    assert several is not None
    assert single is not None
    assert len(several.references.photos) == 4
    assert len(single.references.photos) == 1
    left, right = several.seen[:, :44], several.seen[:, 52:]
    assert left.any()
    assert right.any()
    assert single.seen[:, :44].any()
    assert not single.seen[:, 52:].any()
    core = Region(x=17, y=4, width=7, height=16)
    beside = source(capture, num_crops=1).cut(region, core)
    assert beside is not None
    assert beside.seen[:, 52:].any()
    assert not beside.seen[:, :44].any()


def test_a_run_finishes_and_says_what_was_done(cube, masa, tmp_path):
    capture = load_capture(write_scene(cube, tmp_path / "cube"))
    done = run(capture, tmp_path / "work", model=masa, tile_size_tx=16)
    record = done.record
    assert done.textures[0].shape == (192, 192, 3)
    assert record.references_as == "cropped"
    assert any(view.used for view in record.atlases[0].views)
    level = done.provenance[0][..., 0]
    assert set(np.unique(level[cube.covered])) <= {UNSEEN, INVENTED}
    assert (level[cube.covered] == INVENTED).mean() > 0.95
    assert any("claims no texel" in finding.text for finding in record.findings)
    unused = [view for view in record.atlases[0].views if not view.used]
    assert all(view.reason for view in unused)


def test_the_default_network_gains_by_crops_and_repeats_itself(cube, tmp_path):
    """Two tiles are in flight at a time, each with photos of its own."""
    capture = load_capture(write_scene(cube, tmp_path / "cube"))
    made = partial(run, capture, model="fast", tile_size_tx=16)
    done, again = made(tmp_path / "done"), made(tmp_path / "again")
    assert done.textures[0].tobytes() == again.textures[0].tobytes()
    alone = made(tmp_path / "alone", references=0)
    truth, low = to_integer(cube.truth, np.dtype(np.uint8)), cube.surface.atlases[0].stored
    gain, without = (
        measure(one.textures[0], truth, cube.covered, low=low).gain_db for one in (done, alone)
    )
    assert gain is not None
    assert without is not None
    assert gain > without
    assert (alone.provenance[0][..., 0][cube.covered] == UNSEEN).all()
    assert not any(view.used for view in alone.record.atlases[0].views)


def test_a_tile_that_nobody_sees_is_restored_alone(half_seen, masa, tmp_path):
    given = run(half_seen, tmp_path / "given", model=masa, tile_size_tx=16)
    alone = run(half_seen, tmp_path / "alone", model=masa, tile_size_tx=16, references=0)
    right = np.s_[:, 64 * SCALE :]
    np.testing.assert_array_equal(given.textures[0][right], alone.textures[0][right])
    level = given.provenance[0][..., 0]
    assert set(np.unique(level[right])) <= {0, UNSEEN}
    assert (level[:, : 20 * SCALE] == INVENTED).any()
    assert (given.textures[0] != alone.textures[0]).any()
    assert source(half_seen).cut(Region(x=70, y=16, width=16, height=16)) is None


def test_masked_photos_give_no_background(cube, tmp_path):
    """What is off the object is red in every photo, and masked."""
    photos = [
        replace(one, color=np.where(one.valid[..., None], one.color, np.uint8([255, 0, 0])))
        for one in cube.photos
    ]
    masked = replace(cube, photos=tuple(photos), masked=True)
    cut = source(load_capture(write_scene(masked, tmp_path / "cube"))).cut(
        Region(x=0, y=0, width=16, height=24)
    )
    assert cut is not None
    for crop in cut.references.photos:
        assert not ((crop[0] > 0.9) & (crop[1] < 0.1)).any()


@pytest.mark.parametrize("model", ["projection", "bicubic", "ciaosr"])
def test_models_that_do_not_search_refuse_before_anything_is_written(capture, tmp_path, model):
    before = contents(capture)
    tiny = tmp_path / "ciaosr.safetensors"
    named = str(write_random(CIAOSR, tiny)) if model == "ciaosr" else model
    job = settle(capture, replace(CROPPED, model=named), out=tmp_path / "out")
    for refused in (partial(run_job, job), partial(plan_run, job)):
        with pytest.raises(SettingsError, match="--references") as caught:
            refused()
        assert "cropped" in caught.value.found
        assert "finds by itself" in caught.value.expected
        assert "--model fast" in caught.value.remedy
    assert contents(capture) == before
    assert not (tmp_path / "out").exists()


def test_the_choice_is_in_the_manifest_and_spoils_other_results(capture, masa, tmp_path):
    out = tmp_path / "out"
    warped = replace(CROPPED, model=masa, references_as=ReferenceForm.WARPED)
    cropped = replace(warped, references_as=ReferenceForm.CROPPED)
    assert not run_job(settle(capture, warped, out=out)).fresh
    outcome = run_job(settle(capture, cropped, out=out))
    assert not outcome.fresh
    assert outcome.as_json()["references_as"] == "cropped"
    manifest = read_manifest(out)
    assert manifest is not None
    assert manifest.options["references_as"] == "cropped"
    assert manifest.summary["references_as"] == "cropped"
    assert json.loads((out / "report.json").read_text())["references_as"] == "cropped"
    assert run_job(settle(capture, cropped, out=out)).fresh
    assert not run_job(settle(capture, warped, out=out)).fresh


def test_tiles_of_crops_are_small_and_planned_with_their_memory(cube, masa, tmp_path):
    capture = load_capture(write_scene(cube, tmp_path / "cube"))
    wide = replace(capture.surface.atlases[0], stored=np.zeros((300, 300, 3), np.uint8))
    capture = replace(capture, surface=replace(capture.surface, atlases=(wide,)))
    sides = {}
    for form in ReferenceForm:
        settings = replace(CROPPED, references_as=form, memory_mb=8192)
        scene = WorkScene(capture, settings, silent)
        job = AtlasJob(scene, 0, build_upscaler("fast", "cpu"), SCALE, tmp_path)
        sides[form] = job.plan(calibrate(scene, 0))[0].core.width
    assert sides[ReferenceForm.CROPPED] <= 64 < sides[ReferenceForm.WARPED]


def test_flows_take_the_form_as_a_word(capture):
    """Deployments hold parameters as JSON."""
    from texsr.flows.super_resolve import super_resolve_capture

    words = {"capture": str(capture), "settings": {"references_as": "cropped"}}
    taken = super_resolve_capture.validate_parameters(words)
    assert taken["settings"] == RunSettings(references_as=ReferenceForm.CROPPED)
