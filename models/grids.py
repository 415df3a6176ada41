"""Texels of any size at any place of a tile, and images brought to them.

Reduction and interpolation are Pillow's bicubic ones, as in `texsr.models.resample`, but for grids
that need not begin where the tile begins nor hold a whole number of texels for each of its own.
Both are separable, so an image is brought to a grid by one small matrix an axis.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float32, Float64
from torch import Tensor

from texsr.models.ciaosr import Points
from texsr.models.protocol import TexelGrid

CUBIC_A = -0.5
RADIUS = 2.0  # of the kernel, in texels of the coarser side


class Grid(NamedTuple):
    """Rows and columns of texels. A `TexelGrid`."""

    rows: Float64[Tensor, " H"]  # centres, low texels from the tile's upper edge
    columns: Float64[Tensor, " W"]  # from its left edge
    texel: tuple[float, float]  # height and width of a texel, in low texels


def whole_grid(low: tuple[int, int], high: tuple[int, int]) -> Grid:
    """Give the grid of an image of size `high` over a whole tile of size `low`."""
    texel = low[0] / high[0], low[1] / high[1]
    rows, columns = (
        (torch.arange(count, dtype=torch.float64) + 0.5) * side
        for count, side in zip(high, texel, strict=True)
    )
    return Grid(rows, columns, texel)


def points_on(grid: TexelGrid, low: tuple[int, int], device: torch.device | str) -> Points:
    """Give the centres of a grid's texels, row by row, as an implicit head is asked for them."""
    y, x = (
        (2.0 * at / size - 1.0).float().to(device)
        for at, size in zip((grid.rows, grid.columns), low, strict=True)
    )
    cell = 2.0 * grid.texel[0] / low[0], 2.0 * grid.texel[1] / low[1]
    return Points(y.repeat_interleave(len(x)), x.repeat(len(y)), cell)


def brought_to(
    grid: TexelGrid, image: Float32[Tensor, "b c h w"], low: tuple[int, int]
) -> Float32[Tensor, "b c H W"]:
    """Bring an image over a whole tile to a grid: antialiased where that is coarser.

    Args:
        grid: of the texels that are wanted.
        image: of any size.
        low: height and width of the tile, in low texels.
    """
    down, across = (
        bicubic_rows(at * (size / own), side * (size / own), size)
        for at, side, size, own in _axes(grid, image, low)
    )
    return _apply(down, across, image)


def unseen_by_low(
    grid: TexelGrid, image: Float32[Tensor, "b c H W"], low: tuple[int, int]
) -> Float32[Tensor, "b c H W"]:
    """Take off an image on a grid what its reduction to low texels shows, for the same reduction.

    What is left reduces to nothing: added to an image it leaves the low one as it was. On the whole
    grid of a whole scale it is what `texsr.models.resample.make_consistent` does.
    """
    down, across = (
        _seen(at, side, own)
        for at, side, own in zip((grid.rows, grid.columns), grid.texel, low, strict=True)
    )
    return image - _apply(down, across, image)


def bicubic_rows(at: Float64[Tensor, " n"], side: float, size: int) -> Float64[Tensor, "n size"]:
    """Give the weights of an axis's `size` samples in texels of `side` samples centred at `at`.

    Taps beyond an edge are dropped and the rest renormalised, as Pillow does.
    """
    widened = max(side, 1.0)
    taps = torch.arange(size, dtype=torch.float64) + 0.5
    weights = _cubic((taps[None] - at[:, None]) / widened)
    return weights / weights.sum(1, keepdim=True)


def _seen(at: Float64[Tensor, " n"], side: float, own: int) -> Float64[Tensor, "n n"]:
    """Project onto what reduction to low texels, those of `own` that `at` lies in, shows."""
    first, last = int(at[0]), min(own - 1, int(at[-1]))
    centres = torch.arange(first, last + 1, dtype=torch.float64) + 0.5
    apart = at[None] - centres[:, None]  # low texels, high ones
    reduced, enlarged = _cubic(apart / max(1.0, side)), _cubic(apart.T / max(1.0, side))
    reduced, enlarged = (one / one.sum(1, keepdim=True) for one in (reduced, enlarged))
    return enlarged @ torch.linalg.solve(reduced @ enlarged, reduced)


def _axes(grid: TexelGrid, image: Tensor, low: tuple[int, int]):
    sizes = image.shape[2], image.shape[3]
    return zip((grid.rows, grid.columns), grid.texel, sizes, low, strict=True)


def _apply(down: Tensor, across: Tensor, image: Tensor) -> Float32[Tensor, "b c H W"]:
    down, across = (one.float().to(image.device) for one in (down, across))
    return (down @ image) @ across.T


def _cubic(distance: Float64[Tensor, "..."]) -> Float64[Tensor, "..."]:
    """Evaluate Keys' cubic convolution kernel."""
    x = distance.abs()
    near = ((CUBIC_A + 2.0) * x - (CUBIC_A + 3.0)) * x * x + 1.0
    far = CUBIC_A * (((x - 5.0) * x + 8.0) * x - 4.0)
    return torch.where(x < 1.0, near, torch.where(x < RADIUS, far, 0.0))
