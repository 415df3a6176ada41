"""What is told of an atlas after it is done."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import UInt8

from texsr.flows.calibration import Calibration, grid_shape
from texsr.flows.scene import Scene
from texsr.flows.tile_crops import TileCrops
from texsr.pipeline.record import AtlasRecord, ViewRecord, Worth
from texsr.pipeline.stages.measure import seam_error
from texsr.pipeline.stages.plan import worth
from texsr.pipeline.stages.select import Selection, ViewFacts
from texsr.pipeline.uv_faults import count_claims

ALPHA_RULE = "enlarged bicubically, neither sharpened nor read as opacity"


@dataclass(slots=True, kw_only=True)
class Tally:
    """Texels by provenance, counted as tiles are finished."""

    num_tiles: int = 0
    counts: np.ndarray = field(default_factory=lambda: np.zeros(5, np.int64))
    cropped: set[int] | None = None  # views that gave a tile a crop; None: views are warped

    def add(self, level: UInt8[np.ndarray, "H W"]) -> None:
        """Count a tile."""
        self.counts += np.bincount(level.reshape(-1), minlength=5)

    def count_crops(self, crops: TileCrops | None) -> None:
        """Count whose crops a tile was given."""
        if self.cropped is not None and crops is not None:
            self.cropped.update(crops.view_indices)

    @property
    def covered(self) -> int:
        """Texels on the charts."""
        return int(self.counts[1:].sum())

    def share(self, level: int) -> float:
        """Share of a level among the texels on the charts."""
        return float(self.counts[level] / max(self.covered, 1))


def atlas_record(
    scene: Scene,
    index: int,
    high: np.memmap,
    tally: Tally,
    calibration: Calibration,
    selection: Selection,
    scale: float,
) -> AtlasRecord:
    """Gather what happened to one atlas."""
    surface = scene.capture.surface
    atlas = surface.atlases[index]
    ours = surface.charts.material_id == index
    area = float(scene.mesh.face_areas()[ours].sum())
    texels = float(scene.uv_areas[ours].sum()) * atlas.height_tx * atlas.width_tx
    density = (texels / area) ** 0.5 if area > 0 else 0.0
    return AtlasRecord(
        name=atlas.name,
        low_size_tx=(atlas.height_tx, atlas.width_tx),
        high_size_tx=(high.shape[0], high.shape[1]),
        bits=atlas.stored.dtype.itemsize * 8,
        alpha=ALPHA_RULE if atlas.has_alpha else "",
        share_covered=tally.covered / float(high.shape[0] * high.shape[1]),
        share_unseen=tally.share(1),
        share_photo_backed=tally.share(4),
        tx_per_unit=(density, density * scale),
        seam_error=(
            seam_error(surface, index, atlas.stored),
            seam_error(surface, index, high),
        ),
        num_tiles=tally.num_tiles,
        stacked_texels=_stacked(scene, index),
        worth=atlas_worth(calibration, scale),
        views=_view_records(calibration, selection, tally.cropped),
    )


def _stacked(scene: Scene, index: int) -> int:
    """Texels of the low atlas that more than one face claims (one of them owns each)."""
    charts, atlas = scene.capture.surface.charts, scene.capture.surface.atlases[index]
    height, width = grid_shape(atlas)
    corners = charts.uv[charts.uv_faces[charts.material_id == index]]
    claims = count_claims(corners * [width, height], height=height, width=width)
    return round(float((claims > 1).mean()) * atlas.height_tx * atlas.width_tx)


def atlas_worth(calibration: Calibration, scale: float) -> Worth:
    """Judge whether the photos hold more than the atlas does."""
    finest = np.zeros(calibration.covered.shape, np.float32)
    for view in calibration.views:
        np.maximum(finest, view.px_per_texel, out=finest)
    return worth(finest[calibration.covered], scale=scale, grid_per_low=calibration.per_low)


def _view_records(
    calibration: Calibration, selection: Selection, cropped: set[int] | None
) -> tuple[ViewRecord, ...]:
    covered = calibration.covered
    total = max(int(covered.sum()), 1)
    best = np.full(covered.shape, -1, np.int32)
    highest = np.zeros(covered.shape, np.float32)
    for k, view in enumerate(calibration.views):
        share = selection.share(k, covered.shape)
        weight = view.weight * view.px_per_texel**2 * np.float32(view.fit.trust) * share
        better = weight > highest
        best[better], highest[better] = k, weight[better]
    sharpest = max((view.fit.sharpness for view in calibration.views), default=0.0) or 1.0
    return tuple(
        ViewRecord(
            name=view.name,
            used=_may_be_used(selection, k, view) and (cropped is None or k in cropped),
            reason=_reason(selection, k, view, cropped),
            share_seen=float((view.weight[covered] > 0).sum() / total),
            share_best=float((best[covered] == k).sum() / total),
            trust=view.fit.trust,
            shift_px=view.fit.median_shift_px,
            noise=view.fit.noise * 255.0,
            sharpness=max(view.fit.sharpness / sharpest, 1e-3),
        )
        for k, view in enumerate(calibration.views)
    )


def _may_be_used(selection: Selection, view_index: int, view: ViewFacts) -> bool:
    return bool(selection.allowed[view_index].any() and view.weight.any())


def _reason(
    selection: Selection, view_index: int, view: ViewFacts, cropped: set[int] | None
) -> str:
    if cropped is None or view_index in cropped or not _may_be_used(selection, view_index, view):
        return selection.reasons[view_index]
    return "crops of others show the tiles better"
