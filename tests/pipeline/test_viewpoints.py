"""Cameras around an object see it whole, from everywhere, at the sampling asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scenes import Shape, make_surface
from texsr.pipeline.mesh import Mesh
from texsr.pipeline.viewpoints import around, look_at, px_per_texel


def cameras_around(mesh: Mesh, number: int = 0, **changes: float):
    wanted = {"num_views": 12, "field_of_view_deg": 40.0, "max_elevation_deg": 60.0} | changes
    return around(mesh, np.random.default_rng(number), **wanted)


@settings(max_examples=15, deadline=None)
@given(
    number=st.integers(0, 999),
    field=st.floats(10.0, 90.0),
    shift=st.tuples(*[st.floats(-50.0, 50.0)] * 3),
    stretch=st.floats(0.01, 100.0),
)
def test_the_object_lies_within_every_frame_and_fills_much_of_it(number, field, shift, stretch):
    mesh, _ = make_surface(Shape.SPHERE, subdivisions=3)
    moved = Mesh(vertices=mesh.vertices * stretch + shift, faces=mesh.faces)
    for camera in cameras_around(moved, number, field_of_view_deg=field):
        px, depth = camera.project(moved.vertices)
        assert (depth > 0).all()
        assert px.min() > 0.0
        assert px.max() < 1.0
        assert np.ptp(px, axis=0).min() > 0.6


def test_they_stand_on_all_sides_within_the_elevation():
    mesh, _ = make_surface(Shape.SPHERE, subdivisions=3)
    centres = np.array([camera.centre for camera in cameras_around(mesh, num_views=40)])
    direction = centres / np.linalg.norm(centres, axis=1, keepdims=True)
    assert np.abs(direction[:, 2]).max() < np.sin(np.radians(60)) + 0.25
    for side in (*np.eye(3)[:2], *-np.eye(3)[:2]):
        assert (direction @ side).max() > 0.9


def test_one_may_look_straight_down():
    K = np.array([[1.0, 0, 0.5], [0, 1.0, 0.5], [0, 0, 1]])
    camera = look_at(np.array([0.0, 0.0, 5.0]), np.zeros(3), K, 1)
    px, depth = camera.project(np.zeros((1, 3)))
    np.testing.assert_allclose(px, [[0.5, 0.5]])
    np.testing.assert_allclose(depth, 5.0)


def test_px_per_texel_of_a_plane_seen_head_on():
    mesh, charts = make_surface(Shape.PLANE, subdivisions=8)
    K = np.array([[300.0, 0, 100], [0, 300.0, 100], [0, 0, 1]])
    camera = look_at(np.array([0.0, 0.0, 30.0]), np.zeros(3), K, 200)
    tx_per_unit = (charts.uv.max() - charts.uv.min()) * 500 / 2
    seen = px_per_texel(mesh, charts, [camera], size_tx=(500, 500))
    assert seen == pytest.approx(300 / 30 / tx_per_unit, rel=0.01)
    behind = look_at(np.array([0.0, 0.0, -30.0]), np.zeros(3), K, 200)
    assert px_per_texel(mesh, charts, [behind], size_tx=(500, 500)) == 0.0
    assert px_per_texel(mesh, charts, [], size_tx=(500, 500)) == 0.0
