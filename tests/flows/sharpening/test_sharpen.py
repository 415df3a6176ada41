"""Whole runs on small analytic captures: what they gain, and what must not show in them."""

from pathlib import Path
from statistics import median

import numpy as np
import pytest
from PIL import Image

from tests.scene_cameras import orbit
from tests.scene_variants import with_decoys, with_noise_behind
from tests.scenes import Scene, Shape, make_scene
from tests.sharpened_scenes import read, run
from texsr.flows.settings import RunSettings
from texsr.flows.sharpen import Sharpened, build_upscaler, choose_device, sharpen
from texsr.pipeline.color import to_float, to_integer
from texsr.pipeline.errors import SettingsError
from texsr.pipeline.stages.load import LoadSettings, load_capture
from texsr.pipeline.stages.measure import measure

SAMPLE = Path(__file__).resolve().parents[3] / "assets" / "sample"
UNSEEN, PHOTO_BACKED = 1, 4


def gain_db(scene: Scene, done: Sharpened) -> float:
    truth = to_integer(scene.truth, np.dtype(np.uint8))
    low = scene.surface.atlases[0].stored
    gain = measure(done.textures[0], truth, scene.covered, low=low).gain_db
    assert gain is not None
    return gain


@pytest.fixture(scope="module")
def alone(capture, tmp_path_factory) -> Sharpened:
    """The same without references."""
    return run(capture, tmp_path_factory.mktemp("alone") / "work", references=0)


def test_photos_gain_decibels_and_the_record_tells_the_same(cube, done, alone):
    assert gain_db(cube, done) > gain_db(cube, alone) + 2.0
    assert gain_db(cube, alone) >= 0.0
    record = done.record.atlases[0]
    assert done.record.model == "projection"
    assert record.low_size_tx == (48, 48)
    assert record.high_size_tx == done.textures[0].shape[:2] == (192, 192)
    assert record.bits == 8
    level = done.provenance[0][..., 0]
    covered = level > 0
    assert record.share_covered == pytest.approx(covered.mean())
    assert record.share_photo_backed == pytest.approx((level == PHOTO_BACKED).sum() / covered.sum())
    assert record.share_photo_backed > 0.5
    assert [view.name for view in record.views] == [view.name for view in cube.views]
    assert all(view.used and view.trust > 0.3 for view in record.views)
    assert 0.95 < sum(view.share_best for view in record.views) <= 1.0 + 1e-9


def test_every_texel_on_a_chart_has_a_level_and_no_other(cube, done):
    level = done.provenance[0][..., 0]
    assert (level[cube.covered] > 0).all()
    # Texels at most two beyond a border are treated as surface, so that filtering finds some there.
    from scipy.ndimage import distance_transform_edt

    assert (level[distance_transform_edt(~cube.covered) > 3] == 0).all()
    assert set(np.unique(level)) <= {0, 1, 2, 3, 4}


