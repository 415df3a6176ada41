"""Stored images resampled to another size, keeping their depth and little memory."""

import numpy as np
from jaxtyping import UInt8, UInt16

from texsr.pipeline.color import to_integer
from texsr.pipeline.resample import resize_rows
from texsr.pipeline.texture_plane import bands

BAND_PIXELS = 1 << 18  # of the result: when reducing, factor² as many are read for them

Stored = UInt8[np.ndarray, "_ _ c"] | UInt16[np.ndarray, "_ _ c"]


def resized(stored: Stored, *, height: int, width: int) -> Stored:
    """Resample bicubically, antialiased when reducing, and round to the image's own depth."""
    if stored.shape[:2] == (height, width):
        return stored
    out = np.empty((height, width, stored.shape[2]), stored.dtype)
    for rows in bands(height, width, texels=BAND_PIXELS):
        color = resize_rows(stored, height=height, width=width, rows=rows)
        out[rows] = to_integer(color, stored.dtype)
    return out
