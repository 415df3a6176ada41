"""What is fitted once for a whole view: where its photo really lies, and how far to trust it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64
from scipy import ndimage


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ViewFit:
    """Corrections and qualities of one view.

    `shift_px` lies on a grid over the photo: cell (i, j) is centred at
    ((j + 0.5), (i + 0.5)) * `cell_px`.
    """

    shift_px: Float32[np.ndarray, "gh gw 2"]  # (x, y) to add to a projected pixel
    cell_px: float
    median_shift_px: float
    trust: float  # [0, 1]: squared correlation of its detail with the atlas's
    noise: float  # standard deviation of the photo's noise, colour in [0, 1]
    sharpness: float  # its finest contrast, relative to the sharpest photo of the capture; (0, 1]
    gain: float  # exposure beside the atlas: atlas = gain * photo

    def moved(self, px: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
        """Give the pixel at which the photo really shows what projects to `px`."""
        at = np.stack([px[:, 1], px[:, 0]]) / self.cell_px - 0.5
        shift = [
            ndimage.map_coordinates(self.shift_px[..., axis], at, order=1, mode="nearest")
            for axis in range(2)
        ]
        return px + np.stack(shift, axis=1)
