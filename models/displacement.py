"""The displacement that explains, by slopes, what two pictures of the same are off."""

from collections.abc import Sequence

import torch
from jaxtyping import Float32
from torch import Tensor


def slope_products(x: Tensor, y: Tensor, off: Tensor) -> tuple[Tensor, ...]:
    """Give what `displacement` needs the means of: slopes along x and y, and what is off there."""
    return x * x, y * y, x * y, x * off, y * off


def displacement(means: Sequence[Tensor], floor: float, axis: int) -> Float32[Tensor, "..."]:
    """Solve for the displacement of each window, along x and y on a new axis.

    Lucas, Kanade, "An Iterative Image Registration Technique with an Application to Stereo Vision",
    IJCAI 1981.

    Args:
        means: over windows, of `slope_products`.
        floor: mean squared slope below which a displacement shrinks to nothing.
        axis: the new one.
    """
    xx, yy, xy, xd, yd = means
    xx, yy = xx + floor, yy + floor
    along = torch.stack([yy * xd - xy * yd, xx * yd - xy * xd], axis)
    return along / (xx * yy - xy * xy).unsqueeze(axis)
