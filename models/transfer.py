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

    def add(self, wanted: Sequence[Wanted], reference: Sites) -> None:
        """Add some sites of a reference; only windows that hold one are looked at.

        Args:
            wanted: in each of them, a place is named once at most: sums are made in this order.
            reference: where they are.
        """
        for some in wanted:
            self.counts[some.place] += 1.0
        side = reference.window_sites
        for window in reference.windows(side, side):
            here = [_inside(some, window) for some in wanted]
            if not any(len(some.place) for some in here):
                continue
            across = window.right - window.left
            levels = reference.within(window)
            for level, (total, features) in enumerate(zip(self.sums, levels, strict=True)):
                blocks = _blocks(features, 2 ** (len(levels) - 1 - level))
                for some in here:
                    taken = blocks[:, some.row * across + some.column]
                    total[:, some.place] = total[:, some.place] + taken

    def _wanted(self, patch: Tensor, across: int) -> list[Wanted]:
        """Name, for each of nine sites of the patches, where it comes from and goes to."""
        y, x = torch.nonzero(patch >= 0, as_tuple=True)
        row, column = patch[y, x] // across, patch[y, x] % across
        return [
            Wanted(row + dy, column + dx, (y + dy) * self.width + x + dx)
            for dy in range(SIDE)
            for dx in range(SIDE)
        ]

    def levels(self) -> list[Float32[Tensor, "c h w"]]:
        """Give the means, finest level first; 0 where nothing came."""
        found: list[Tensor] = []
        for level, total in enumerate(self.sums):
            block = 2 ** (len(self.sums) - 1 - level)
            mean = (total / self.counts.clamp_min(1.0)).view(-1, self.height, self.width)
            found.append(functional.pixel_shuffle(mean, block))
        return found


def _inside(wanted: Wanted, window: Window) -> Wanted:
    """Give those sites that lie in a window, counted from its corner."""
    inside = (wanted.row >= window.top) & (wanted.row < window.bottom)
    inside &= (wanted.column >= window.left) & (wanted.column < window.right)
    return Wanted(
        wanted.row[inside] - window.top, wanted.column[inside] - window.left, wanted.place[inside]
    )


def _blocks(features: Float32[Tensor, "c h w"], side: int) -> Float32[Tensor, "m n"]:
    """Lay the blocks of each site out as a column."""
    return functional.pixel_unshuffle(features, side).flatten(1)
