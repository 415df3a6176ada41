"""Luma planes of stored images, and the structural similarity of two of them.

Y is BT.601 luma in [16, 235] of RGB rounded to 8 bits, itself not rounded. SSIM is Wang et al. 2004
with gaussian windows of 11 x 11 and sigma 1.5 and the constants for a range of 255.
"""

import numpy as np
from jaxtyping import Float64, UInt8, UInt16

from texsr.pipeline.color import luma, to_float, to_integer

Stored = UInt8[np.ndarray, "_ _ _"] | UInt16[np.ndarray, "_ _ _"]
Plane = Float64[np.ndarray, "h w"]

SSIM_RADIUS, SSIM_SIGMA = 5, 1.5
SSIM_C1, SSIM_C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def luma_plane(stored: Stored) -> Float64[np.ndarray, "_ _"]:
    """Give Y of 8-bit-rounded RGB; grey counts as equal channels, alpha not at all."""
    color = stored[..., :3] if stored.shape[2] >= 3 else np.repeat(stored[..., :1], 3, axis=2)
    if color.dtype != np.uint8:
        color = to_integer(to_float(color), np.dtype(np.uint8))
    return luma(to_float(color)).astype(np.float64)


def ssim_map(a: Plane, b: Plane) -> Plane:
    """Give the structural similarity of two luma planes around every texel (Wang et al. 2004).

    Planes are mirrored at their borders.
    """
    from scipy.ndimage import correlate1d

    offset = np.arange(-SSIM_RADIUS, SSIM_RADIUS + 1)
    window = np.exp(-((offset / SSIM_SIGMA) ** 2) / 2)
    window /= window.sum()

    def mean(plane: Plane) -> Plane:
        across = correlate1d(plane, window, axis=1, mode="mirror")
        return correlate1d(across, window, axis=0, mode="mirror")

    mean_a, mean_b = mean(a), mean(b)
    var_a = mean(a * a) - mean_a**2
    var_b = mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    brightness = (2 * mean_a * mean_b + SSIM_C1) / (mean_a**2 + mean_b**2 + SSIM_C1)
    return brightness * (2 * covariance + SSIM_C2) / (var_a + var_b + SSIM_C2)
