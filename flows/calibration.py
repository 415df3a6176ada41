"""Fit every view to an atlas, on a grid of bounded size over it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int32

from texsr.flows.scene import Scene
from texsr.pipeline.atlas import Atlas
from texsr.pipeline.resample import resize
from texsr.pipeline.stages.calibrate import (
    LUMA,
    CalibrateSettings,
    Samples,
    fit_view,
    unseeing,
)
from texsr.pipeline.stages.rasterize import rasterize
from texsr.pipeline.stages.select import ViewFacts
from texsr.pipeline.stages.visibility import SurfacePoints, feathered, footprints, look
from texsr.pipeline.tile import Region

GRID_TEXELS = 512 * 512
REACH_TX = 1.0  # texels this far beyond a chart's border are given its nearest point
MIN_SEEN = 64  # texels below which a view is not worth fitting


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """All views, fitted to one atlas."""

    covered: Bool[np.ndarray, "gh gw"]
    per_low: float  # grid texels per low texel, at most 1
    views: list[ViewFacts]

    def share_on_charts(self, region: Region) -> float:
        """How much of a region of the low atlas lies on charts, [0, 1]."""
        rows, columns = (
            slice(int(start * self.per_low), int((start + size) * self.per_low) or 1)
            for start, size in ((region.y, region.height), (region.x, region.width))
        )
        part = self.covered[rows, columns]
        return float(part.mean()) if part.size else 0.0


def calibrate(scene: Scene, atlas_index: int) -> Calibration:
    """Fit every view to the low atlas."""
    atlas = scene.capture.surface.atlases[atlas_index]
    height, width = grid_shape(atlas)
    region = Region(x=0, y=0, width=width, height=height)
    texels = rasterize(
        scene.capture.surface, atlas_index, (height, width), region, conservative_tx=REACH_TX
    )
    points = scene.points(texels)
    luma = _luma_on_grid(atlas, height, width)
    uv_areas_tx = scene.uv_areas * height * width
    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(_fit, scene, index, points, luma, uv_areas_tx)
            for index in range(len(scene.cameras))
        ]
        views: list[ViewFacts] = []
        for index, job in enumerate(jobs):
            views.append(job.result())
            scene.progress("calibrate", index + 1, len(jobs))
    return Calibration(covered=texels.covered, per_low=width / atlas.width_tx, views=views)


def charts_under(scene: Scene, points: SurfacePoints) -> Int32[np.ndarray, "h w"]:
    """The chart that each texel lies on; -1 off the charts."""
    chart = np.full(points.texels.face_id.shape, -1, np.int32)
    chart[points.texels.covered] = scene.capture.surface.charts.chart_id[points.face_id]
    return chart


def grid_shape(atlas: Atlas) -> tuple[int, int]:
    """The calibration grid's size: the low atlas's own, or less where that is large."""
    shrink = min(1.0, (GRID_TEXELS / (atlas.height_tx * atlas.width_tx)) ** 0.5)
    return max(1, round(atlas.height_tx * shrink)), max(1, round(atlas.width_tx * shrink))


def _luma_on_grid(atlas: Atlas, height: int, width: int) -> Float32[np.ndarray, "gh gw"]:
    if (height, width) == (atlas.height_tx, atlas.width_tx):
        return atlas.color(atlas.region) @ LUMA
    rows = [
        atlas.color(Region(x=0, y=y, width=atlas.width_tx, height=min(256, atlas.height_tx - y)))
        @ LUMA
        for y in range(0, atlas.height_tx, 256)
    ]
    return resize(np.concatenate(rows)[..., None], height=height, width=width)[..., 0]


def _fit(
    scene: Scene,
    index: int,
    points: SurfacePoints,
    luma: Float32[np.ndarray, "gh gw"],
    uv_areas_tx: np.ndarray,
) -> ViewFacts:
    camera, photo = scene.cameras[index], scene.photos[index]
    sight = look(points, camera, scene.caster, photo.valid)
    covered = points.texels.covered
    seen = np.zeros(covered.shape, bool)
    seen[covered] = sight.seen
    px_per_texel = np.zeros(covered.shape, np.float32)
    px_per_texel[covered] = footprints(scene.mesh, points.face_id, uv_areas_tx, camera)
    chart = charts_under(scene, points)
    cosine = np.zeros(covered.shape, np.float32)
    cosine[covered] = sight.cosine
    away = camera.centre - scene.caster.centre
    fit = unseeing(photo.luma())
    if int(sight.seen.sum()) >= MIN_SEEN:
        samples = Samples(
            seen=seen,
            px=sight.px[sight.seen],
            weight=sight.cosine[sight.seen],
            atlas=luma[seen],
            px_per_texel=max(float(np.median(px_per_texel[seen])), 1e-3),
        )
        fit = fit_view(samples, photo.luma(), CalibrateSettings())
    return ViewFacts(
        name=scene.capture.views[index].name,
        weight=feathered(seen, chart) * cosine**2,
        px_per_texel=np.where(seen, px_per_texel, np.float32(0.0)),
        direction=away / max(float(np.linalg.norm(away)), 1e-12),
        fit=fit,
    )
