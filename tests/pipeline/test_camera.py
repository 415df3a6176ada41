"""Projection, and cameras of resized and cut photos."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from texsr.pipeline.camera import OPENCV_FROM_OPENGL, Camera
from texsr.pipeline.errors import CaptureError


def camera_of(seed: int) -> Camera:
    rng = np.random.default_rng(seed)
    pose = np.eye(4)
    pose[:3, :3] = Rotation.random(rng=rng).as_matrix()
    pose[:3, 3] = rng.normal(size=3) * 3
    K = np.array([[rng.uniform(50, 900), 0, 320.5], [0, rng.uniform(50, 900), 200.25], [0, 0, 1]])
    return Camera(K=K, cam_from_world=pose, width_px=640, height_px=400)


CAMERAS = st.integers(0, 2**32 - 1).map(camera_of)


@settings(max_examples=50, deadline=None)
@given(camera=CAMERAS, seed=st.integers(0, 2**32 - 1))
def test_unprojecting_undoes_projecting(camera, seed):
    rng = np.random.default_rng(seed)
    px = rng.uniform(0, 640, (20, 2))
    depth = rng.uniform(0.1, 50, 20)
    again, depth_again = camera.project(camera.unproject(px, depth))
    np.testing.assert_allclose(again, px, atol=1e-7)
    np.testing.assert_allclose(depth_again, depth, rtol=1e-9)


@settings(max_examples=50, deadline=None)
@given(camera=CAMERAS)
def test_the_centre_is_where_all_rays_meet(camera):
    points = camera.unproject(np.array([[3.0, 4.0], [3.0, 4.0]]), np.array([1e-9, 5.0]))
    np.testing.assert_allclose(points[0], camera.centre, atol=1e-7)
    turned = camera.cam_from_world[:3, :3] @ camera.centre + camera.cam_from_world[:3, 3]
    np.testing.assert_allclose(turned, 0, atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(camera=CAMERAS, factor=st.floats(0.1, 3.0))
def test_a_resized_photo_shows_everything_at_the_resized_place(camera, factor):
    points = camera.unproject(np.array([[10.0, 20.0], [600.0, 390.0]]), np.array([1.0, 4.0]))
    resized = camera.scaled(factor)
    px, _ = resized.project(points)
    by = np.array([resized.width_px / 640, resized.height_px / 400])
    np.testing.assert_allclose(px, np.array([[10, 20], [600, 390]]) * by, rtol=1e-7)


def test_a_cut_photo_shows_everything_shifted():
    camera = camera_of(1)
    point = camera.unproject(np.array([[100.0, 80.0]]), np.array([2.0]))
    cut = camera.cropped(x=30, y=50, width=200, height=100)
    assert cut.project(point)[0][0] == pytest.approx([70.0, 30.0])
    assert (cut.width_px, cut.height_px) == (200, 100)


def test_what_lies_behind_has_no_positive_depth_and_no_infinite_pixel():
    camera = Camera(K=np.eye(3), cam_from_world=np.eye(4), width_px=4, height_px=4)
    px, depth = camera.project(np.array([[1.0, 1.0, -2.0], [1.0, 1.0, 0.0]]))
    assert depth.tolist() == [-2.0, 0.0]
    assert np.isfinite(px).all()


def test_opengl_axes_and_back():
    np.testing.assert_array_equal(OPENCV_FROM_OPENGL @ OPENCV_FROM_OPENGL, np.eye(4))
    assert (OPENCV_FROM_OPENGL @ [0, 1, -1, 1]).tolist() == [0, -1, 1, 1]


def spoilt(K=None, pose=None, **size):
    return {
        "K": np.diag([100.0, 100.0, 1.0]) if K is None else K,
        "cam_from_world": np.eye(4) if pose is None else pose,
        "width_px": 10,
        "height_px": 10,
    } | size


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        (spoilt(pose=np.full((4, 4), np.nan)), "NaN"),
        (spoilt(K=np.full((3, 3), np.inf)), "infinite"),
        (spoilt(pose=np.diag([2.0, 2.0, 2.0, 1.0])), "off orthonormal"),
        (spoilt(pose=np.diag([-1.0, 1.0, 1.0, 1.0])), "off orthonormal"),
        (spoilt(K=np.diag([-100.0, 100.0, 1.0])), "focal"),
        (spoilt(width_px=0), "0 x 10"),
    ],
)
def test_impossible_cameras_are_refused(fields, found):
    with pytest.raises(CaptureError, match=found) as caught:
        Camera(**fields)
    assert caught.value.remedy
