import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scene_cameras import orbit
from texsr.pipeline.facing import Facing, look_at, turntable

UNITS = st.integers(0, 2**32 - 1)


@given(seed=UNITS)
def test_up_stays_up_and_front_comes_first(seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(40, 3)) * rng.uniform(0.1, 10, 3) + rng.normal(size=3) * 5
    facing = Facing()
    cameras = turntable(facing, points, num_frames=5, size_px=64)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    first = cameras[0].centre - middle
    assert first @ facing.front > 0.9 * np.linalg.norm(first)
    for camera in cameras:
        assert camera.cam_from_world[1, :3] @ facing.up < 0


@given(seed=UNITS)
def test_turntable_holds_every_point_and_wastes_little(seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(40, 3)) * rng.uniform(0.1, 10, 3)
    cameras = turntable(Facing(), points, num_frames=6, size_px=100)
    widest = 0.0
    for camera in cameras:
        px, depth = camera.project(points)
        assert (depth > 0).all()
        assert (px >= 0).all()
        assert (px[:, 0] <= camera.width_px).all()
        assert (px[:, 1] <= camera.height_px).all()
        spread = np.abs(px - np.array([50, camera.height_px / 2])).max(axis=0)
        widest = max(widest, spread.max() / 50)
    assert widest > 0.85


def test_cameras_tell_how_the_object_stands():
    cameras = [camera for camera in orbit(12, half=False) if camera.centre[1] < 0]
    facing = Facing.of(cameras, np.zeros(3))
    assert facing.up == pytest.approx([0, 0, 1], abs=0.2)
    assert facing.front[1] < -0.8
    assert Facing.of([], np.zeros(3)).up.tolist() == [0, 0, 1]


def test_gltf_axes_are_y_up_and_z_toward_the_viewer():
    facing = Facing()
    rotation = facing.gltf_from_world
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    assert rotation @ facing.up == pytest.approx([0, 1, 0])
    assert rotation @ facing.front == pytest.approx([0, 0, 1])


def test_looking_straight_down_still_has_an_up():
    camera = look_at(np.array([0.0, 0, 5]), np.zeros(3), np.array([0.0, 0, 1]), size_px=10)
    px, depth = camera.project(np.zeros((1, 3)))
    assert px[0] == pytest.approx([5, 5])
    assert depth[0] == pytest.approx(5)
