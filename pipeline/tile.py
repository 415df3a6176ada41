"""Integer rectangles on the texel plane, and the tiles an atlas is worked through in."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A half-open rectangle of texels, y down. Empty where width or height is 0."""

    x: int
    y: int
    width: int
    height: int

    @staticmethod
    def around(points: Float64[np.ndarray, "n 2"]) -> "Region":
        """Give the smallest region in which all points (x, y) lie."""
        start, end = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0))
        (x, y), (width, height) = start.astype(int).tolist(), (end - start).astype(int).tolist()
        return Region(x=x, y=y, width=width, height=height)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of this region in an array of the whole plane: rows, columns."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)

    @property
    def area(self) -> int:
        """Number of texels."""
        return self.width * self.height

    @property
    def corners(self) -> Float64[np.ndarray, "4 2"]:
        """Its outer corners, (x, y)."""
        right, bottom = self.x + self.width, self.y + self.height
        return np.array(
            [[self.x, self.y], [right, self.y], [right, bottom], [self.x, bottom]], np.float64
        )

    def grown(self, margin_tx: int) -> "Region":
        """The region with `margin_tx` more texels on every side."""
        return Region(
            x=self.x - margin_tx,
            y=self.y - margin_tx,
            width=self.width + 2 * margin_tx,
            height=self.height + 2 * margin_tx,
        )

    def intersected(self, other: "Region") -> "Region":
        """The common part; width and height are 0 where there is none."""
        x = max(self.x, other.x)
        y = max(self.y, other.y)
        right = min(self.x + self.width, other.x + other.width)
        bottom = min(self.y + self.height, other.y + other.height)
        return Region(x=x, y=y, width=max(0, right - x), height=max(0, bottom - y))

    def relative_to(self, outer: "Region") -> "Region":
        """The same texels, counted from the upper-left corner of `outer`."""
        return Region(x=self.x - outer.x, y=self.y - outer.y, width=self.width, height=self.height)

    def scaled(self, scale: int) -> "Region":
        """The region that these texels cover on a plane `scale` times finer."""
        return Region(
            x=self.x * scale,
            y=self.y * scale,
            width=self.width * scale,
            height=self.height * scale,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A piece of work: `core` is what it owns, `padded` what it has to look at."""

    core: Region
    padded: Region


def plan_tiles(height: int, width: int, *, size_tx: int, overlap_tx: int) -> Iterator[Tile]:
    """Cut a plane into tiles whose cores own every texel exactly once.

    Args:
        height: rows of the plane, tx.
        width: columns of the plane, tx.
        size_tx: side of a core; the last row and column may be smaller.
        overlap_tx: what a padded region adds on each side, clipped to the plane.
    """
    plane = Region(x=0, y=0, width=width, height=height)
    for y in range(0, height, size_tx):
        for x in range(0, width, size_tx):
            core = Region(x=x, y=y, width=size_tx, height=size_tx).intersected(plane)
            yield Tile(core=core, padded=core.grown(overlap_tx).intersected(plane))
