"""A finished atlas, made at a scale of its model's own -> the size that was asked for.

Everything works in bands of rows, so that neither atlas is ever in memory whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import UInt8, UInt16

from texsr.pipeline.color import to_float, to_integer
from texsr.pipeline.resample import Resampling
from texsr.pipeline.texture_plane import bands

BAND_TEXELS = 1 << 18  # of the result; up to seven times as many are read for them

Stored = UInt8[np.ndarray, "_ _ c"] | UInt16[np.ndarray, "_ _ c"]
Origins = UInt8[np.ndarray, "_ _ 2"]  # provenance level, confidence


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reduction:
    """How an atlas of one size becomes the same atlas of a smaller one."""

    bicubic: Resampling
    area: Resampling
    shape: tuple[int, int]  # height and width of the result

    def bands(self) -> Iterator[slice]:
        """Cut the result into bands of rows."""
        return bands(*self.shape, texels=BAND_TEXELS)

    def needed(self, rows: slice) -> slice:
        """Give the input rows that are read for some rows of the result."""
        return self.bicubic.needed(rows)

    def color(self, made: Stored, rows: slice) -> Stored:
        """Reduce all channels by antialiased bicubic, in the stored depth; alpha is one of them."""
        band = to_float(np.ascontiguousarray(made[self.bicubic.needed(rows)]))
        return to_integer(self.bicubic.apply(band, rows), made.dtype)

    def origins(self, made: Origins, rows: slice) -> Origins:
        """Reduce provenance: the level of the nearest texel, the mean confidence around it.

        Confidence is averaged over the area of a new texel, as far as that lies on a chart.
        """
        needed = self.area.needed(rows)
        band = np.ascontiguousarray(made[needed])
        on_chart = band[..., 0] > 0
        trusted = np.where(on_chart, band[..., 1], np.uint8(0))
        planes = np.stack([trusted, on_chart], axis=-1).astype(np.float32)
        mean, share = np.moveaxis(self.area.apply(planes, rows), -1, 0)
        near_rows = self._nearest(0, len(made))[rows] - needed.start
        level = band[near_rows][:, self._nearest(1, made.shape[1]), 0]
        confidence = np.rint(mean / np.maximum(share, np.float32(1e-6)))
        kept = np.where(level > 0, confidence, np.float32(0.0)).clip(0.0, 255.0)
        return np.stack([level, kept.astype(np.uint8)], axis=-1)

    def _nearest(self, axis: int, size_in: int) -> np.ndarray:
        """Give for each new row or column the old one that holds its middle."""
        size_out = self.shape[axis]
        return (2 * np.arange(size_out) + 1) * size_in // (2 * size_out)


def plan_reduction(made: tuple[int, int], wanted: tuple[int, int]) -> Reduction:
    """Plan how to bring an atlas down from one height and width to another."""
    return Reduction(
        bicubic=Resampling.bicubic(made, wanted), area=Resampling.area(made, wanted), shape=wanted
    )
