"""Pictures through a lens, against the lens model that photos are undistorted with."""

import numpy as np
import pytest

from tests.scene_cameras import look_at
from texsr.pipeline.lens import Lens
from texsr.pipeline.through_lens import bent, widened


def ramps(camera) -> np.ndarray:
    """A picture whose channels are the ray of each pixel centre."""
    x, y = np.meshgrid(np.arange(camera.width_px) + 0.5, np.arange(camera.height_px) + 0.5)
    return np.stack(
        [(x - camera.K[0, 2]) / camera.K[0, 0], (y - camera.K[1, 2]) / camera.K[1, 1]], axis=2
    ).astype(np.float32)


@pytest.mark.parametrize("k1", [-0.15, 0.2])
def test_every_pixel_shows_the_ray_that_the_lens_model_bends_to_it(k1):
    camera = look_at((0.0, -4.0, 1.0), size_px=60, focal=0.9)
    wide = widened(camera, k1)
    photo = bent(ramps(wide), wide, camera, k1)
    lens = Lens(
        model="SIMPLE_RADIAL",
        params=(camera.K[0, 0], camera.K[0, 2], camera.K[1, 2], k1),
        width_px=60,
        height_px=60,
    )
    places, real = lens.distort(photo.reshape(-1, 2).astype(np.float64))
    assert real.all()
    np.testing.assert_allclose(places, ramps(camera).reshape(-1, 2), atol=0.02 / camera.K[0, 0])


def test_corners_beyond_the_reach_of_a_barrel_lens_repeat_its_rim():
    camera = look_at((0.0, -4.0, 1.0), size_px=40, focal=0.5)
    wide = widened(camera, -0.3)
    photo = bent(ramps(wide), wide, camera, -0.3)
    assert np.isfinite(photo).all()
    assert np.linalg.norm(photo[0, 0]) == pytest.approx(0.9 / np.sqrt(0.9), rel=0.05)
