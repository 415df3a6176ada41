"""The texels of a new atlas over those of the low one, at any ratio."""

from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from texsr.pipeline.tile import Region


class Texels(NamedTuple):
    """Rows and columns of texels on a tile."""

    rows: Float64[Tensor, " H"]  # centres, low texels from the tile's upper edge
    columns: Float64[Tensor, " W"]  # from its left edge
    texel: tuple[float, float]  # height and width of a texel, in low texels


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HighPlane:
    """A plane of texels over another; shapes are height and width, tx."""

    low_shape: tuple[int, int]
    shape: tuple[int, int]

    def over(self, region: Region) -> Region:
        """Give the texels over a region of low texels.

        Regions that part the low plane part this one: a texel goes with the low one that its upper
        left corner is nearest to.
        """
        y, bottom = (self._edge(0, at) for at in (region.y, region.y + region.height))
        x, right = (self._edge(1, at) for at in (region.x, region.x + region.width))
        return Region(x=x, y=y, width=right - x, height=bottom - y)

    def texels(self, region: Region) -> Texels:
        """Give the places of the texels over a region, counted from its upper left corner."""
        over = self.over(region)
        step_y, step_x = (own / made for own, made in zip(self.low_shape, self.shape, strict=True))
        rows = (np.arange(over.y, over.y + over.height) + 0.5) * step_y - region.y
        columns = (np.arange(over.x, over.x + over.width) + 0.5) * step_x - region.x
        return Texels(torch.from_numpy(rows), torch.from_numpy(columns), (step_y, step_x))

    def nearest(self, mask: Bool[np.ndarray, "p q"], region: Region) -> Bool[np.ndarray, "H W"]:
        """Bring a mask over a region, of any size, to the texels over that region."""
        over = self.over(region)
        if mask.shape == (over.height, over.width):
            return mask
        texels = self.texels(region)
        sizes = region.height, region.width
        rows, columns = (
            (at.numpy() * (count / size)).astype(np.intp).clip(0, count - 1)
            for at, count, size in zip(texels[:2], mask.shape, sizes, strict=True)
        )
        return mask[rows[:, None], columns[None]]

    def _edge(self, axis: int, at: int) -> int:
        own, made = self.low_shape[axis], self.shape[axis]
        return (2 * at * made + own) // (2 * own)
