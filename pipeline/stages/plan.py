"""What a run will take, before it runs: tiles, references, memory, disk, time; and its worth."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from texsr.pipeline.record import Spread, Worth

MIN_TILE_TX, MAX_TILE_TX = 48, 512
GRID_TX = 8  # networks pool over cells of so many texels; tiles begin where cells do


def tile_size_tx(
    *, low_shape: tuple[int, int], scale: int, overlap_tx: int, bytes_per_texel: int, budget: int
) -> int:
    """Choose the side of a tile, in low texels, such that its working memory fits the budget.

    Args:
        low_shape: height and width of the low atlas, tx.
        scale: high texels per low texel.
        overlap_tx: what is added on every side of a tile, low texels.
        bytes_per_texel: working memory per high texel.
        budget: bytes.
    """
    side = int(np.sqrt(budget / bytes_per_texel) / scale) - 2 * overlap_tx
    side = max(MIN_TILE_TX, min(MAX_TILE_TX, side // 16 * 16))
    return min(side, -(-max(low_shape) // 16) * 16)


def on_grid(size_tx: int) -> int:
    """Enlarge the side of a tile such that the next one begins where a cell does."""
    return -(-size_tx // GRID_TX) * GRID_TX


def worth(
    best_px_per_texel: Float32[np.ndarray, " n"], *, scale: float, grid_per_low: float
) -> Worth:
    """Judge whether the photos hold more than the atlas does.

    Args:
        best_px_per_texel: of the covered texels of a calibration grid, photo px per texel of that
            grid in the view that shows it finest; 0 where no view does.
        scale: high texels per low texel.
        grid_per_low: grid texels per low texel (1 or less).
    """
    per_low = best_px_per_texel * grid_per_low
    if len(per_low) == 0:
        return Worth(
            px_per_texel=Spread(p10=0.0, median=0.0, p90=0.0), fillable_scale=0.0, share_gaining=0.0
        )
    p10, median, p90 = (float(v) for v in np.percentile(per_low, [10, 50, 90]))
    return Worth(
        px_per_texel=Spread(p10=p10 / scale, median=median / scale, p90=p90 / scale),
        fillable_scale=median,
        share_gaining=float(np.mean(per_low > 1.0)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AtlasPlan:
    """What one atlas will take."""

    name: str
    low_size_tx: tuple[int, int]
    high_size_tx: tuple[int, int]
    num_tiles: int
    tile_size_tx: int
    num_references: int
    worth: Worth


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """What a run will take."""

    atlases: tuple[AtlasPlan, ...]
    peak_memory_mb: float
    disk_mb: float
    seconds: float
