"""The pinhole made of a lens: the same points, the same scale at its centre, and its size."""

import math

import numpy as np
import pytest

from tests.colmap_lenses import FF, GOLDEN, make_lens
from texsr.pipeline.lens import MAX_OFF_AXIS_RAD, Lens


@pytest.mark.parametrize("model", GOLDEN)
def test_the_pinhole_and_the_raw_photo_tell_of_the_same_point(model: str) -> None:
    lens = make_lens(model)
    pose = np.eye(4)
    pose[:3, 3] = [0.1, -0.2, 0.3]
    camera = lens.pinhole(pose)
    rng = np.random.default_rng(5)
    world = rng.uniform([-0.7, -0.5, 0.8], [0.7, 0.5, 3.0], (200, 3))
    px, _ = camera.project(world)
    raw, inside = lens.raw_px(px)
    expected, seen = lens.project(world + pose[:3, 3])
    assert inside.sum() > 100
    assert not (inside & ~seen).any()
    np.testing.assert_allclose(raw[inside], expected[inside], atol=1e-6)


@pytest.mark.parametrize("model", GOLDEN)
def test_the_scale_of_the_centre_is_kept(model: str) -> None:
    lens = make_lens(model)
    camera = lens.pinhole(np.eye(4))
    centre = camera.K[:2, 2]
    raw, _ = lens.raw_px(centre + np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    np.testing.assert_allclose(raw[1] - raw[0], [1.0, 0.0], atol=0.02)
    np.testing.assert_allclose(raw[2] - raw[0], [0.0, 1.0], atol=0.02)


def test_a_perspective_photo_keeps_its_size_and_intrinsics() -> None:
    camera = make_lens("OPENCV").pinhole(np.eye(4))
    assert (camera.width_px, camera.height_px) == (772, 502)
    np.testing.assert_array_equal(camera.K, [[651.1, 0, 386.1], [0, 655.2, 251.1], [0, 0, 1]])


def test_a_fisheye_is_laid_out_to_its_corners_or_55_degrees() -> None:
    narrow = Lens(model="SIMPLE_FISHEYE", params=(600.0, 400.0, 300.0), width_px=800, height_px=600)
    camera = narrow.pinhole(np.eye(4))
    corner = math.hypot(400, 300) / 600
    edge = 600 * math.tan(corner) * 0.8  # x of the corner's ray
    assert camera.width_px == pytest.approx(2 * edge, rel=0.03)
    wide = Lens(model="SIMPLE_FISHEYE", params=(250.0, 400.0, 400.0), width_px=800, height_px=800)
    camera = wide.pinhole(np.eye(4))
    assert camera.width_px == pytest.approx(2 * 250 * math.tan(MAX_OFF_AXIS_RAD), abs=2)


def test_a_lens_without_distortion_needs_no_resampling() -> None:
    assert make_lens("PINHOLE").is_pinhole
    assert Lens(
        model="OPENCV", params=(*FF, 0.0, 0.0, 0.0, 0.0), width_px=9, height_px=9
    ).is_pinhole
    assert not make_lens("SIMPLE_RADIAL").is_pinhole
    assert not make_lens("SIMPLE_FISHEYE").is_pinhole
