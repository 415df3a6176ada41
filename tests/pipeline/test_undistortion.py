"""An undistorted photo is the one that the pinhole would have taken."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from tests.oracles import lenses
from texsr.pipeline.lens import Lens
from texsr.pipeline.undistortion import undistort

SIZE = (96, 72)
Picture = Callable[[np.ndarray], np.ndarray]  # rays n 2 -> values n in [0, 255]
LENSES = {
    "SIMPLE_RADIAL": (80.0, 47.3, 36.9, -0.15),
    "OPENCV": (80.0, 82.0, 47.3, 36.9, -0.12, 0.03, 0.004, -0.006),
    "OPENCV_FISHEYE": (60.0, 61.0, 47.3, 36.9, -0.05, 0.02, -0.004, 0.001),
    "EUCM": (60.0, 61.0, 47.3, 36.9, 0.6, 1.2),
}


def make_lens(model: str) -> Lens:
    return Lens(model=model, params=LENSES[model], width_px=SIZE[0], height_px=SIZE[1])


@cache
def rays_of_raw_photo(lens: Lens) -> np.ndarray:
    """Give the ray that each pixel looks along, by the literal inverse."""
    x, y = np.meshgrid(np.arange(lens.width_px) + 0.5, np.arange(lens.height_px) + 0.5)
    px = np.stack([x.ravel(), y.ravel()], axis=1)
    bent = (px - lens.principal_px) / lens.focal_px
    return np.array(
        [lenses.undistort(lens.model, lens.coefficients, tuple(b), rounds=5) for b in bent]
    )


def photographed(lens: Lens, picture: Picture) -> np.ndarray:
    """Take a raw photo."""
    grey = picture(rays_of_raw_photo(lens)).reshape(lens.height_px, lens.width_px)
    return np.repeat(np.rint(grey)[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("model", LENSES)
def test_markers_land_where_the_pinhole_projects_them(model: str) -> None:
    lens = make_lens(model)
    camera = lens.pinhole(np.eye(4))
    markers = np.array([[0.02, -0.01], [-0.3, 0.22], [0.31, 0.2], [0.28, -0.25]])
    sigma = 3.0 / camera.K[0, 0]

    def spots(rays: np.ndarray) -> np.ndarray:
        squared = ((rays[:, None] - markers) ** 2).sum(axis=2)
        return 250.0 * np.exp(-squared / (2 * sigma**2)).sum(axis=1)

    raw = photographed(lens, spots)
    keep = np.ones(raw.shape[:2], bool)
    color, _, _ = undistort(raw, keep, lens=lens, camera=camera)
    points = np.concatenate([markers, np.ones((4, 1))], axis=1)
    for px in camera.project(points)[0]:
        assert np.abs(centroid(color[..., 0].astype(float), px) - px).max() <= 0.01


def centroid(grey: np.ndarray, px: np.ndarray, radius: int = 9) -> np.ndarray:
    """Fit the place of a Gaussian spot: its logarithm is a parabola."""
    left, top = np.floor(px).astype(int) - radius
    window = grey[top : top + 2 * radius + 1, left : left + 2 * radius + 1]
    y, x = np.nonzero(window > 25.0)
    value = window[y, x]
    design = np.stack([np.ones(len(x)), x, y, x * x + y * y], axis=1).astype(float)
    # Rounding to 8 bits weighs on the logarithm of dark pixels most.
    fit = np.linalg.lstsq(design * value[:, None], np.log(value) * value, rcond=None)[0]
    return np.array([left, top]) + 0.5 - fit[1:3] / (2 * fit[3])


@pytest.mark.parametrize("model", LENSES)
def test_a_smooth_picture_comes_out_as_the_pinhole_sees_it(model: str) -> None:
    lens = make_lens(model)
    camera = lens.pinhole(np.eye(4))

    def waves(rays: np.ndarray) -> np.ndarray:
        return 128.0 + 60.0 * np.sin(14.0 * rays[:, 0]) + 50.0 * np.cos(11.0 * rays[:, 1])

    raw = photographed(lens, waves)
    color, kept, inside = undistort(raw, np.ones(raw.shape[:2], bool), lens=lens, camera=camera)
    x, y = np.meshgrid(np.arange(camera.width_px) + 0.5, np.arange(camera.height_px) + 0.5)
    px = np.stack([x.ravel(), y.ravel()], axis=1)
    off = np.abs(color[..., 0].ravel() - waves((px - camera.K[:2, 2]) / camera.K[[0, 1], [0, 1]]))
    raw_px, _ = lens.raw_px(px)
    whole = ((raw_px >= 2) & (raw_px <= np.array(SIZE) - 2)).all(axis=1)  # nothing extrapolated
    assert whole.sum() > 5000
    assert off[whole].mean() < 0.5
    assert off[whole].max() < 4.0
    assert kept.all()
    assert (color[~inside] == 0).all()


def test_the_mask_moves_with_the_photo_and_ends_with_the_lens() -> None:
    lens = Lens(
        model="SIMPLE_RADIAL", params=(80.0, 48.0, 36.0, 0.3), width_px=96, height_px=72
    )  # pincushion: the corners of the undistorted photo see past the raw one
    camera = lens.pinhole(np.eye(4))
    keep = np.ones((72, 96), bool)
    keep[:, 60:] = False
    color, kept, inside = undistort(
        np.full((72, 96, 3), 200, np.uint8), keep, lens=lens, camera=camera
    )
    assert not inside[0, 0]
    assert inside[36, 48]
    assert (color[inside] == 200).all()
    edge = np.flatnonzero(~kept[36])[0] + 0.0
    raw, _ = lens.raw_px(np.array([[edge - 0.5, 36.5], [edge + 0.5, 36.5]]))
    assert raw[0, 0] < 60.0 <= raw[1, 0]
    assert kept[~inside].all()
