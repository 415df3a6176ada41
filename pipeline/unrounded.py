"""Colours that are needed more finely than an atlas stores them: those around seams.

Both sides of a seam are brought together when all tiles are done. Made from stored values, that
would carry a rounding of one texel into its neighbours, and more of it than there was.
"""

from typing import final

import numpy as np
from jaxtyping import Float32, Int64

from texsr.pipeline.tile import Region


@final
class Unrounded:
    """Colours of some texels of a plane; parts of the plane may be told at the same time."""

    def __init__(self, texels: Int64[np.ndarray, " n"], width_tx: int, num_color: int) -> None:
        """Make room.

        Args:
            texels: flat indices on the plane, sorted.
            width_tx: of the plane.
            num_color: channels.
        """
        self.texels, self.width_tx = texels, width_tx
        self._color = np.zeros((len(texels), num_color), np.float32)

    def tell(self, part: Region, color: Float32[np.ndarray, "H W c"]) -> None:
        """Note the colours of a part of the plane, where they are wanted."""
        ends = np.array([part.y, part.y + part.height]) * self.width_tx
        first, last = np.searchsorted(self.texels, ends)
        row, column = np.divmod(self.texels[first:last], self.width_tx)
        inside = (column >= part.x) & (column < part.x + part.width)
        at = np.arange(first, last)[inside]
        self._color[at] = color[row[inside] - part.y, column[inside] - part.x]

    def of(self, texels: Int64[np.ndarray, " u"]) -> Float32[np.ndarray, "u c"]:
        """Give the colours of some of the texels."""
        return self._color[np.searchsorted(self.texels, texels)]
