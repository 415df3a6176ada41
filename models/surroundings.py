"""Mean and variance of features over what lies around a place, not over all of an input.

A network that takes them over the whole of an input answers a tile by where it was cut, and a large
one by figures that its training crops never showed. Taken over a surrounding about as large as a
crop they do neither, with the same weights: Chu, Chen, Chen, Lu, "Improving Image Restoration by
Revisiting Global Information Aggregation", ECCV 2022.

They are told for cells, squares of some texels, and drawn out over the texels smoothly.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional


class Moments(NamedTuple):
    """Of each channel around each cell."""

    mean: Float32[Tensor, "b c p q"]
    variance: Float32[Tensor, "b c p q"]


def moments_around(x: Float32[Tensor, "b c h w"], *, cell_tx: int, reach: int) -> Moments:
    """Take mean and variance over each cell and so many on every side; those beyond it left out.

    Args:
        x: sides are multiples of `cell_tx`.
        cell_tx: side of a cell.
        reach: cells on every side of one.
    """
    mean, square = (
        _around(functional.avg_pool2d(one, cell_tx), reach) for one in (x, torch.square(x))
    )
    return Moments(mean, (square - torch.square(mean)).clamp_min(0.0))


def drawn_out(cells: Float[Tensor, "b c p q"], cell_tx: int) -> Float[Tensor, "b c h w"]:
    """Give every texel its share of what the cells next to it say."""
    return functional.interpolate(cells, scale_factor=cell_tx, mode="bilinear")


def _around(cells: Tensor, reach: int) -> Tensor:
    side = 2 * reach + 1
    rows = functional.avg_pool2d(cells, (side, 1), 1, (reach, 0), count_include_pad=False)
    return functional.avg_pool2d(rows, (1, side), 1, (0, reach), count_include_pad=False)
