"""Pictures as a lens with radial distortion throws them, from pictures that a pinhole would."""

import numpy as np
from jaxtyping import Float32, Float64

from texsr.pipeline.camera import Camera

NEWTON_STEPS = 12
OVERSAMPLING = 2  # of the pinhole picture, so that resampling it costs no sharpness
EDGE_SAMPLES = 33
REACH = 0.9  # of the radius where the model folds back


def widened(camera: Camera, k1: float) -> Camera:
    """Give the pinhole camera that sees all that `camera` sees through the lens, twice as fine."""
    along = np.linspace(0.0, 1.0, EDGE_SAMPLES)
    edge = np.concatenate([np.stack([along, along * 0 + side], axis=1) for side in (0.0, 1.0)])
    border = np.concatenate([edge, edge[:, ::-1]]) * (camera.width_px, camera.height_px)
    straight = _straightened(border, camera, k1)
    low = np.floor(straight.min(axis=0)).astype(int) - 1
    high = np.ceil(straight.max(axis=0)).astype(int) + 1
    width, height = (int(side) for side in high - low)
    frame = camera.cropped(x=int(low[0]), y=int(low[1]), width=width, height=height)
    return frame.scaled(float(OVERSAMPLING))


def bent(
    picture: Float32[np.ndarray, "H W c"], seen_by: Camera, camera: Camera, k1: float
) -> Float32[np.ndarray, "h w c"]:
    """Resample a picture of the widened camera to the photo that the lens gives.

    Args:
        picture: what `seen_by` sees.
        seen_by: `widened(camera, k1)`.
        camera: intrinsics of the photo.
        k1: r -> r (1 + k1 r²) on the normalised image plane.
    """
    from scipy.ndimage import map_coordinates

    s, channels = OVERSAMPLING, picture.shape[2]
    x, y = np.meshgrid(
        (np.arange(camera.width_px * s) + 0.5) / s, (np.arange(camera.height_px * s) + 0.5) / s
    )
    straight = _straightened(np.stack([x.ravel(), y.ravel()], axis=1), camera, k1)
    rays = (straight - camera.K[:2, 2]) / (camera.K[0, 0], camera.K[1, 1])
    at = rays * (seen_by.K[0, 0], seen_by.K[1, 1]) + seen_by.K[:2, 2] - 0.5
    photo = np.empty((camera.height_px, camera.width_px, channels), np.float32)
    for channel in range(channels):
        fine = map_coordinates(picture[..., channel], at.T[::-1], order=1, mode="nearest")
        blocks = np.asarray(fine).reshape(camera.height_px, s, camera.width_px, s)
        photo[..., channel] = blocks.mean(axis=(1, 3))
    return photo


def _straightened(
    px: Float64[np.ndarray, "n 2"], camera: Camera, k1: float
) -> Float64[np.ndarray, "n 2"]:
    """Undo the lens: px of the photo to px of the pinhole picture with the same intrinsics.

    A barrel lens reaches only so far: what lies beyond, in the corners, repeats its rim.
    """
    focal, centre = np.array([camera.K[0, 0], camera.K[1, 1]]), camera.K[:2, 2]
    bent_rays = (px - centre) / focal
    length = np.linalg.norm(bent_rays, axis=1)
    fold = REACH / np.sqrt(-3.0 * k1) if k1 < 0 else np.inf
    target = np.minimum(length, fold * (1 + k1 * fold**2)) if k1 < 0 else length
    radius = np.minimum(target, fold)
    for _ in range(NEWTON_STEPS):
        radius -= (radius * (1 + k1 * radius**2) - target) / (1 + 3 * k1 * radius**2)
    stretch = np.divide(radius, length, out=np.ones_like(radius), where=length > 0)
    return bent_rays * stretch[:, None] * focal + centre
