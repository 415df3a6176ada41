"""Tiles into the finished atlas: agreement across seams, gutters, alpha."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from scipy import ndimage

from texsr.pipeline.color import to_float, to_integer
from texsr.pipeline.seams import Seams
from texsr.pipeline.tile import Region, plan_tiles

GUTTER_TX = 32  # high texels; keeps mip levels up to 5 free of foreign colour
SEAM_REACH_TX = 3.0  # how far into a chart a correction fades out
SEAM_ROUNDS = 3
BLOCK_TX = 1024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeamPoints:
    """Points of the surface that the atlas shows twice, on the high texel plane."""

    texel: Float64[np.ndarray, "2 n 2"]  # side, point, (x, y)


def seam_points(seams: Seams, height_tx: int, width_tx: int) -> SeamPoints:
    """Spread points along all seams, about two a texel."""
    size = np.array([width_tx, height_tx], np.float64)
    flip = np.array([1.0, -1.0])
    ends = (seams.uv * flip + np.array([0.0, 1.0])) * size  # e side end xy
    length = np.linalg.norm(ends[:, :, 1] - ends[:, :, 0], axis=2).max(axis=1)
    count = np.maximum(np.ceil(length * 2).astype(np.int64), 2)
    edge = np.repeat(np.arange(len(count)), count)
    start = np.cumsum(count) - count
    share = ((np.arange(len(edge)) - start[edge]) + 0.5) / count[edge]
    at = ends[edge, :, 0] * (1 - share)[:, None, None] + ends[edge, :, 1] * share[:, None, None]
    return SeamPoints(texel=np.ascontiguousarray(at.transpose(1, 0, 2)))


def agree_across_seams(atlas: np.ndarray, points: SeamPoints, num_color: int) -> None:
    """Move both sides of every seam to their common mean, fading out into the charts. In place.

    Args:
        atlas: H W c stored, maybe memory-mapped; gutters are filled.
        points: where the sides meet.
        num_color: leading channels to treat.
    """
    if points.texel.shape[1] == 0:
        return
    height, width = atlas.shape[:2]
    blocks = list(plan_tiles(height, width, size_tx=BLOCK_TX, overlap_tx=int(SEAM_REACH_TX) + 1))
    place = np.concatenate([points.texel[0], points.texel[1]])
    for _ in range(SEAM_ROUNDS):
        sides = [_bilinear(atlas, texel, num_color) for texel in points.texel]
        half = (sides[1] - sides[0]) / 2
        amount = np.concatenate([half, -half])
        for block in blocks:
            near = _inside(place, block.padded)
            if len(near):
                _correct(atlas, block.core, place[near], amount[near])


def _inside(place: Float64[np.ndarray, "n 2"], region: Region) -> Int64[np.ndarray, " m"]:
    x, y = place[:, 0] - region.x, place[:, 1] - region.y
    return np.flatnonzero((x >= 0) & (y >= 0) & (x < region.width) & (y < region.height))


def _correct(
    atlas: np.ndarray,
    core: Region,
    place: Float64[np.ndarray, "n 2"],
    amount: Float32[np.ndarray, "n c"],
) -> None:
    """Add to a block's texels the corrections of the points nearby."""
    num_color = amount.shape[1]
    index, added = _spread(place - np.array([core.x, core.y]), amount, core.height, core.width)
    block = atlas[core.slices].reshape(-1, atlas.shape[2])
    color = to_float(block[index, :num_color]) + added
    block[index, :num_color] = to_integer(color.astype(np.float32), atlas.dtype)
    atlas[core.slices] = block.reshape(core.height, core.width, -1)


def _bilinear(
    atlas: np.ndarray, texel: Float64[np.ndarray, "n 2"], num_color: int
) -> Float32[np.ndarray, "n c"]:
    height, width = atlas.shape[:2]
    x = np.clip(texel[:, 0] - 0.5, 0, width - 1)
    y = np.clip(texel[:, 1] - 0.5, 0, height - 1)
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = (x - left)[:, None], (y - top)[:, None]

    def at(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        return to_float(atlas[row, column, :num_color])

    upper = at(top, left) * (1 - across) + at(top, right) * across
    lower = at(bottom, left) * (1 - across) + at(bottom, right) * across
    return (upper * (1 - down) + lower * down).astype(np.float32)


def _spread(
    place: Float64[np.ndarray, "n 2"], amount: Float32[np.ndarray, "n c"], height: int, width: int
) -> tuple[Int64[np.ndarray, " m"], Float64[np.ndarray, "m c"]]:
    """Scatter corrections to the texels around each point: their weighted mean, faded by distance."""
    reach = int(np.ceil(SEAM_REACH_TX))
    offset = np.arange(-reach, reach + 1)
    dy, dx = (grid.reshape(-1, 1) for grid in np.meshgrid(offset, offset, indexing="ij"))
    base = np.floor(place).astype(np.int64)
    x, y = base[:, 0] + dx, base[:, 1] + dy  # offset, point
    distance = np.hypot(x + 0.5 - place[:, 0], y + 0.5 - place[:, 1])
    keep = (x >= 0) & (y >= 0) & (x < width) & (y < height) & (distance < SEAM_REACH_TX)
    source = np.nonzero(keep)[1]
    index, distance = (y * width + x)[keep], distance[keep]
    texel, slot = np.unique(index, return_inverse=True)
    slot = slot.reshape(-1)
    weight = np.exp(-(distance**2))
    summed = np.bincount(slot, weights=weight)
    fade = np.zeros(len(texel))
    np.maximum.at(fade, slot, np.cos(distance / SEAM_REACH_TX * (np.pi / 2)) ** 2)
    mean = [
        np.bincount(slot, weights=weight * amount[source, channel]) / np.maximum(summed, 1e-12)
        for channel in range(amount.shape[1])
    ]
    return texel, np.stack(mean, axis=1) * fade[:, None]


class Filled(NamedTuple):
    """A tile with its gutters."""

    color: Float32[np.ndarray, "h w c"]
    near: Bool[np.ndarray, "h w"]  # on a chart or in its gutter


def fill_gutter(
    color: Float32[np.ndarray, "H W c"], covered: Bool[np.ndarray, "H W"], core: Region
) -> Filled:
    """Continue every chart into its gutter: the nearest texel of a chart, up to `GUTTER_TX` away.

    Args:
        color: of a padded tile; only covered texels are looked at.
        covered: texels on the charts.
        core: the part wanted, in texels of the padded tile.
    """
    around = core.grown(GUTTER_TX).intersected(
        Region(x=0, y=0, width=covered.shape[1], height=covered.shape[0])
    )
    inner = core.relative_to(around)
    on_chart = covered[around.slices]
    if on_chart.all() or not on_chart.any():
        return Filled(color[core.slices], on_chart[inner.slices])
    distance, nearest = ndimage.distance_transform_edt(~on_chart, return_indices=True)
    rows, columns = (index[inner.slices] for index in nearest)
    return Filled(color[around.slices][rows, columns], distance[inner.slices] <= GUTTER_TX)
