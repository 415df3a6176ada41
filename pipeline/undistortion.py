"""Photos resampled to what the ideal pinhole would have taken, in bands of rows."""

import math

import numpy as np
from jaxtyping import Bool, Float64, UInt8
from texsr.pipeline.camera import Camera
from texsr.pipeline.lens import Lens

BAND_ROWS = 128
_REACH_PX = 3  # what the cubic needs of the photo around a place


def undistort(
    color: UInt8[np.ndarray, "h w 3"], keep: Bool[np.ndarray, "h w"], *, lens: Lens, camera: Camera
) -> tuple[UInt8[np.ndarray, "H W 3"], Bool[np.ndarray, "H W"], Bool[np.ndarray, "H W"]]:
    """Lay a photo out as `lens.pinhole` sees it, by bicubic interpolation.

    Args:
        color: the photo as it is on disk.
        keep: its mask.
        lens: what it was taken through.
        camera: the pinhole camera that `lens` gave.

    Returns:
        The photo, its mask (nearest pixel; true outside the lens), and what lies inside the lens.
    """
    height, width = camera.height_px, camera.width_px
    out = np.zeros((height, width, 3), np.uint8)
    kept, inside = np.ones((height, width), bool), np.zeros((height, width), bool)
    for top in range(0, height, BAND_ROWS):
        rows = slice(top, min(top + BAND_ROWS, height))
        x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(rows.start, rows.stop) + 0.5)
        raw, seen = lens.raw_px(np.stack([x.ravel(), y.ravel()], axis=1))
        raw = raw[seen]
        where = seen.reshape(x.shape)
        inside[rows] = where
        if len(raw) == 0:
            continue
        out[rows][where] = _sampled(color, raw)
        column = np.minimum(raw[:, 0].astype(int), color.shape[1] - 1)
        row = np.minimum(raw[:, 1].astype(int), color.shape[0] - 1)
        kept[rows][where] = keep[row, column]
    return out, kept, inside


def _sampled(
    color: UInt8[np.ndarray, "h w 3"], px: Float64[np.ndarray, "n 2"]
) -> UInt8[np.ndarray, "n 3"]:
    """Interpolate a photo at places inside it; its border pixels go on outside."""
    import torch

    # Only the rows that this band looks at are turned into floats.
    top = max(0, math.floor(px[:, 1].min()) - _REACH_PX)
    bottom = min(color.shape[0], math.ceil(px[:, 1].max()) + _REACH_PX)
    part = np.ascontiguousarray(color[top:bottom].transpose(2, 0, 1))
    size = np.array([part.shape[2], part.shape[1]])
    places = 2.0 * (px - [0.0, top]) / size - 1.0
    sampled = torch.nn.functional.grid_sample(
        torch.from_numpy(part)[None].float(),
        torch.from_numpy(places.astype(np.float32))[None, None],
        mode="bicubic",
        padding_mode="border",
        align_corners=False,
    )
    return sampled[0, :, 0].clamp(0, 255).round().byte().T.contiguous().numpy()
