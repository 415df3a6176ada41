"""Photos resampled to what the ideal pinhole would have taken, in bands of rows."""

import math

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

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
    """Interpolate a photo at places inside it; its border pixels go on outside.

    Source: Keys, "Cubic convolution interpolation", 1981, with a = -1/2. The -3/4 of the usual
    libraries does not reproduce a slope: it moves edges by up to 0.04 px.
    """
    import torch

    # Only the rows that this band looks at are turned into floats.
    top = max(0, math.floor(px[:, 1].min()) - _REACH_PX)
    bottom = min(color.shape[0], math.ceil(px[:, 1].max()) + _REACH_PX)
    height, width = bottom - top, color.shape[1]
    part = torch.from_numpy(np.ascontiguousarray(color[top:bottom].transpose(2, 0, 1)))
    planes = part.reshape(3, -1).float()
    place = px.T - [[0.5], [top + 0.5]]  # 2 n
    second = np.floor(place)
    weights = torch.from_numpy(_keys_weights(place - second))  # 4 2 n
    first = torch.from_numpy(second.astype(np.int32)) - 1
    columns = [(first[0] + i).clamp(0, width - 1) for i in range(4)]
    total = torch.zeros((3, len(px)))
    for j in range(4):
        start = (first[1] + j).clamp(0, height - 1) * width
        line = torch.zeros_like(total)
        for i in range(4):
            line.addcmul_(planes.index_select(1, start + columns[i]), weights[i, 0].expand(3, -1))
        total.addcmul_(line, weights[j, 1].expand(3, -1))
    return total.clamp_(0, 255).round_().byte().T.contiguous().numpy()


def _keys_weights(t: Float64[np.ndarray, "2 n"]) -> Float32[np.ndarray, "4 2 n"]:
    """Weigh the four neighbours of a place that lies a fraction `t` past the second."""
    return np.stack(
        [
            ((-0.5 * t + 1.0) * t - 0.5) * t,
            (1.5 * t - 2.5) * t * t + 1.0,
            ((-1.5 * t + 2.0) * t + 0.5) * t,
            (0.5 * t - 0.5) * t * t,
        ],
        dtype=np.float32,
        casting="same_kind",
    )
