"""A camera's faults have the sizes asked for."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tests.scene_cameras import look_at
from tests.scenes import Shape, make_surface
from texsr.pipeline.mesh import Mesh
from texsr.pipeline.noise import (
    color_drift,
    defocus,
    jpeg_bytes,
    misbuilt,
    miscalibrated,
    noise_picture,
    sensor_noise,
    shake,
    sharpened,
)


def seed(number: int = 0) -> np.random.Generator:
    return np.random.default_rng(number)


def point_picture(size: int = 41) -> np.ndarray:
    picture = np.zeros((size, size, 3), np.float32)
    picture[size // 2, size // 2] = 1.0
    return picture


def spread(picture: np.ndarray) -> np.ndarray:
    """Covariance (x, y) of the light of the first channel."""
    weight = picture[..., 0] / picture[..., 0].sum()
    y, x = np.mgrid[0 : len(weight), 0 : len(weight)] - len(weight) // 2
    places = np.stack([x.ravel(), y.ravel()])
    return np.cov(places, aweights=weight.ravel(), ddof=0)


def test_drift_stays_within_its_bounds_and_uses_them():
    gains = np.array([color_drift(seed(i), exposure=0.1, white_balance=0.03) for i in range(200)])
    assert gains.min() > 0.9 * 0.97 - 1e-6
    assert gains.max() < 1.1 * 1.03 + 1e-6
    assert np.ptp(gains.mean(axis=1)) > 0.17
    balance = gains / gains.mean(axis=1, keepdims=True)
    assert 0.02 < np.abs(balance - 1).max() < 0.061
    assert (color_drift(seed(), exposure=0.0, white_balance=0.0) == 1).all()


def test_noise_has_its_standard_deviation_in_every_channel():
    noisy = sensor_noise(np.full((200, 200, 3), 0.5, np.float32), seed(), sigma=0.02)
    np.testing.assert_allclose(noisy.std(axis=(0, 1)), 0.02, rtol=0.03)
    assert abs(np.corrcoef(noisy[..., 0].ravel(), noisy[..., 1].ravel())[0, 1]) < 0.02


def test_defocus_spreads_a_point_by_its_sigma():
    blurred = defocus(point_picture(), sigma_px=2.0)
    assert blurred.sum() == pytest.approx(3.0, rel=1e-3)
    np.testing.assert_allclose(spread(blurred), 4.0 * np.eye(2), atol=0.1)


@pytest.mark.parametrize("cycles_per_px", [0.05, 0.1, 0.2])
def test_sharpening_raises_a_wave_by_its_amount_of_what_a_gaussian_takes_out(cycles_per_px):
    wave = np.sin(2 * np.pi * cycles_per_px * np.arange(200), dtype=np.float32)
    picture = np.broadcast_to(0.5 + 0.2 * wave[:, None], (200, 200))[..., None].repeat(3, axis=2)
    raised = sharpened(picture, amount=0.5)
    taken_out = 1 - np.exp(-2 * (np.pi * cycles_per_px) ** 2)
    swing = np.ptp(raised[20:-20]) / np.ptp(picture[20:-20])
    assert swing == pytest.approx(1 + 0.5 * taken_out, abs=0.01)
    assert raised.mean() == pytest.approx(picture.mean(), abs=1e-3)


@pytest.mark.parametrize("number", range(4))
def test_shake_spreads_a_point_along_one_line(number):
    shaken = shake(point_picture(), seed(number), length_px=9.0)
    assert shaken.sum() == pytest.approx(3.0, rel=1e-3)
    across, along = np.sqrt(np.linalg.eigvalsh(spread(shaken)))
    assert along == pytest.approx(9.0 / np.sqrt(12), rel=0.1)
    assert across < 0.6


def test_jpeg_keeps_size_and_clips():
    picture = np.linspace(-0.5, 1.5, 32 * 24 * 3, dtype=np.float32).reshape(24, 32, 3)
    with Image.open(BytesIO(jpeg_bytes(picture, quality=95))) as image:
        assert (image.format, image.size) == ("JPEG", (32, 24))
        assert np.abs(np.asarray(image) / 255 - np.clip(picture, 0, 1)).mean() < 0.01


def test_noise_pictures_have_structure_of_several_sizes():
    drawn = noise_picture(seed(), 60, 90).astype(float)
    assert drawn.shape == (60, 90, 3)
    assert drawn.std() > 25
    coarse = drawn.reshape(6, 10, 9, 10, 3).mean(axis=(1, 3))
    assert coarse.std() > 12


def test_miscalibration_moves_projections_by_what_is_asked_for():
    camera = look_at((3.0, 1.0, 1.5), size_px=400, focal=1.3)
    points = seed().uniform(-0.7, 0.7, (200, 3))
    true, _ = camera.project(points)
    away = float(np.linalg.norm(camera.centre))
    offsets = [
        miscalibrated(camera, seed(i), error_px=0.3, distance=away).project(points)[0] - true
        for i in range(80)
    ]
    assert np.std(np.concatenate(offsets)) == pytest.approx(0.3, rel=0.15)
    exact = miscalibrated(camera, seed(), error_px=0.0, distance=away)
    np.testing.assert_allclose(exact.cam_from_world, camera.cam_from_world, atol=1e-12)


def test_a_wrong_mesh_is_off_by_at_most_its_share_and_smoothly():
    mesh, _ = make_surface(Shape.SPHERE, subdivisions=12)
    wrong = misbuilt(mesh, seed(), share=0.01)
    assert wrong.faces is mesh.faces
    offset = wrong.vertices - mesh.vertices
    outward = mesh.vertices / np.linalg.norm(mesh.vertices, axis=1, keepdims=True)
    height = (offset * outward).sum(axis=1)
    diagonal = np.linalg.norm(np.ptp(mesh.vertices, axis=0))
    assert np.abs(height).max() == pytest.approx(0.01 * diagonal, rel=0.02)
    assert np.linalg.norm(offset - height[:, None] * outward, axis=1).max() < 0.002 * diagonal
    a, b, _ = height[mesh.faces].T
    assert np.corrcoef(a, b)[0, 1] > 0.5
    assert (misbuilt(mesh, seed(), share=0.0).vertices == mesh.vertices).all()


def test_vertices_at_one_place_stay_together():
    mesh, _ = make_surface(Shape.CUBE, subdivisions=3)
    split = Mesh(
        vertices=mesh.vertices[mesh.faces.reshape(-1)],
        faces=np.arange(mesh.faces.size, dtype=np.int32).reshape(-1, 3),
    )
    wrong = misbuilt(split, seed(), share=0.01).vertices
    whole = misbuilt(mesh, seed(), share=0.01).vertices[mesh.faces.reshape(-1)]
    np.testing.assert_allclose(wrong, whole, atol=1e-12)
    assert np.abs(wrong - split.vertices).max() > 0.01
