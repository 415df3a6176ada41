"""Gutters continue their own chart; seams agree and nothing else moves."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles.texels import filled
from tests.scenes import Shape, make_scene, waves
from texsr.pipeline.color import to_integer
from texsr.pipeline.mipmap import bilinear
from texsr.pipeline.seams import find_seams
from texsr.pipeline.stages.bake import (
    CHART_REACH_TX,
    CHART_SHARE,
    GUTTER_TX,
    SEAM_REACH_TX,
    SeamPoints,
    agree_across_seams,
    fill_gutter,
    seam_points,
    texels_at_seams,
)
from texsr.pipeline.stages.measure import seam_error
from texsr.pipeline.stages.rasterize import on_charts
from texsr.pipeline.tile import Region
from texsr.pipeline.unrounded import Unrounded

UNITS = st.integers(0, 2**32 - 1)


def whole(height: int, width: int) -> Region:
    return Region(x=0, y=0, width=width, height=height)


@settings(max_examples=40, deadline=None)
@given(seed=UNITS, height=st.integers(1, 20), width=st.integers(1, 20))
def test_every_gutter_texel_is_a_copy_of_the_nearest_chart_texel(seed, height, width):
    rng = np.random.default_rng(seed)
    covered = rng.random((height, width)) < 0.15
    covered[rng.integers(height), rng.integers(width)] = True
    color = rng.random((height, width, 3), np.float32)
    got = fill_gutter(color, covered, whole(height, width))
    _, choices, near = filled(color, covered, GUTTER_TX)
    np.testing.assert_array_equal(got.near, near)
    for y, x in np.ndindex(height, width):
        assert tuple(got.color[y, x].tolist()) in choices[y, x]


def test_charts_keep_their_texels_and_gutters_end_where_they_should():
    covered = np.zeros((8, 3 * GUTTER_TX), bool)
    covered[:, :10] = True
    color = np.random.default_rng(0).random((*covered.shape, 3), np.float32)
    got = fill_gutter(color, covered, whole(*covered.shape))
    np.testing.assert_array_equal(got.color[:, :10], color[:, :10])
    np.testing.assert_array_equal(got.near[0], np.arange(3 * GUTTER_TX) < 10 + GUTTER_TX)
    np.testing.assert_array_equal(
        got.color[:, 10 : 10 + GUTTER_TX], np.repeat(color[:, 9:10], GUTTER_TX, axis=1)
    )


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_without_a_border_there_is_nothing_to_fill(fraction):
    covered = np.full((9, 11), bool(fraction))
    color = np.random.default_rng(1).random((9, 11, 3), np.float32)
    got = fill_gutter(color, covered, whole(9, 11))
    assert (got.near == covered).all()
    np.testing.assert_array_equal(got.color, color)


def test_a_core_is_filled_as_the_whole_would_be():
    rng = np.random.default_rng(2)
    covered = np.zeros((120, 130), bool)
    covered[40:70, 30:60] = covered[20:30, 90:120] = True
    color = rng.random((120, 130, 3), np.float32)
    everything = fill_gutter(color, covered, whole(120, 130))
    core = Region(x=45, y=35, width=50, height=40)
    part = fill_gutter(color, covered, core)
    np.testing.assert_array_equal(part.near, everything.near[core.slices])
    np.testing.assert_array_equal(part.color[part.near], everything.color[core.slices][part.near])


def agree(scene, stored, points, num_color=3):
    inside = partial(on_charts, scene.surface, 0, stored.shape[:2])
    agree_across_seams(stored, points, inside, num_color)


def everywhere(rows, columns):
    return np.ones(len(rows), bool)


def nowhere(rows, columns):
    return np.zeros(len(rows), bool)


def cube(low_tx: int = 16, *, bits: int = 8, alpha: bool = False):
    """A cube and its true high atlas with each side's colour off by another amount."""
    scene = make_scene(Shape.CUBE, low_tx=low_tx, cameras=[], color_of=waves(cycles_per_unit=0.7))
    size = low_tx * scene.scale
    columns = (np.arange(size) * 3 // size)[None] + 3 * (np.arange(size) * 2 // size)[:, None]
    tint = np.linspace(-0.1, 0.1, 6, dtype=np.float32)[columns][..., None]
    color = np.clip(scene.truth + np.where(scene.truth.any(axis=2, keepdims=True), tint, 0), 0, 1)
    stored = to_integer(color.astype(np.float32), np.dtype(f"uint{bits}"))
    if alpha:
        rng = np.random.default_rng(3)
        plane = rng.integers(0, np.iinfo(stored.dtype).max, (size, size, 1), dtype=stored.dtype)
        stored = np.concatenate([stored, plane], axis=2)
    points = seam_points(find_seams(scene.surface, 0), size, size)
    return scene, stored, points


@pytest.mark.parametrize("bits", [8, 16])
def test_sides_that_differ_are_brought_together(bits):
    scene, stored, points = cube(bits=bits)
    before = seam_error(scene.surface, 0, stored)
    agree(scene, stored, points)
    after = seam_error(scene.surface, 0, stored)
    assert before > 10
    assert after < 0.12 * before
    assert stored.dtype == np.dtype(f"uint{bits}")


def test_what_is_known_more_finely_is_rounded_once():
    scene, fine, points = cube(bits=16)
    stored = to_integer(fine.astype(np.float32) / 65535, np.dtype(np.uint8))
    known = Unrounded(texels_at_seams(points, *fine.shape[:2]), fine.shape[1], 3)
    known.tell(whole(*fine.shape[:2]), fine.astype(np.float32) / 65535)
    inside = partial(on_charts, scene.surface, 0, stored.shape[:2])
    coarse = stored.copy()
    agree_across_seams(coarse, points, inside, 3)
    agree_across_seams(stored, points, inside, 3, known)
    agree(scene, fine, points)
    exact = fine.astype(np.float64) / 257
    assert np.abs(stored - exact).max() < 0.502
    assert np.abs(coarse - exact).max() > 0.8  # what it spares


def test_sixteen_bits_stay_sixteen():
    scene, stored, points = cube(bits=16)
    agree(scene, stored, points)
    assert (stored % 257 != 0).mean() > 0.5  # values that 8 bits do not have


def test_texels_farther_than_the_reach_are_left_alone_and_alpha_everywhere():
    scene, stored, points = cube(alpha=True)
    before = stored.copy()
    agree(scene, stored, points)
    np.testing.assert_array_equal(stored[..., 3], before[..., 3])
    rows, columns = np.nonzero((stored != before).any(axis=2))
    place = np.concatenate([points.texel[0], points.texel[1]])
    assert len(rows) > 100
    inside = on_charts(scene.surface, 0, stored.shape[:2], rows, columns)
    for y, x, on_chart in zip(rows, columns, inside, strict=True):
        distance = np.hypot(place[:, 0] - x - 0.5, place[:, 1] - y - 0.5).min()
        assert distance < (CHART_REACH_TX if on_chart else SEAM_REACH_TX)


def test_charts_go_a_share_of_the_way_and_gutters_the_rest():
    scene, stored, points = cube(bits=16)
    before = stored.astype(np.float64)
    agree(scene, stored, points)
    moved = np.abs(stored - before).max(axis=2)
    rows, columns = np.nonzero(moved)
    inside = on_charts(scene.surface, 0, stored.shape[:2], rows, columns)
    most = 0.5 * 0.2 * 65535  # to the mean of two tints
    assert moved[rows, columns][inside].max() <= CHART_SHARE * most * 1.1
    assert moved[rows, columns][~inside].max() > most


@pytest.mark.parametrize(("on_chart", "left"), [(everywhere, 1.0 - CHART_SHARE), (nowhere, 0.0)])
def test_where_only_charts_are_read_the_rest_of_the_difference_stays(on_chart, left):
    stored = np.full((40, 40, 1), 20000, np.uint16)
    stored[:, 20:] = 30000
    alone = SeamPoints(texel=np.array([[[8.3, 20.7]], [[31.2, 9.9]]]))
    agree_across_seams(stored, alone, on_chart, 1)
    one, other = (bilinear(stored, side, 1)[0, 0] * 65535 for side in alone.texel)
    assert other - one == pytest.approx(left * 10000, abs=500)


def test_sides_that_agree_stay_as_they_are_to_a_grey_level():
    scene = make_scene(Shape.CUBE, low_tx=16, cameras=[], color_of=waves(cycles_per_unit=0.2))
    stored = to_integer(scene.truth, np.dtype(np.uint8))
    points = seam_points(find_seams(scene.surface, 0), *stored.shape[:2])
    before = stored.copy()
    agree(scene, stored, points)
    assert np.abs(stored.astype(int) - before).max() <= 1


def test_an_atlas_on_disk_is_corrected_in_place(tmp_path):
    scene, stored, points = cube()
    mapped = np.memmap(tmp_path / "a.raw", stored.dtype, "w+", shape=stored.shape)
    mapped[:] = stored
    agree(scene, stored, points)
    agree(scene, mapped, points)
    np.testing.assert_array_equal(mapped, stored)


def test_without_seams_nothing_happens():
    scene = make_scene(Shape.PLANE, low_tx=8, cameras=[])
    points = seam_points(find_seams(scene.surface, 0), 32, 32)
    assert points.texel.shape == (2, 0, 2)
    stored = np.random.default_rng(4).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    before = stored.copy()
    agree(scene, stored, points)
    np.testing.assert_array_equal(stored, before)


def test_points_stand_three_on_two_texels_at_the_same_place_of_the_surface():
    scene = make_scene(Shape.CUBE, low_tx=16, cameras=[])
    seams = find_seams(scene.surface, 0)
    points = seam_points(seams, 64, 64)
    uv = np.stack([points.texel[..., 0] / 64, 1 - points.texel[..., 1] / 64], axis=-1)
    for side in (0, 1):
        step = np.linalg.norm(np.diff(points.texel[side], axis=0), axis=1)
        assert np.quantile(step, 0.9) <= 2 / 3 + 1e-9
    edge = seams.uv  # every pair of points divides its edge alike on both sides
    start = 0
    for ends in edge:
        length = np.linalg.norm((ends[:, 1] - ends[:, 0]) * 64, axis=1).max()
        count = max(int(np.ceil(length * 1.5)), 2)
        share = (np.arange(count) + 0.5) / count
        for side in (0, 1):
            expected = ends[side, 0] + share[:, None] * (ends[side, 1] - ends[side, 0])
            np.testing.assert_allclose(uv[side, start : start + count], expected, atol=1e-12)
        start += count
    assert start == points.texel.shape[1]


def test_grey_atlases_have_one_channel_to_agree_in():
    scene, stored, points = cube()
    grey = np.ascontiguousarray(stored[..., :1])
    agree(scene, grey, points, 1)
    assert seam_error(scene.surface, 0, grey) < 0.2 * seam_error(scene.surface, 0, stored[..., :1])


def test_charts_that_touch_the_border_of_the_atlas_agree_too():
    texel = np.array([[[0.0, 0.0], [16.0, 16.0]], [[0.0, 16.0], [16.0, 0.0]]])
    stored = np.random.default_rng(5).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    agree_across_seams(stored, SeamPoints(texel=texel), nowhere, 3)
    corners = stored[[0, 15, 15, 0], [0, 0, 15, 15]].astype(int)
    assert np.abs(corners[0] - corners[1]).max() <= 2
    assert np.abs(corners[2] - corners[3]).max() <= 2
