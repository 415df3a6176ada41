"""Rasterising agrees with exact arithmetic, texel by texel and face by face."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.drawn_triangles import SIDE, WHOLE, drawn, whole
from tests.oracles.texels import lone_edges, nearest_border, owner_of
from texsr.pipeline.stages.rasterize import rasterize
from texsr.pipeline.tile import Region

EIGHTHS = st.integers(-16, 8 * SIDE + 16).map(lambda v: v / 8)
HALVES = st.integers(0, 2 * SIDE).map(lambda v: v / 2)  # corners on texel centres and borders
REALS = st.floats(-2.0, SIDE + 2.0, allow_nan=False, width=32)


def triangles_of(coordinate):
    point = st.tuples(coordinate, coordinate)
    return st.lists(st.tuples(point, point, point), min_size=1, max_size=5).map(
        lambda faces: np.array(faces, np.float64)
    )


def assert_is_exact(triangles: np.ndarray) -> None:
    got, plain = whole(triangles), triangles.tolist()
    for y in range(SIDE):
        for x in range(SIDE):
            face, weights = owner_of(plain, (x + 0.5, y + 0.5))
            assert got.face_id[y, x] == face, (x, y)
            if face >= 0:
                assert got.bary[y, x].tolist() == pytest.approx(weights[:2], abs=2e-6)


@settings(max_examples=120, deadline=None)
@given(triangles=triangles_of(EIGHTHS))
@example(np.array([[(0, 11.5), (0.5, 11.5), (0, 9)]], np.float64))
@example(np.array([[(1, 2.5), (9, 2.5), (5, 7)], [(9, 2.5), (1, 2.5), (5, 1)]], np.float64))
@example(np.array([[(2.5, 1), (2.5, 9), (7, 5)], [(2.5, 9), (2.5, 1), (1, 5)]], np.float64))
@example(np.array([[(0, 0), (16, 16), (16, 0.125)]], np.float64))
def test_lattice_triangles_are_drawn_as_exact_arithmetic_says(triangles):
    assert_is_exact(triangles)


@settings(max_examples=120, deadline=None)
@given(triangles=triangles_of(HALVES))
@example(np.array([[(0, 11.5), (0.5, 11.5), (0, 9)]], np.float64))
def test_centres_on_edges_and_corners_go_to_the_lowest_face(triangles):
    assert_is_exact(triangles)


@settings(max_examples=60, deadline=None)
@given(triangles=triangles_of(REALS))
def test_any_triangles_are_drawn_right_but_for_centres_within_rounding_of_an_edge(triangles):
    got = whole(triangles)
    corners = _as_stored(triangles)
    plain, clear = corners.tolist(), ~_near_an_edge(corners)
    for y, x in zip(*np.nonzero(clear), strict=True):
        assert got.face_id[y, x] == owner_of(plain, (x + 0.5, y + 0.5))[0], (x, y)


def _as_stored(triangles):
    uv = drawn(triangles).charts.uv
    return np.stack([uv[:, 0] * SIDE, (1.0 - uv[:, 1]) * SIDE], axis=1).reshape(-1, 3, 2)


def _near_an_edge(triangles):
    """Texels whose centre lies within a millionth of a texel of an edge, needles' included."""
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    near = np.zeros((SIDE, SIDE), bool)
    for corners in triangles:
        for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            along = b - a
            t = ((columns - a[0]) * along[0] + (rows - a[1]) * along[1]) / max(along @ along, 1e-30)
            t = np.clip(t, 0.0, 1.0)
            near |= np.hypot(columns - a[0] - t * along[0], rows - a[1] - t * along[1]) < 1e-6
    return near


def test_rows_of_centres_on_a_horizontal_edge_are_owned():
    """Two faces part on a row of centres, exactly or to within rounding: no hole opens there."""
    rng = np.random.default_rng(0)
    for trial in range(300):
        y = float(rng.integers(3, 12)) + 0.5
        left, right = np.sort(rng.uniform(1, SIDE - 1, 2))
        tilt = np.zeros(2) if trial % 2 else rng.uniform(-1, 1, 2) * 10.0 ** -rng.integers(6, 15)
        a, b = (left, y + tilt[0]), (right, y + tilt[1])
        below = (rng.uniform(0, SIDE), rng.uniform(y + 0.6, SIDE - 0.5))
        above = (rng.uniform(0, SIDE), rng.uniform(0.5, y - 0.6))
        covered = whole(np.array([[a, b, below], [b, a, above]])).covered[int(y)]
        columns = np.arange(SIDE) + 0.5
        assert covered[(columns > left + 1e-6) & (columns < right - 1e-6)].all()


def test_a_sliver_covers_the_centres_on_it_and_no_others():
    triangles = np.array([[(0.5, 3.5), (15.5, 3.5), (15.5, 3.5 + 2.0**-20)]])
    got = whole(triangles)
    np.testing.assert_array_equal(np.flatnonzero(got.covered), 3 * SIDE + np.arange(SIDE))


def test_faces_without_area_own_nothing():
    triangles = np.array(
        [
            [(2, 2), (2, 2), (2, 2)],
            [(1, 1), (8, 8), (4, 4)],
            [(0, 0), (16, 0), (0, 16)],
        ],
        np.float64,
    )
    got = whole(triangles)
    assert set(np.unique(got.face_id)) == {-1, 2}


def _area(triangles):
    u, v = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    return np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])


