"""A texture that can be looked up at any size of footprint, without being loaded whole."""

from collections.abc import Sequence
from typing import final

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8, UInt16

Stored = UInt8[np.ndarray, "h w c"] | UInt16[np.ndarray, "h w c"]

BAND_ROWS = 256
MAX_LEVEL = 12


@final
class Mipmap:
    """The colour of a stored texture and its reductions by 2, 4, 8 ..., made when first wanted.

    Level 0 is the array given, which may be a memory map; it is indexed, never copied. Reductions
    average 2 x 2 texels of sRGB-encoded colour and are held at 16 bits. Alpha is left out.
    """

    def __init__(self, stored: Stored) -> None:
        self._levels: dict[int, Stored] = {0: stored}
        self._num_color = 3 if stored.shape[2] >= 3 else 1

    @property
    def height_tx(self) -> int:
        """Rows of level 0."""
        return self._levels[0].shape[0]

    @property
    def width_tx(self) -> int:
        """Columns of level 0."""
        return self._levels[0].shape[1]

    def level(self, index: int) -> Stored:
        """Give the reduction by 2 to the power of `index`; odd sizes round up."""
        if index not in self._levels:
            # Levels in between are not kept: of a large texture, the first alone is larger than
            # all that a picture of the whole object needs.
            finer = max(known for known in self._levels if known < index)
            self._levels[index] = _reduced(
                self._levels[finer], 2 ** (index - finer), self._num_color
            )
        return self._levels[index]

    def sample(
        self, texel: Float64[np.ndarray, "n 2"], footprint_tx: Float64[np.ndarray, " n"]
    ) -> Float32[np.ndarray, "n 3"]:
        """Look up colour: bilinear in place, and between the two nearest levels.

        Args:
            texel: (x, y) on the texel plane of level 0; beyond the border the border holds.
            footprint_tx: side of the square to average over, level-0 texels.

        Returns:
            RGB in [0, 1]; grey is repeated.
        """
        size = max(self.height_tx, self.width_tx)
        top = min(MAX_LEVEL, int(np.ceil(np.log2(max(size, 1)))))
        wanted = np.clip(np.log2(np.maximum(footprint_tx, 1.0)), 0.0, top)
        lower = wanted.astype(np.int64)
        mix = (wanted - lower).astype(np.float32)
        color = np.empty((len(texel), 3), np.float32)
        for index in np.unique(lower):
            here = np.flatnonzero(lower == index)
            fine = bilinear(self.level(int(index)), texel[here] / 2.0**index, self._num_color)
            blended = np.flatnonzero(mix[here] > 0)
            if len(blended):
                spots = here[blended]
                coarse = bilinear(
                    self.level(int(index) + 1), texel[spots] / 2.0 ** (index + 1), self._num_color
                )
                fine[blended] += mix[spots, None] * (coarse - fine[blended])
            color[here] = fine
        return color

    def reduced(self, longest_tx: int) -> Stored:
        """Give the finest level whose longer side is at most `longest_tx`."""
        index = 0
        while -(-max(self.height_tx, self.width_tx) // 2**index) > longest_tx:
            index += 1
        return self.level(index)


def bilinear(
    stored: Stored, texel: Float64[np.ndarray, "n 2"], num_color: int
) -> Float32[np.ndarray, "n 3"]:
    """Interpolate stored texels at (x, y); texel (0, 0) is centred at (0.5, 0.5)."""
    height, width = stored.shape[:2]
    x, y = (texel[:, axis] - 0.5 for axis in range(2))
    column, row = np.floor(x), np.floor(y)
    across, down = (x - column).astype(np.float32), (y - row).astype(np.float32)
    columns = _clamped([column, column + 1], width)
    rows = _clamped([row, row + 1], height)
    top = np.float32(np.iinfo(stored.dtype).max)
    mixed = np.zeros((len(texel), num_color), np.float32)
    for r, weight_down in zip(rows, (1 - down, down), strict=True):
        for c, weight_across in zip(columns, (1 - across, across), strict=True):
            weight = (weight_down * weight_across)[:, None]
            mixed += stored[r, c][:, :num_color] * weight
    mixed /= top
    return np.repeat(mixed, 3, axis=1) if num_color == 1 else mixed


def _clamped(
    index: Sequence[Float64[np.ndarray, " n"]], size: int
) -> list[Int64[np.ndarray, " n"]]:
    return [np.clip(i, 0, size - 1).astype(np.int64) for i in index]


def _reduced(stored: Stored, factor: int, num_color: int) -> UInt16[np.ndarray, "H W k"]:
    """Average square blocks, some rows at a time; beyond a border its texels repeat."""
    height, width = stored.shape[:2]
    rows, columns = -(-height // factor), -(-width // factor)
    out = np.empty((rows, columns, num_color), np.uint16)
    gain = np.float32(65535 / np.iinfo(stored.dtype).max / factor**2)
    step = max(1, BAND_ROWS // factor)
    for first in range(0, rows, step):
        band = stored[first * factor : (first + step) * factor, :, :num_color].astype(np.float32)
        odd = ((0, -band.shape[0] % factor), (0, columns * factor - width), (0, 0))
        band = np.pad(band, odd, mode="edge")
        blocks = band.reshape(-1, factor, columns, factor, num_color)
        total = blocks.sum(axis=1).sum(axis=2)
        out[first : first + len(total)] = np.rint(total * gain)
    return out
