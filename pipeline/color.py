"""sRGB-encoded <-> linear light, integer <-> float, luma."""

import numpy as np
from jaxtyping import Float32, UInt8, UInt16

Integer = UInt8[np.ndarray, "..."] | UInt16[np.ndarray, "..."]

# ITU-R BT.601 studio-range luma of [0, 1] RGB, in units of 1/255: Y in [16, 235].
LUMA_601 = np.array([65.481, 128.553, 24.966], dtype=np.float32)


def to_float(stored: Integer) -> Float32[np.ndarray, "..."]:
    """Map stored integers onto [0, 1] by their type's full range."""
    return stored.astype(np.float32) / np.float32(np.iinfo(stored.dtype).max)


def to_integer(color: Float32[np.ndarray, "..."], dtype: np.dtype) -> Integer:
    """Round [0, 1] to the nearest stored integer; values outside are clipped."""
    top = np.iinfo(dtype).max
    # float32 holds every integer up to 2**24, so 16 bits round exactly.
    return np.rint(np.clip(color, 0.0, 1.0) * np.float32(top)).astype(dtype)


def linear_from_srgb(color: Float32[np.ndarray, "..."]) -> Float32[np.ndarray, "..."]:
    """Decode the sRGB transfer curve (IEC 61966-2-1)."""
    low = color / np.float32(12.92)
    high = ((np.maximum(color, 0.0) + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    return np.where(color <= 0.04045, low, high)


def srgb_from_linear(color_linear: Float32[np.ndarray, "..."]) -> Float32[np.ndarray, "..."]:
    """Apply the sRGB transfer curve (IEC 61966-2-1)."""
    low = color_linear * np.float32(12.92)
    root = np.maximum(color_linear, 0.0) ** np.float32(1 / 2.4)
    return np.where(color_linear <= 0.0031308, low, np.float32(1.055) * root - np.float32(0.055))


def luma(color: Float32[np.ndarray, "... 3"]) -> Float32[np.ndarray, "..."]:
    """Give BT.601 luma in units of 1/255, in [16, 235] for colour in [0, 1]."""
    return color @ LUMA_601 + np.float32(16.0)
