"""Features of references carried to where they were matched: by gathering, never by unfolding.

A patch of three by three sites matched at every place, every site lies in up to nine of them, and
their matches are averaged: what unfolding reference features into patches, choosing, and folding
them does. Unfolded, they fill nine times the memory of all reference features; here each site is
fetched from where it lies. On finer levels a site is a block of two by two or four by four.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, final, runtime_checkable

import torch
from jaxtyping import Float32, Int64
from torch import Tensor
from torch.nn import functional

from texsr.models.looking import Window
from texsr.models.matching import REACH, SIDE


class Wanted(NamedTuple):
    """Sites of a reference that are wanted somewhere."""

    row: Int64[Tensor, " n"]
    column: Int64[Tensor, " n"]
    place: Int64[Tensor, " n"]  # where, row by row


@runtime_checkable
class Sites(Protocol):
    """Features that can be had window by window."""

    width: int

    @property
    def window_sites(self) -> int:
        """Side of a window, in sites."""
        ...

    def windows(self, tall: int, wide: int) -> Iterator[Window]:
        """Cut all sites into windows."""
        ...

    def within(self, window: Window) -> list[Float32[Tensor, "c p q"]]:
        """Give the features of a window, level by level, finest first."""
        ...


@final
class Carried:
    """Features brought together, level by level, from one reference after the other."""

    def __init__(self, height: int, width: int, channels: Sequence[int], like: Tensor) -> None:
        """Prepare for so many sites, and as many levels as channels are given for, finest first."""
        self.height, self.width = height, width
        sizes = [count * 4 ** (len(channels) - 1 - level) for level, count in enumerate(channels)]
        self.sums = [like.new_zeros(size, height * width) for size in sizes]
        self.counts = like.new_zeros(height * width)

    def fetch(self, patch: Int64[Tensor, "p q"], reference: Sites) -> None:
        """Add what the matched patches of a reference hold.

        Args:
            patch: of the reference's, row by row; negative: none of this reference.
            reference: what is matched.
        """
        self.add(self._wanted(patch, reference.width - REACH), reference)

    def add(self, wanted: Wanted, reference: Sites) -> None:
        """Add some sites of a reference; only windows that hold one are looked at."""
        self.counts.index_add_(0, wanted.place, torch.ones_like(wanted.place).to(self.counts))
        side = reference.window_sites
        for window in reference.windows(side, side):
            inside = (wanted.row >= window.top) & (wanted.row < window.bottom)
            inside &= (wanted.column >= window.left) & (wanted.column < window.right)
            if not bool(inside.any()):
                continue
            across = window.right - window.left
            here = (wanted.row[inside] - window.top) * across + wanted.column[inside] - window.left
            levels = reference.within(window)
            for level, (total, features) in enumerate(zip(self.sums, levels, strict=True)):
                blocks = _blocks(features, 2 ** (len(levels) - 1 - level))
                total.index_add_(1, wanted.place[inside], blocks.index_select(1, here))

    def _wanted(self, patch: Tensor, across: int) -> Wanted:
        """Name, for each patch and each of its nine sites, where it comes from and goes to."""
        y, x = torch.nonzero(patch >= 0, as_tuple=True)
        matched = patch[y, x]
        row, column = matched // across, matched % across
        offsets = [(dy, dx) for dy in range(SIDE) for dx in range(SIDE)]
        return Wanted(
            torch.cat([row + dy for dy, _ in offsets]),
            torch.cat([column + dx for _, dx in offsets]),
            torch.cat([(y + dy) * self.width + x + dx for dy, dx in offsets]),
        )

    def levels(self) -> list[Float32[Tensor, "c h w"]]:
        """Give the means, finest level first; 0 where nothing came."""
        found: list[Tensor] = []
        for level, total in enumerate(self.sums):
            block = 2 ** (len(self.sums) - 1 - level)
            mean = (total / self.counts.clamp_min(1.0)).view(-1, self.height, self.width)
            found.append(functional.pixel_shuffle(mean, block))
        return found


def _blocks(features: Float32[Tensor, "c h w"], side: int) -> Float32[Tensor, "m n"]:
    """Lay the blocks of each site out as a column."""
    return functional.pixel_unshuffle(features, side).flatten(1)
