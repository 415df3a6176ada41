"""What each view sees of each chart of a tile, and which of that makes the best crops."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from texsr.flows.scene import Scene
from texsr.pipeline.stages.reference import box_around
from texsr.pipeline.stages.visibility import SurfacePoints, footprints, look
from texsr.pipeline.tile import Region
from texsr.pipeline.turn import Turn, fit_turn

MIN_SHOWS = 0.02  # of a tile's charted texels that a crop has to show
MIN_CROP_PX = 16
WORTH_AGAIN = 0.5  # what showing a texel once more is worth, each time
MOST_TILES = 2  # sides of a tile that a side of a turned crop has at most


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChartSight:
    """What one view sees of one chart of a tile."""

    view_index: int
    point: Int64[np.ndarray, " n"]  # rows of the tile's surface points
    px: Float64[np.ndarray, "n 2"]
    value: Float32[np.ndarray, " n"]  # how well each is seen, [0, 1]

    def kept(self, keep: Bool[np.ndarray, " n"]) -> "ChartSight":
        """The same of some of its points alone."""
        return ChartSight(
            view_index=self.view_index,
            point=self.point[keep],
            px=self.px[keep],
            value=self.value[keep],
        )


def chart_sights(
    scene: Scene,
    points: SurfacePoints,
    uv_areas_tx: Float64[np.ndarray, " f"],
    views: Iterable[int],
) -> list[ChartSight]:
    """Find what views see of each chart of a tile; photos and masks are not looked at.

    Args:
        scene: whose charts they are.
        points: of the tile.
        uv_areas_tx: of the faces, in texels of the resolution wanted.
        views: to look through.
    """
    chart = scene.capture.surface.charts.chart_id[points.face_id]
    fewest = MIN_SHOWS * len(chart)
    sights: list[ChartSight] = []
    for index in views:
        camera = scene.cameras[index]
        sight = look(points, camera, scene.caster)
        seen = np.flatnonzero(sight.seen)
        if len(seen) < fewest:
            continue
        density = footprints(scene.mesh, points.face_id[seen], uv_areas_tx, camera)
        value = sight.cosine[seen] * np.minimum(density, np.float32(1.0))
        whole = ChartSight(view_index=index, point=seen, px=sight.px[seen], value=value)
        charts = [chart[seen] == own for own in np.unique(chart[seen])]
        sights += [whole.kept(of_chart) for of_chart in charts if of_chart.sum() >= fewest]
    return sights


def choose_sights(
    sights: list[ChartSight],
    num_points: int,
    most: int,
    usable: Callable[[ChartSight], ChartSight | None],
) -> list[ChartSight]:
    """Choose what shows most of a tile; each time a texel is shown, showing it again is worth less.

    Args:
        sights: all there are.
        num_points: charted texels of the tile.
        most: how many to choose.
        usable: asked of a sight when its turn comes: what is left of it, or None.
    """
    want = np.ones(num_points, np.float32)
    free, chosen = list(sights), list[ChartSight]()
    while free and len(chosen) < most:
        best = max(
            range(len(free)), key=lambda i: float((free[i].value * want[free[i].point]).sum())
        )
        left = usable(free.pop(best))
        if left is not None:
            want[left.point] *= np.float32(WORTH_AGAIN)
            chosen.append(left)
    return chosen


def unmasked(
    sight: ChartSight, valid: Bool[np.ndarray, "h w"], *, num_points: int
) -> ChartSight | None:
    """Take off what lies on invalid pixels; None where too little is left for a crop.

    Args:
        sight: of a tile.
        valid: of the whole photo.
        num_points: charted texels of the tile.
    """
    column, row = sight.px.astype(np.int64).T
    left = sight.kept(valid[row, column])
    if len(left.px) < max(MIN_SHOWS * num_points, 1):
        return None
    return left if float(np.ptp(left.px, axis=0).min()) >= MIN_CROP_PX else None


def texels_under(points: SurfacePoints, scale: int) -> Float64[np.ndarray, "n 2"]:
    """Where the points of low texels lie on an atlas `scale` times larger; (x, y)."""
    row, column = np.nonzero(points.texels.covered)
    region = points.texels.region
    return (np.stack([column + region.x, row + region.y], axis=1) + 0.5) * scale


def stood(
    sight: ChartSight, texel: Float64[np.ndarray, "n 2"], tile_tx: int
) -> tuple[Turn, Region]:
    """Find how a photo has to be turned to stand as a tile does, and what to take of it.

    Args:
        sight: what it shows of one chart.
        texel: where the points of the tile lie, high texels.
        tile_tx: longer side of the tile, high texels: a crop has `MOST_TILES` of it at most.
    """
    turn = fit_turn(sight.px, texel[sight.point])
    return turn, box_around(turn.applied(sight.px), MOST_TILES * tile_tx)