def test_winding_does_not_matter():
    one = np.array([[(1.2, 1.1), (13.4, 3.3), (4.5, 12.8)]])
    mirrored = one[:, [0, 2, 1]]
    np.testing.assert_array_equal(whole(one).covered, whole(mirrored).covered)
    there, back = whole(one), whole(mirrored)
    third = 1.0 - there.bary.sum(axis=2)
    np.testing.assert_allclose(third[there.covered], back.bary[there.covered, 1], atol=2e-6)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_two_faces_of_an_edge_leave_no_hole_between_them(seed):
    """A fan around a point covers the square that it fills, wherever the point lies."""
    rng = np.random.default_rng(seed)
    middle = rng.uniform(1, SIDE - 1, 2) if seed % 2 else rng.integers(2, 2 * SIDE - 2, 2) / 2
    rim = np.array([(0, 0), (SIDE, 0), (SIDE, SIDE), (0, SIDE)], np.float64)
    fan = np.stack([rim, np.roll(rim, -1, axis=0), np.broadcast_to(middle, (4, 2))], axis=1)
    assert whole(fan[rng.permutation(4)]).covered.all()


@settings(max_examples=60, deadline=None)
@given(
    triangles=triangles_of(REALS),
    x=st.integers(0, SIDE - 1),
    y=st.integers(0, SIDE - 1),
    width=st.integers(1, SIDE),
    height=st.integers(1, SIDE),
    reach=st.sampled_from([0.0, 1.0, 2.0]),
)
def test_a_region_is_a_slice_of_the_whole(triangles, x, y, width, height, reach):
    region = Region(x=x, y=y, width=width, height=height).intersected(WHOLE)
    surface = drawn(triangles)
    everything = whole(triangles, conservative_tx=reach)
    part = rasterize(surface, 0, (SIDE, SIDE), region, conservative_tx=reach)
    np.testing.assert_array_equal(part.face_id, everything.face_id[region.slices])
    fat = (_area(triangles) > 1e-2)[
        part.face_id
    ] & part.covered  # a needle's weights are as rough as it is thin
    np.testing.assert_allclose(part.bary[fat], everything.bary[region.slices][fat], atol=1e-6)
    assert part.region == region


def test_a_region_may_reach_beyond_the_plane():
    triangles = np.array([[(0, 0), (16, 0), (0, 16)]], np.float64)
    outer = WHOLE.grown(3)
    got = rasterize(drawn(triangles), 0, (SIDE, SIDE), outer)
    np.testing.assert_array_equal(got.face_id[3:-3, 3:-3], whole(triangles).face_id)
    assert not got.covered[:3].any()


def test_the_plane_may_be_finer_than_the_atlas():
    triangles = np.array([[(1, 1), (14, 2), (3, 13)]], np.float64)
    fine = rasterize(drawn(triangles), 0, (64, 64), WHOLE.scaled(4))
    np.testing.assert_array_equal(
        fine.face_id, rasterize(drawn(triangles * 4, size=64), 0, (64, 64), WHOLE.scaled(4)).face_id
    )


def test_only_the_faces_of_the_atlas_are_drawn():
    square = np.array([[(0, 0), (16, 0), (0, 16)], [(16, 0), (16, 16), (0, 16)]], np.float64)
    surface = drawn(square, materials=[1, 0])
    assert set(np.unique(rasterize(surface, 0, (SIDE, SIDE), WHOLE).face_id)) == {-1, 1}
    assert set(np.unique(rasterize(surface, 1, (SIDE, SIDE), WHOLE).face_id)) == {-1, 0}
    assert not rasterize(surface, 2, (SIDE, SIDE), WHOLE).covered.any()


@settings(max_examples=60, deadline=None)
@given(triangles=triangles_of(REALS))
def test_weights_are_those_of_the_centre_and_lie_inside(triangles):
    got = whole(triangles)
    rows, columns = np.nonzero(got.covered)
    weight = got.bary[got.covered].astype(np.float64)
    weight = np.concatenate([weight, 1.0 - weight.sum(axis=1, keepdims=True)], axis=1)
    corners = _as_stored(triangles)[got.face_id[got.covered]]
    fat = (_area(triangles) > 1e-2)[got.face_id[got.covered]]
    assert (weight[fat] >= -1e-5).all()
    at = np.einsum("nij,ni->nj", corners, weight)
    centres = np.stack([columns, rows], axis=1) + 0.5
    np.testing.assert_allclose(at[fat], centres[fat], atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(
    triangles=triangles_of(EIGHTHS).filter(lambda t: (_area(t) > 0).all()),
    reach=st.sampled_from([0.75, 1.0, 2.0, 3.5]),
)
def test_texels_beside_a_chart_get_the_nearest_point_of_its_border(triangles, reach):
    """Literally: of all borders, the nearest point; of two equally near, the lower face's."""
    plain, got = whole(triangles), whole(triangles, conservative_tx=reach)
    np.testing.assert_array_equal(got.face_id[plain.covered], plain.face_id[plain.covered])
    np.testing.assert_array_equal(got.bary[plain.covered], plain.bary[plain.covered])
    edges = lone_edges(triangles)
    for y, x in zip(*np.nonzero(~plain.covered), strict=True):
        distance, face, place = nearest_border(triangles, edges, np.array([x + 0.5, y + 0.5]))
        if abs(distance - reach) < 1e-6:
            continue
        assert (got.face_id[y, x] >= 0) == (distance < reach), (x, y)
        if distance < reach:
            corners = triangles[got.face_id[y, x]]
            weight = got.bary[y, x].astype(np.float64)
            found = np.append(weight, 1.0 - weight.sum()) @ corners
            away = float(np.hypot(*(found - (x + 0.5, y + 0.5))))
            assert away == pytest.approx(distance, abs=1e-5)
            if np.hypot(*(found - place)) < 1e-6:  # else two points are equally near
                assert got.face_id[y, x] == face
            assert (weight >= -1e-6).all()
            assert weight.sum() <= 1 + 1e-6