def test_tile_sizes_do_not_show(capture, done, tmp_path):
    whole = done.textures[0].astype(int)
    covered = done.provenance[0][..., 0] > 0
    for size in (16, 24, 37):
        cut = run(capture, tmp_path / str(size), tile_size_tx=size)
        assert cut.record.atlases[0].num_tiles == (-(-48 // size)) ** 2
        difference = np.abs(cut.textures[0].astype(int) - whole)[covered]
        assert difference.max() <= 1, size
        np.testing.assert_array_equal(cut.provenance[0][..., 0] > 0, done.provenance[0][..., 0] > 0)


def test_the_same_input_gives_the_same_bytes(capture, done, tmp_path):
    again = run(capture, tmp_path / "again")
    assert again.textures[0].tobytes() == done.textures[0].tobytes()
    assert again.provenance[0].tobytes() == done.provenance[0].tobytes()
    assert again.record.atlases == done.record.atlases


def test_seams_agree_no_worse_than_before(done):
    before, after = done.record.atlases[0].seam_error
    assert after <= before


def test_gutters_continue_their_charts(cube, done):
    """Filtering at a chart's border finds surface: gutter texels look like those inside."""
    from scipy.ndimage import distance_transform_edt

    distance, nearest = distance_transform_edt(~cube.covered, return_indices=True)
    gutter = (distance > 2) & (distance < 10)
    high = to_float(np.asarray(done.textures[0]))
    inside = high[tuple(nearest)][gutter]
    assert gutter.sum() > 500
    assert np.abs(high[gutter] - inside).mean() < 0.06


def test_bicubic_is_pillows_on_the_charts(cube, capture, tmp_path):
    plain = run(capture, tmp_path / "plain", model="bicubic")
    low = Image.fromarray(cube.surface.atlases[0].stored)
    expected = np.asarray(low.resize((192, 192), Image.Resampling.BICUBIC)).astype(int)
    assert plain.record.model == "bicubic"
    # Within the reach of a seam both sides were moved to agree.
    from scipy.ndimage import distance_transform_edt

    inner = distance_transform_edt(cube.covered) > 5
    assert np.abs(plain.textures[0].astype(int) - expected)[inner].max() <= 1
    assert (plain.provenance[0][..., 0][cube.covered] == UNSEEN).all()
    assert plain.record.atlases[0].share_photo_backed == 0


def test_no_references_are_said_to_be_unseen(cube, alone):
    level, confidence = np.moveaxis(np.asarray(alone.provenance[0]), -1, 0)
    assert (level[cube.covered] == UNSEEN).all()
    assert confidence[cube.covered].max() > 0
    assert not any(view.used for view in alone.record.atlases[0].views)


def test_fewer_references_cost_quality_and_never_fall_below_none(
    cube, capture, done, alone, tmp_path
):
    two = gain_db(cube, run(capture, tmp_path / "two", references=2))
    assert gain_db(cube, alone) < two <= gain_db(cube, done) + 0.5


def test_what_no_photo_sees_stays_as_without_photos(tmp_path):
    """Cameras above the cube: its underside is unseen, and equals the result without references."""
    from scipy.ndimage import distance_transform_edt

    above = [camera for camera in orbit(14, size_px=160) if camera.centre[2] > 0.5]
    scene = make_scene(Shape.CUBE, low_tx=48, cameras=above)
    capture = read(scene, tmp_path / "half")
    half = run(capture, tmp_path / "with")
    none = run(capture, tmp_path / "without", references=0)
    level = half.provenance[0][..., 0]
    far = (level == UNSEEN) & (distance_transform_edt(level <= UNSEEN) > 16)
    # At a chart's border the surface goes on elsewhere, maybe seen: there the seam decides.
    far &= distance_transform_edt(scene.covered) > 4
    assert far.sum() > 1000
    difference = half.textures[0].astype(int) - none.textures[0]
    assert np.abs(difference[far]).max() <= 1
    seen = (level == PHOTO_BACKED) & scene.covered
    assert np.abs(difference[seen]).max() > 4
    assert 0.1 < half.record.atlases[0].share_unseen < 0.9


@pytest.mark.parametrize("change", [with_noise_behind, with_decoys], ids=["masks", "decoys"])
def test_masks_and_decoys_cost_less_than_a_tenth_of_a_decibel(cube, done, tmp_path, change):
    changed = run(read(change(cube), tmp_path / "changed"), tmp_path / "work")
    assert gain_db(cube, changed) > gain_db(cube, done) - 0.1


def test_decoys_are_named_and_left_alone(cube, tmp_path):
    record = run(read(with_decoys(cube), tmp_path / "d"), tmp_path / "work").record.atlases[0]
    decoys = [view for view in record.views if view.name.startswith("decoy")]
    honest = [view for view in record.views if not view.name.startswith("decoy")]
    assert len(decoys) == 2
    # Smooth waves agree a little with any others: what counts is the distance to the honest photos.
    assert max(view.trust for view in decoys) < 0.4 * median(view.trust for view in honest)
    assert min(view.trust for view in honest) > 0.4
    assert all("does not show this surface" in view.reason for view in decoys)
    assert max(view.share_best for view in decoys) < 0.02


def test_progress_runs_to_its_end(capture, tmp_path):
    told: list[tuple[str, int, int]] = []
    tmp_path.joinpath("work").mkdir()
    sharpen(
        capture,
        RunSettings(tile_size_tx=24),
        tmp_path / "work",
        lambda stage, done, total: told.append((stage, done, total)),
    )
    for stage in {stage for stage, _, _ in told}:
        steps = [(done, total) for name, done, total in told if name == stage]
        assert steps[-1][0] == steps[-1][1]
        assert [done for done, _ in steps] == sorted(done for done, _ in steps)


def test_models_scales_and_devices_that_do_not_exist_are_refused():
    with pytest.raises(SettingsError, match="no such"):
        build_upscaler("no such")
    with pytest.raises(SettingsError, match="--scale"):
        RunSettings(scale=8.5)
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") in ("cpu", "cuda")


@pytest.mark.slow
def test_the_sample_capture_gains(tmp_path):
    capture = load_capture(SAMPLE / "capture", LoadSettings())
    result = run(capture, tmp_path / "work")
    truth = np.asarray(Image.open(SAMPLE / "truth" / "atlas.png").convert("RGB"))
    mask = np.asarray(Image.open(SAMPLE / "truth" / "mask.png").convert("L")) > 127
    stored = capture.surface.atlases[0].stored[..., :3]
    gain = measure(result.textures[0][..., :3], truth, mask, low=stored).gain_db
    assert gain is not None
    assert gain > 1.0
    before, after = result.record.atlases[0].seam_error
    assert after <= before
