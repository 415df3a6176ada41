"""Tiles into the finished atlas: agreement across seams, gutters, alpha."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64
from scipy import ndimage
from scipy.sparse import coo_array, csr_array

from texsr.pipeline.color import to_float
from texsr.pipeline.seams import Seams
from texsr.pipeline.tile import Region
from texsr.pipeline.unrounded import Unrounded

GUTTER_TX = 32  # high texels; keeps mip levels up to 5 free of foreign colour
SEAM_REACH_TX = 3.0  # how far from a seam gutters are corrected
CHART_REACH_TX = 1.5  # and charts
CHART_SHARE = 0.3  # of the way to their mean that charts go
CHART_ROUNDS, GUTTER_ROUNDS = 3, 10

OnCharts = Callable[[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]], Bool[np.ndarray, " n"]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeamPoints:
    """Points of the surface that the atlas shows twice, on the high texel plane."""

    texel: Float64[np.ndarray, "2 n 2"]  # side, point, (x, y)


def seam_points(seams: Seams, height_tx: int, width_tx: int) -> SeamPoints:
    """Spread points along all seams, about three for two texels."""
    size = np.array([width_tx, height_tx], np.float64)
    flip = np.array([1.0, -1.0])
    ends = (seams.uv * flip + np.array([0.0, 1.0])) * size  # e side end xy
    length = np.linalg.norm(ends[:, :, 1] - ends[:, :, 0], axis=2).max(axis=1)
    count = np.maximum(np.ceil(length * 1.5).astype(np.int64), 2)
    edge = np.repeat(np.arange(len(count)), count)
    start = np.cumsum(count) - count
    share = ((np.arange(len(edge)) - start[edge]) + 0.5) / count[edge]
    at = ends[edge, :, 0] * (1 - share)[:, None, None] + ends[edge, :, 1] * share[:, None, None]
    return SeamPoints(texel=np.ascontiguousarray(at.transpose(1, 0, 2)))


def texels_at_seams(points: SeamPoints, height_tx: int, width_tx: int) -> Int64[np.ndarray, " u"]:
    """Give the flat indices, sorted, of all texels that have a part in the agreement."""
    place = np.concatenate([points.texel[0], points.texel[1]])
    reads = _bilinear_taps(place, height_tx, width_tx)
    outer = _spread_taps(place, height_tx, width_tx, SEAM_REACH_TX)
    return _involved(reads, outer)


def agree_across_seams(
    atlas: np.ndarray,
    points: SeamPoints,
    on_charts: OnCharts,
    num_color: int,
    unrounded: Unrounded | None = None,
) -> None:
    """Let both sides of every seam show the same where they meet. In place.

    The two sides differ in true atlases too, since each chart has a sampling of its own: to bring
    the texels of the charts all the way together costs 0.1 to 0.5 dB of a whole atlas. So they go a
    part of the way, and the gutters, seen only where filtering reads across a border, go the rest.

    Corrections stay in floating point until the last round, so they are rounded once.

    Args:
        atlas: H W c stored, maybe memory-mapped; gutters are filled.
        points: where the sides meet.
        on_charts: tells of texels, given their rows and columns, which lie on a chart.
        num_color: leading channels to treat.
        unrounded: what the atlas stores of `texels_at_seams`, more finely; None: as it is stored.
    """
    if points.texel.shape[1] == 0:
        return
    height, width = atlas.shape[:2]
    place = np.concatenate([points.texel[0], points.texel[1]])
    reads = _bilinear_taps(place, height, width)
    inner = _spread_taps(place, height, width, CHART_REACH_TX)
    outer = _spread_taps(place, height, width, SEAM_REACH_TX)
    near = _involved(reads, outer)
    rows, columns = np.divmod(near, width)
    read, charts = reads.matrix(near), _normalised(inner.matrix(near), CHART_REACH_TX)
    off = ~on_charts(rows, columns)
    gutters = _normalised(outer.matrix(near), SEAM_REACH_TX).multiply(off[None]).tocsr()
    here = atlas[rows, columns, :num_color]
    before = to_float(here) if unrounded is None else unrounded.of(near)
    color, apart = before, (1.0 - CHART_SHARE) * _apart(before, read)
    for _ in range(CHART_ROUNDS):
        color = _closer(color, read, charts, apart)
    for _ in range(GUTTER_ROUNDS):
        color = _closer(color, read, gutters, 0.0)
    top = np.float32(np.iinfo(atlas.dtype).max)
    # Halves go up: rounding them to even would turn 1/255 into 2/255 between two tilings.
    agreed = np.floor(np.clip(color, 0.0, 1.0) * top + np.float32(0.5)).astype(atlas.dtype)
    moved = (np.abs(color - before) * top > 1e-3).any(axis=1)
    for channel in range(num_color):
        atlas[rows[moved], columns[moved], channel] = agreed[moved, channel]


def _apart(color: Float32[np.ndarray, "u c"], read: csr_array) -> Float32[np.ndarray, "n c"]:
    """How far the second side of each point is from the first."""
    first, second = np.split(np.asarray(read @ color), 2)
    return second - first


def _closer(
    color: Float32[np.ndarray, "u c"],
    read: csr_array,
    write: csr_array,
    apart: Float32[np.ndarray, "n c"] | float,
) -> Float32[np.ndarray, "u c"]:
    """Move texels so that the sides of each point come nearer to being `apart`."""
    half = (_apart(color, read) - apart) / 2
    return color + np.asarray(write.T @ np.concatenate([half, -half]))


class _Taps(NamedTuple):
    """Weights between points and texels."""

    point: Int32[np.ndarray, " m"]
    texel: Int64[np.ndarray, " m"]  # flat index
    weight: Float32[np.ndarray, " m"]
    num_points: int

    def matrix(self, texels: Int64[np.ndarray, " u"]) -> csr_array:
        """A sparse matrix, points x the sorted texels given."""
        column = np.searchsorted(texels, self.texel)
        shape = (self.num_points, len(texels))
        return coo_array((self.weight, (self.point, column)), shape=shape).tocsr()


def _involved(reads: _Taps, outer: _Taps) -> Int64[np.ndarray, " u"]:
    return np.unique(np.concatenate([reads.texel, outer.texel]))


def _bilinear_taps(place: Float64[np.ndarray, "n 2"], height: int, width: int) -> _Taps:
    x = np.clip(place[:, 0] - 0.5, 0, width - 1)
    y = np.clip(place[:, 1] - 0.5, 0, height - 1)
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = x - left, y - top
    point = np.arange(len(place), dtype=np.int32)
    texel = [top * width + left, top * width + right, bottom * width + left, bottom * width + right]
    weight = [(1 - across) * (1 - down), across * (1 - down), (1 - across) * down, across * down]
    return _Taps(
        np.tile(point, 4),
        np.concatenate(texel),
        np.concatenate(weight).astype(np.float32),
        len(place),
    )


def _spread_taps(
    place: Float64[np.ndarray, "n 2"], height: int, width: int, reach_tx: float
) -> _Taps:
    """Weights by which a correction at a point reaches the texels around it."""
    reach = int(np.ceil(reach_tx))
    base = np.floor(place).astype(np.int64)
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            x, y = base[:, 0] + dx, base[:, 1] + dy
            distance = np.hypot(x + 0.5 - place[:, 0], y + 0.5 - place[:, 1])
            keep = (x >= 0) & (y >= 0) & (x < width) & (y < height) & (distance < reach_tx)
            chosen = np.flatnonzero(keep).astype(np.int32)
            weight = np.exp(-(distance[chosen] ** 2)).astype(np.float32)
            parts.append((chosen, (y * width + x)[chosen], weight))
    return _Taps(
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts]),
        np.concatenate([part[2] for part in parts]),
        len(place),
    )


def _normalised(spread: csr_array, reach_tx: float) -> csr_array:
    """Correct each texel by the weighted mean of the points around, faded by the nearest one."""
    total = np.asarray(spread.sum(axis=0)).ravel()
    nearest = np.asarray(spread.max(axis=0).todense()).ravel()
    distance = np.sqrt(np.maximum(-np.log(np.maximum(nearest, 1e-30)), 0.0))
    fade = np.cos(np.minimum(distance / reach_tx, 1.0) * (np.pi / 2)) ** 2
    factor = np.divide(fade, total, out=np.zeros_like(total), where=total > 0)
    return spread.multiply(factor[None].astype(np.float32)).tocsr()


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
    found = ndimage.distance_transform_edt(~on_chart, return_indices=True)
    distance, nearest = cast(tuple[np.ndarray, np.ndarray], found)
    rows, columns = (index[inner.slices] for index in nearest)
    return Filled(color[around.slices][rows, columns], distance[inner.slices] <= GUTTER_TX)
