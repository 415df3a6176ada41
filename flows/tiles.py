"""Everything that an upscaler gets for one tile: low texels and references."""

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from jaxtyping import Bool, Float32
from torch import Tensor

from texsr.flows.calibration import REACH_TX, Calibration, charts_under
from texsr.flows.scene import Scene
from texsr.flows.tile_crops import CropSource, TileCrops
from texsr.pipeline.references import Cropped, Reference, Warped, stack
from texsr.pipeline.stages.rasterize import rasterize
from texsr.pipeline.stages.reference import LowSight, TileSurface, tile_surface, warp
from texsr.pipeline.stages.select import Selection
from texsr.pipeline.stages.visibility import SurfacePoints, feathered, footprints, look
from texsr.pipeline.tile import Region

HIGH_REACH_TX = (
    2.0  # high texels this far off a chart are filled too: filtering finds surface there
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TileInput:
    """What an upscaler gets, and which of the high texels matter."""

    low: Float32[Tensor, "3 h w"]
    references: Warped | None
    covered: Bool[np.ndarray, "H W"]
    seen: Bool[np.ndarray, "H W"]  # by at least one reference
    crops: TileCrops | None = None  # where they take the place of warped references

    @property
    def given(self) -> Warped | Cropped | None:
        """The references in the form in which the upscaler is given them."""
        return self.references if self.crops is None else self.crops.references


@final
class TileSource:
    """Prepares the tiles of one atlas."""

    def __init__(
        self,
        scene: Scene,
        atlas_index: int,
        scale: int,
        calibration: Calibration,
        selection: Selection | None,
        crops: CropSource | None = None,
    ) -> None:
        """Take what is fixed for the atlas.

        Args:
            scene: whose photos and charts they are.
            atlas_index: which atlas.
            scale: high texels per low texel.
            calibration: its views, fitted to it.
            selection: says which views a texel may use; None: no references.
            crops: cuts references; None: they are warped.
        """
        self.crops = crops
        self.scene, self.atlas_index, self.scale = scene, atlas_index, scale
        self.calibration, self.selection = calibration, selection
        self.atlas = scene.capture.surface.atlases[atlas_index]
        self.low_shape = self.atlas.height_tx, self.atlas.width_tx
        self.high_shape = self.low_shape[0] * scale, self.low_shape[1] * scale
        self.uv_areas_tx = scene.uv_areas * float(self.high_shape[0] * self.high_shape[1])

    def low(self, region: Region) -> Float32[Tensor, "3 h w"]:
        """Give the low texels of a region, sRGB-encoded, [0, 1]."""
        return torch.from_numpy(self.atlas.color(region)).permute(2, 0, 1).contiguous()

    def prepare(self, region: Region, core: Region | None = None) -> TileInput | None:
        """Gather what one padded tile needs; None where no chart lies in it.

        Args:
            region: the padded tile, low texels.
            core: what of it crops are chosen for; None: all.
        """
        surface = self.scene.capture.surface
        high = rasterize(
            surface,
            self.atlas_index,
            self.high_shape,
            region.scaled(self.scale),
            conservative_tx=HIGH_REACH_TX,
        )
        if not high.covered.any():
            return None
        low = self.low(region)
        if self.crops is not None:
            return _with_crops(low, high.covered, self.crops.cut(region, core))
        surface = tile_surface(high.positions(self.scene.mesh), high.covered)
        references = self._references(region, surface)
        seen = np.zeros(high.covered.shape, bool)
        for reference in references:
            seen |= (reference.weight > 0).numpy()
        trust = [self.calibration.views[r.view_index].fit.trust for r in references]
        return TileInput(
            low=low, references=stack(references, trust), covered=high.covered, seen=seen
        )

    def _references(self, region: Region, surface: TileSurface) -> list[Reference]:
        if self.selection is None:
            return []
        low = self.scene.points(
            rasterize(
                self.scene.capture.surface,
                self.atlas_index,
                self.low_shape,
                region,
                conservative_tx=REACH_TX,
            )
        )
        references: list[Reference] = []
        for index in range(len(self.scene.cameras)):
            if self.selection.allowed[index].any():
                sight = self._look(index, region, low)
                made = sight and warp(
                    index,
                    self.scene.cameras[index],
                    self.calibration.views[index].fit,
                    self.scene.photos[index],
                    surface,
                    sight,
                )
                if made:
                    references.append(made)
        return references

    def _look(self, index: int, region: Region, low: SurfacePoints) -> LowSight | None:
        """Find what a view sees of the low texels of a tile; None where that is nothing."""
        assert self.selection is not None
        camera = self.scene.cameras[index]
        sight = look(low, camera, self.scene.caster, self.scene.photos[index].valid)
        if not sight.seen.any():
            return None
        covered = low.texels.covered
        seen = np.zeros(covered.shape, bool)
        cosine, px_per_texel = (np.zeros(covered.shape, np.float32) for _ in range(2))
        seen[covered], cosine[covered] = sight.seen, sight.cosine
        px_per_texel[seen] = footprints(
            self.scene.mesh, low.face_id[sight.seen], self.uv_areas_tx, camera
        )
        chart = charts_under(self.scene, low)
        share = self.selection.share(index, self.low_shape)[region.slices]
        return LowSight(
            weight=feathered(seen, chart) * share,
            cosine=cosine,
            px_per_texel=px_per_texel,
            covered=covered,
        )


def _with_crops(
    low: Float32[Tensor, "3 h w"], covered: Bool[np.ndarray, "H W"], crops: TileCrops | None
) -> TileInput:
    seen = np.zeros(covered.shape, bool) if crops is None else crops.seen
    return TileInput(low=low, references=None, covered=covered, seen=seen, crops=crops)
