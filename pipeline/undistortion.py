"""Photos resampled to what the ideal pinhole would have taken, in bands of rows."""

import numpy as np
from jaxtyping import Bool, UInt8

from texsr.pipeline.camera import Camera
from texsr.pipeline.lens import Lens

BAND_ROWS = 128


def undistort(
    color: UInt8[np.ndarray, "h w 3"], keep: Bool[np.ndarray, "h w"], *, lens: Lens, camera: Camera
) -> tuple[UInt8[np.ndarray, "H W 3"], Bool[np.ndarray, "H W"], Bool[np.ndarray, "H W"]]:
    """Lay a photo out as `lens.pinhole` sees it, by cubic splines.

    Args:
        color: the photo as it is on disk.
        keep: its mask.
        lens: what it was taken through.
        camera: the pinhole camera that `lens` gave.

    Returns:
        The photo, its mask (nearest pixel; true outside the lens), and what lies inside the lens.
    """
    import torch  # here: what only looks at captures starts without it

    from texsr.pipeline.spline import sample_spline

    height, width = camera.height_px, camera.width_px
    out = np.zeros((height, width, 3), np.uint8)
    kept, inside = np.ones((height, width), bool), np.zeros((height, width), bool)
    planes = torch.from_numpy(np.ascontiguousarray(color.transpose(2, 0, 1)))
    for top in range(0, height, BAND_ROWS):
        rows = slice(top, min(top + BAND_ROWS, height))
        x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(rows.start, rows.stop) + 0.5)
        raw, seen = lens.raw_px(np.stack([x.ravel(), y.ravel()], axis=1))
        raw = raw[seen]
        where = seen.reshape(x.shape)
        inside[rows] = where
        if len(raw) == 0:
            continue
        sampled = sample_spline(planes, torch.from_numpy(raw.astype(np.float32)))
        out[rows][where] = (sampled * 255.0).clamp_(0, 255).round_().byte().T.numpy()
        column = np.minimum(raw[:, 0].astype(int), color.shape[1] - 1)
        row = np.minimum(raw[:, 1].astype(int), color.shape[0] - 1)
        kept[rows][where] = keep[row, column]
    return out, kept, inside
