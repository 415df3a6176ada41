"""Scales that are not the model's own: made at the next larger one, then reduced to the size."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.scene_cameras import orbit
from tests.scene_files import write_scene
from tests.scenes import Scene, Shape, make_scene, render_atlas, waves
from texsr.flows import atlas_job, new_atlas
from texsr.flows.job import settle
from texsr.flows.planning import plan_run
from texsr.flows.run import run_job
from texsr.flows.scoring import score_against_truth
from texsr.flows.settings import RunSettings
from texsr.flows.sharpen import Sharpened, sharpen
from texsr.flows.workers import WORKERS
from texsr.models.bicubic import Bicubic
from texsr.pipeline.capture import Capture, Severity
from texsr.pipeline.color import to_float, to_integer
from texsr.pipeline.errors import OutputError, SettingsError
from texsr.pipeline.formats.images import read_image
from texsr.pipeline.resample import resize
from texsr.pipeline.stages.load import LoadSettings, load_capture
from texsr.pipeline.stages.measure import measure

EIGHT_BITS = np.dtype(np.uint8)
PHOTO_BACKED = 4


def run(capture: Capture, work: Path, scale: float, **options: object) -> Sharpened:
    work.mkdir(parents=True)
    settings = RunSettings(scale=scale, **{"model": "projection", **options})  # type: ignore[arg-type]
    return sharpen(capture, settings, work)


def with_atlases(capture: Capture, *stored: np.ndarray) -> Capture:
    """Give the sides of the cube to as many atlases as there are images, in turn."""
    surface = capture.surface
    material = (surface.charts.chart_id % len(stored)).astype(np.int32)
    atlases = tuple(
        replace(surface.atlases[0], name=f"{index}.png", stored=image)
        for index, image in enumerate(stored)
    )
    charts = replace(surface.charts, material_id=material)
    return replace(capture, surface=replace(surface, charts=charts, atlases=atlases))


def truth_at(scene: Scene, side_tx: int) -> tuple[np.ndarray, np.ndarray]:
    """The analytic atlas at any size, and its texels on the charts."""
    color, covered = render_atlas(
        scene.surface.mesh, scene.surface.charts, scene.color_of, size_tx=side_tx, gutter_tx=12
    )
    return to_integer(color, EIGHT_BITS), covered


@pytest.fixture(scope="module")
def cube() -> Scene:
    return make_scene(
        Shape.CUBE,
        low_tx=45,
        scale=4,
        cameras=orbit(8, size_px=160),
        color_of=waves(cycles_per_unit=5.0, num_waves=12),
    )


@pytest.fixture(scope="module")
def root(cube, tmp_path_factory) -> Path:
    return write_scene(cube, tmp_path_factory.mktemp("cube") / "capture")


@pytest.fixture(scope="module")
def capture(root) -> Capture:
    return load_capture(root, LoadSettings())


@pytest.fixture(scope="module")
def done(capture, tmp_path_factory) -> Sharpened:
    return run(capture, tmp_path_factory.mktemp("done") / "work", 2.5)


def test_photos_beat_bicubic_at_two_and_a_half(cube, done):
    truth, covered = truth_at(cube, 112)
    scores = measure(done.textures[0], truth, covered, low=cube.surface.atlases[0].stored)
    assert scores.gain_db is not None
    assert scores.gain_db > 3.0


def test_the_record_tells_the_scale_and_the_size_that_were_asked_for(done):
    record = done.record.atlases[0]
    assert done.record.scale == 2.5
    assert record.high_size_tx == done.textures[0].shape[:2] == (112, 112)
    assert record.tx_per_unit[1] == pytest.approx(2.5 * record.tx_per_unit[0])
    assert record.worth.px_per_texel.median == pytest.approx(record.worth.fillable_scale / 2.5)
    told = [one for one in done.record.findings if "--scale" in one.where]
    assert [one.severity for one in told] == [Severity.INFO]
    assert "made at x3" in told[0].text
    assert "reduce" in done.record.timings_s


def test_provenance_keeps_its_levels_and_the_record_counts_them(cube, done):
    _, covered = truth_at(cube, 112)
    level, confidence = np.moveaxis(np.asarray(done.provenance[0]), -1, 0)
    record = done.record.atlases[0]
    assert level.shape == (112, 112)
    assert set(np.unique(level)) <= {0, 1, 2, 3, 4}
    assert (level[covered] > 0).all()
    assert (confidence[level == 0] == 0).all()
    assert confidence[level == PHOTO_BACKED].min() > 0
    assert record.share_covered == pytest.approx((level > 0).mean())
    assert record.share_photo_backed == pytest.approx((level[level > 0] == PHOTO_BACKED).mean())
    assert record.share_photo_backed > 0.5


def test_sides_of_seams_agree_after_the_reduction_too(capture, done, tmp_path):
    own = run(capture, tmp_path / "own", 3).record.atlases[0]
    before, after = done.record.atlases[0].seam_error
    assert after < before / 2
    assert after < own.seam_error[1] + 0.5


def test_only_what_is_kept_stays_on_the_disk(done):
    files = {Path(str(each[0].filename)) for each in (done.textures, done.provenance)}
    assert set(next(iter(files)).parent.iterdir()) == files


def test_tile_sizes_do_not_show(capture, done, tmp_path):
    cut = run(capture, tmp_path / "cut", 2.5, tile_size_tx=16)
    assert cut.record.atlases[0].num_tiles == 9
    covered = done.provenance[0][..., 0] > 0
    off = np.abs(cut.textures[0].astype(int) - done.textures[0])[covered]
    assert off.max() <= 1


@pytest.mark.parametrize("scale", [1.5, 2.5, 3.3, 7.9])
def test_a_constant_atlas_stays_constant(capture, tmp_path, scale):
    stored = np.broadcast_to(np.array([200, 100, 3, 77], np.uint8), (29, 37, 4)).copy()
    high = run(with_atlases(capture, stored), tmp_path / "flat", scale, references=0).textures[0]
    assert high.shape == (round(29 * scale), round(37 * scale), 4)
    assert (high == stored[0, 0]).all()


@pytest.mark.parametrize("scale", [1.5, 2.5, 3.3, 7.9])
def test_a_smooth_atlas_comes_out_as_if_drawn_at_that_size(tmp_path, scale):
    """On a plane: where sides of a seam show different things, they are mixed."""

    def drawn(side_tx: int) -> np.ndarray:
        y, x = (np.mgrid[0:side_tx, 0:side_tx] + 0.5) / side_tx
        planes = [0.5 + 0.3 * np.sin(6 * x), 0.5 + 0.3 * np.cos(5 * y), 0.2 + 0.5 * x * y]
        return to_integer(np.stack(planes, axis=-1).astype(np.float32), EIGHT_BITS)

    plane = make_scene(Shape.PLANE, cameras=orbit(1, size_px=32, half=True))
    capture = load_capture(write_scene(plane, tmp_path / "plane"), LoadSettings())
    made = run(with_atlases(capture, drawn(40)), tmp_path / "smooth", scale, references=0)
    high, side_tx = made.textures[0], round(40 * scale)
    assert high.shape == (side_tx, side_tx, 3)
    off = np.abs(high.astype(int) - drawn(side_tx))
    border = round(2 * scale)  # beyond it there was nothing to look at
    inner = off[border:-border, border:-border]
    assert inner.max() <= 2
    assert inner.mean() < 0.6


def test_atlases_of_any_kind_and_of_odd_sizes_get_their_own_size(cube, capture, tmp_path):
    deep = to_integer(resize(cube.truth, height=45, width=51), np.dtype(np.uint16))
    ramp = np.linspace(9000, 57000, 51).astype(np.uint16)[None, :, None].repeat(45, axis=0)
    grey = to_integer(resize(cube.truth, height=33, width=48)[..., :1], EIGHT_BITS)
    both = with_atlases(capture, np.concatenate([deep, ramp], axis=2), grey)
    made = run(both, tmp_path / "both", 1.7)
    assert [t.shape for t in made.textures] == [(76, 87, 4), (56, 82, 1)]
    assert [t.dtype for t in made.textures] == [np.uint16, np.uint8]
    assert [p.shape for p in made.provenance] == [(76, 87, 2), (56, 82, 2)]
    assert [r.high_size_tx for r in made.record.atlases] == [(76, 87), (56, 82)]
    high = np.asarray(made.textures[0])
    assert (high[..., :3] % 257 != 0).mean() > 0.5
    alpha = resize(resize(to_float(ramp), height=90, width=102), height=76, width=87)
    assert np.abs(to_float(high[..., 3:]) - alpha).max() < 2 / 65535
    assert len(list((tmp_path / "both").iterdir())) == 4


def test_a_scale_of_the_models_own_is_written_as_it_is_made(capture, tmp_path, monkeypatch):
    def never(*_: object) -> None:
        raise AssertionError("a scale of the model's own was reduced")

    monkeypatch.setattr(atlas_job, "reduce_into", never)
    made = run(capture, tmp_path / "own", 2.0, references=2)
    assert made.textures[0].shape == (90, 90, 3)
    assert "reduce" not in made.record.timings_s
    assert not any("--scale" in one.where for one in made.record.findings)


def test_beyond_a_models_largest_scale_it_says_which_one_that_is(capture, tmp_path, monkeypatch):
    monkeypatch.setattr(Bicubic, "scales", (2,))
    with pytest.raises(SettingsError, match="model 'bicubic'") as caught:
        run(capture, tmp_path / "far", 2.5, model="bicubic")
    assert "--scale 2" in caught.value.remedy


def test_a_disk_without_room_for_the_larger_atlas_is_told_before_the_work(
    capture, tmp_path, monkeypatch
):
    needed = new_atlas.scratch_bytes(capture, 2.5, 3, 0)
    assert needed == 112 * 112 * 5 + 135 * 135 * 5
    beside = new_atlas.scratch_bytes(capture, 2.5, 3, 6)
    assert beside == needed + 135 * 135 * 6
    monkeypatch.setattr(
        "texsr.flows.new_atlas.shutil.disk_usage", lambda place: SimpleNamespace(free=needed - 1)
    )
    with pytest.raises(OutputError, match="made at x3"):
        run(capture, tmp_path / "full", 2.5)
    assert not list((tmp_path / "full").iterdir())


def test_a_plan_tells_the_size_wanted_and_counts_the_work_of_the_larger_one(root):
    def planned(scale: float):
        settings = RunSettings(scale=scale, model="projection")
        return plan_run(settle(root, settings, force=True))

    plans = {scale: planned(scale) for scale in (2.0, 2.5, 3.0)}
    atlas = plans[2.5].atlases[0]
    assert atlas.high_size_tx == (112, 112)
    assert atlas.tile_size_tx == plans[3.0].atlases[0].tile_size_tx
    assert atlas.worth.px_per_texel.median == pytest.approx(atlas.worth.fillable_scale / 2.5)
    assert plans[2.0].disk_mb < plans[2.5].disk_mb <= plans[3.0].disk_mb


def test_a_plan_takes_the_time_of_one_tile_for_all_of_them(root, monkeypatch):
    clock = iter(range(0, 10_000, 6))  # whatever is timed takes six seconds
    monkeypatch.setattr("texsr.flows.trial_tile.time.perf_counter", lambda: next(clock))
    told = {
        side: plan_run(settle(root, RunSettings(scale=2.0, model="projection", tile_size_tx=side)))
        for side in (16, 48)
    }
    # The atlas of 45 texels is one tile, which two workers would share: and calibration is timed.
    assert told[48].seconds == pytest.approx(6.0 + 6.0 / WORKERS)
    assert told[16].seconds > told[48].seconds  # smaller tiles look at more around them
    assert told[16].atlases[0].num_tiles == 9


def test_a_plan_takes_the_time_of_what_comes_before_tiles(root, monkeypatch):
    clock = iter(range(0, 10_000, 6))
    monkeypatch.setattr("texsr.flows.trial_tile.time.perf_counter", lambda: next(clock))
    told = plan_run(settle(root, RunSettings(scale=4.0, model="fast")))
    # A piece has all cores.
    assert told.seconds == pytest.approx(6.0 + 6.0 + 6.0 / WORKERS)


def test_a_result_of_any_scale_is_whole_fresh_and_can_be_measured(cube, root, tmp_path):
    settings = RunSettings(scale=2.5, model="projection", references=3)
    out = tmp_path / "out"
    first = run_job(settle(root, settings, out=out))
    assert first.summary["scale"] == 2.5
    images = [read_image(out / name, where=name)[0] for name in ("atlas.png", _origin(out))]
    assert [image.shape for image in images] == [(112, 112, 3), (112, 112, 2)]
    manifest: Mapping = json.loads((out / "manifest.json").read_text())
    assert manifest["options"]["scale"] == 2.5
    assert run_job(settle(root, settings, out=out)).fresh
    assert not list(out.parent.glob(".*staging*"))
    truth, covered = truth_at(cube, 112)
    from PIL import Image

    Image.fromarray(truth).save(tmp_path / "truth.png")
    Image.fromarray(covered).save(tmp_path / "covered.png")
    scored = score_against_truth(out, tmp_path / "truth.png", mask=tmp_path / "covered.png")
    assert scored["gain_db"] > 2.0


def _origin(out: Path) -> str:
    return next(path.name for path in out.glob("*.provenance.png"))
