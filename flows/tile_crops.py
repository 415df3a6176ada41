"""The crops of photos that a tile is given instead of photos warped into its texels.

Each shows one chart of the tile, that of which most is seen first, and is turned and scaled until
it stands as that chart does in the tile: a pixel of it is about one high texel. Charts that stand
differently have crops of their own, as long as there is room for them. What lies around the tile's
core is shown with it, and has no say in the choice.
"""

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from jaxtyping import Bool, Float32

from texsr.flows.calibration import REACH_TX
from texsr.flows.chart_sights import (
    ChartSight,
    chart_sights,
    choose_sights,
    stood,
    texels_under,
    unmasked,
)
from texsr.flows.scene import Scene
from texsr.pipeline.references import Cropped
from texsr.pipeline.stages.rasterize import rasterize
from texsr.pipeline.stages.reference import turned_crop
from texsr.pipeline.stages.select import Selection
from texsr.pipeline.stages.visibility import SurfacePoints
from texsr.pipeline.tile import Region


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TileCrops:
    """The crops of one tile; one or more."""

    references: Cropped
    view_indices: tuple[int, ...]  # parallel to its photos
    seen: Bool[np.ndarray, "H W"]  # high texels that one or more of them show


@final
class CropSource:
    """Cuts the crops for the tiles of one atlas."""

    def __init__(
        self,
        scene: Scene,
        atlas_index: int,
        scale: int,
        selection: Selection,
        num_crops: int | None,
    ) -> None:
        """Take what is fixed for the atlas.

        Args:
            scene: whose photos they are.
            atlas_index: which atlas.
            scale: high texels per low texel.
            selection: says which views a texel may use.
            num_crops: that a tile may have; None: one for each chart that a view sees.
        """
        self.scene, self.atlas_index, self.scale = scene, atlas_index, scale
        self.selection, self.num_crops = selection, num_crops
        atlas = scene.capture.surface.atlases[atlas_index]
        self.low_shape = atlas.height_tx, atlas.width_tx
        high_texels = float(atlas.height_tx * scale) * float(atlas.width_tx * scale)
        self.uv_areas_tx = scene.uv_areas * high_texels
        self.views = [index for index, cells in enumerate(selection.allowed) if cells.any()]

    def cut(self, region: Region, core: Region | None = None) -> TileCrops | None:
        """Cut the crops of a tile; None where no view shows any of it.

        Args:
            region: what the upscaler is given, low texels.
            core: what of that matters; None: all.
        """
        points = self.scene.points(
            rasterize(
                self.scene.capture.surface,
                self.atlas_index,
                self.low_shape,
                region,
                conservative_tx=REACH_TX,
            )
        )
        chosen = self._chosen(points, region, core or region)
        if not chosen:
            return None
        texel = texels_under(points, self.scale)
        side_tx = max(region.width, region.height) * self.scale
        stands = [stood(sight, texel, side_tx) for sight in chosen]
        photos = [
            turned_crop(self.scene.photos[sight.view_index], turn, box)
            for sight, (turn, box) in zip(chosen, stands, strict=True)
        ]
        px = tuple(1.0 / turn.tx_per_px for turn, _ in stands)
        return TileCrops(
            references=Cropped(photos=photos, px=px),
            view_indices=tuple(sight.view_index for sight in chosen),
            seen=self._seen(points, chosen),
        )

    def _chosen(self, points: SurfacePoints, region: Region, core: Region) -> list[ChartSight]:
        """Choose among what the views see of the texels whose cells may use them."""
        num_points, covered = len(points.position), points.texels.covered
        inside = np.zeros((region.height, region.width), bool)
        inside[core.relative_to(region).slices] = True
        share = {
            index: self.selection.share(index, self.low_shape)[region.slices][covered]
            for index in self.views
        }
        sights = [
            _allowed(sight, share[sight.view_index], inside[covered])
            for sight in chart_sights(self.scene, points, self.uv_areas_tx, self.views)
        ]
        most = len(sights) if self.num_crops is None else self.num_crops

        def usable(sight: ChartSight) -> ChartSight | None:
            valid = self.scene.photos[sight.view_index].valid
            return unmasked(sight, valid, num_points=num_points)

        worthy = [one for one in sights if one.value.any()]
        return choose_sights(worthy, num_points, most, usable)

    def _seen(self, points: SurfacePoints, chosen: list[ChartSight]) -> Bool[np.ndarray, "H W"]:
        covered = points.texels.covered
        shown = np.zeros(int(covered.sum()), bool)
        for sight in chosen:
            shown[sight.point] = True
        low = np.zeros(covered.shape, bool)
        low[covered] = shown
        return low.repeat(self.scale, axis=0).repeat(self.scale, axis=1)


def _allowed(
    sight: ChartSight, share: Float32[np.ndarray, " n"], inside: Bool[np.ndarray, " n"]
) -> ChartSight:
    """Keep the texels whose cells may use the view, worth by how much; those inside alone."""
    allowed = share[sight.point]
    value = np.where(inside[sight.point], sight.value * allowed, np.float32(0.0))
    return replace(sight, value=value).kept(allowed > 0)
