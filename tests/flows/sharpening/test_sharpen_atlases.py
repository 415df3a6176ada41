"""Whole runs on atlases of other kinds: deep, with alpha, grey, several, of odd sizes."""

from dataclasses import replace

import numpy as np

from tests.sharpened_scenes import run
from texsr.pipeline.capture import Capture
from texsr.pipeline.color import to_float, to_integer
from texsr.pipeline.resample import resize
from texsr.pipeline.stages.measure import measure


def with_atlas(capture: Capture, stored: np.ndarray) -> Capture:
    atlas = replace(capture.surface.atlases[0], stored=stored)
    return replace(capture, surface=replace(capture.surface, atlases=(atlas,)))


def test_sixteen_bits_come_out_as_sixteen(cube, capture, done, tmp_path):
    low = resize(cube.truth, height=48, width=48)
    deep = run(with_atlas(capture, to_integer(low, np.dtype(np.uint16))), tmp_path / "deep")
    high = np.asarray(deep.textures[0])
    assert high.dtype == np.uint16
    assert deep.record.atlases[0].bits == 16
    assert len(np.unique(high[cube.covered])) > 4 * 256
    assert (high[cube.covered] % 257 != 0).mean() > 0.9
    off = np.abs(to_float(high) - to_float(np.asarray(done.textures[0])))[cube.covered]
    assert np.median(off) < 1 / 255


def test_alpha_is_enlarged_and_never_sharpened(cube, capture, done, tmp_path):
    stored = capture.surface.atlases[0].stored
    ramp = np.linspace(0, 255, 48, dtype=np.uint8)[None, :, None].repeat(48, axis=0)
    result = run(with_atlas(capture, np.concatenate([stored, ramp], axis=2)), tmp_path / "alpha")
    high = np.asarray(result.textures[0])
    assert high.shape == (192, 192, 4)
    np.testing.assert_array_equal(high[..., :3], done.textures[0])
    expected = resize(to_float(ramp), height=192, width=192)
    assert np.abs(to_float(high[..., 3:]) - expected).max() <= 1 / 255
    assert result.record.atlases[0].alpha


def test_grey_atlases_stay_grey(capture, tmp_path):
    grey = np.ascontiguousarray(capture.surface.atlases[0].stored[..., :1])
    high = run(with_atlas(capture, grey), tmp_path / "grey").textures[0]
    assert high.shape == (192, 192, 1)


def test_every_material_gets_its_own_atlas(cube, capture, done, tmp_path):
    """Sides alternate between two copies of the atlas: together they show what one did."""
    surface = capture.surface
    material = (surface.charts.chart_id % 2).astype(np.int32)
    charts = replace(surface.charts, material_id=material)
    first = surface.atlases[0]
    second = replace(first, name="second.png", stored=first.stored.copy())
    both = replace(capture, surface=replace(surface, charts=charts, atlases=(first, second)))
    result = run(both, tmp_path / "both")
    assert [record.name for record in result.record.atlases] == [first.name, "second.png"]
    levels = [np.asarray(p)[..., 0] > 0 for p in result.provenance]
    assert not (levels[0] & levels[1] & cube.covered).any()
    assert ((levels[0] | levels[1])[cube.covered]).all()
    for texture, level in zip(result.textures, levels, strict=True):
        off = np.abs(texture.astype(int) - done.textures[0])[level & cube.covered]
        assert np.median(off) <= 1
        assert np.quantile(off, 0.95) <= 6


def test_non_square_atlases_of_odd_sizes_and_other_scales(cube, capture, tmp_path):
    low = resize(cube.truth, height=45, width=51)
    stored = to_integer(low, np.dtype(np.uint8))
    result = run(with_atlas(capture, stored), tmp_path / "odd", scale=2, tile_size_tx=16)
    assert result.textures[0].shape == (90, 102, 3)
    truth = to_integer(resize(cube.truth, height=90, width=102), np.dtype(np.uint8))
    covered = np.asarray(result.provenance[0])[..., 0] > 0
    gain = measure(result.textures[0], truth, covered, low=stored).gain_db
    assert gain is not None
    assert gain > 0.5
