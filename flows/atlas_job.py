"""One atlas through all stages: calibrate, select, then tile by tile into a mapped result."""

from functools import partial
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from torch import Tensor

from texsr.flows.calibration import Calibration, calibrate
from texsr.flows.facts import Tally, atlas_record
from texsr.flows.memory import MIB, return_freed
from texsr.flows.new_atlas import NewAtlas, create, discard, reduce_into, size_at
from texsr.flows.scene import Scene
from texsr.flows.settings import ReferenceForm
from texsr.flows.single_plane import STAGE, SinglePlane, answer_without_references, on_disk
from texsr.flows.tile_crops import CropSource
from texsr.flows.tiles import TileSource
from texsr.flows.workers import WORKERS, work_pool
from texsr.pipeline.color import to_float, to_integer
from texsr.pipeline.high_plane import HighPlane
from texsr.pipeline.record import AtlasRecord
from texsr.pipeline.resample import resize_part
from texsr.pipeline.seams import find_seams
from texsr.pipeline.stages.bake import (
    Filled,
    SeamPoints,
    agree_across_seams,
    fill_gutter,
    seam_points,
    texels_at_seams,
)
from texsr.pipeline.stages.plan import on_grid, tile_size_tx
from texsr.pipeline.stages.rasterize import on_charts
from texsr.pipeline.stages.select import Selection, select
from texsr.pipeline.stages.superresolve import (
    Upscaler,
    made_reduced,
    native_scale,
    superresolve,
)
from texsr.pipeline.tile import Region, Tile, plan_tiles
from texsr.pipeline.unrounded import Unrounded

TILES_SCATTERED = 8  # tiles whose freed memory may lie scattered; to gather it takes a while
SAMPLE_TX = 64  # side of the tiles that an upscaler is fitted on, low texels
VIEWS_OF_A_TILE = 2  # times those of a cell: what memory is planned for; more only cost more
NUM_SAMPLES = 8
CROPPED_TILE_TX = 64  # side of a tile at most: one turn of a photo fits a larger one less well
CROP_TEXEL_BYTES = 96  # what a crop takes per high texel of its tile, beside a warped reference
MIN_EVIDENCE = 0.5

OFF, UNSEEN, INVENTED, TRANSFERRED, PHOTO_BACKED = range(5)


@final
class AtlasJob:
    """One atlas of a scene.

    Tiles are prepared at `made_scale`, a scale of the upscaler's own. Where another one was asked
    for, an upscaler that answers anywhere makes the atlas at that; else it is made at its own, and
    reduced when it is finished.
    """

    def __init__(
        self, scene: Scene, index: int, upscaler: Upscaler, scale: float, work_dir: Path
    ) -> None:
        """Take what is fixed for the atlas.

        Raises:
            SettingsError: the upscaler does not go as far as `scale`.
        """
        self.scene, self.index, self.scale = scene, index, scale
        self.upscaler, self.work_dir = upscaler, work_dir
        self.made_scale = native_scale(upscaler, scale)
        self.atlas = scene.capture.surface.atlases[index]
        self.low_shape = self.atlas.height_tx, self.atlas.width_tx
        self.high_shape = size_at(self.low_shape, scale)
        self.made_shape = self.high_shape
        if made_reduced(upscaler, scale):
            self.made_shape = size_at(self.low_shape, self.made_scale)
        self.plane = HighPlane(low_shape=self.low_shape, shape=self.made_shape)
        self.cropped = scene.settings.references_as == ReferenceForm.CROPPED
        self.tally = Tally(cropped=set() if self.cropped else None)
        self.at_seams: Unrounded | None = None

    def run(self, device: str) -> tuple[np.memmap, np.memmap, AtlasRecord]:
        """Give the new atlas, its provenance and what happened."""
        scene = self.scene
        wanted = self.num_references()
        with scene.timed("calibrate"):
            calibration = calibrate(scene, self.index)
        with scene.timed("select"):
            selection = select(calibration.views, calibration.covered, wanted)
        source = self.source(calibration, selection)
        if not self.cropped:
            with scene.timed("fit"):
                self._fit(source)
        new = create(self.work_dir, f"{self.index}", self.made_shape, self.atlas.stored)
        with scene.timed("bake"):
            points = seam_points(find_seams(scene.capture.surface, self.index), *self.high_shape)
            self.at_seams = self._at_seams(points)
        with scene.timed(STAGE):
            single = self._without_references(source, device)
        with scene.timed("superresolve"):
            self._tiles(source, new, single, device)
        self._single_file.unlink(missing_ok=True)
        if self.made_shape != self.high_shape:
            with scene.timed("reduce"):
                new = self._reduce(new)
        with scene.timed("bake"):
            self._bake_seams(new, points)
        with scene.timed("measure"):
            record = atlas_record(
                scene, self.index, new.color, self.tally, calibration, selection, self.scale
            )
        return new.color, new.origin, record

    def num_references(self) -> int | None:
        """References a cell may use: what was asked for, within what the model wants."""
        limit, asked = self.upscaler.max_references, self.scene.settings.references
        if asked is None or limit is None:
            return limit if asked is None else asked
        return min(asked, limit)

    def source(self, calibration: Calibration, selection: Selection) -> TileSource:
        """Prepare for tiles; where no references are wanted, they get none."""
        wanted, crops = self.num_references(), None
        used = None if wanted == 0 else selection
        if self.cropped and used is not None:
            crops = CropSource(self.scene, self.index, self.made_scale, used, wanted)
        return TileSource(self.scene, self.index, self.made_scale, calibration, used, crops)

    def _fit(self, source: TileSource) -> None:
        """Let the upscaler measure this capture on tiles spread over the atlas, at fixed places."""
        cells = list(plan_tiles(*self.low_shape, size_tx=SAMPLE_TX, overlap_tx=0))
        share = [source.calibration.share_on_charts(tile.core) for tile in cells]
        full = [tile.core for tile, part in zip(cells, share, strict=True) if part > 0.3]
        step = max(1, -(-len(full) // NUM_SAMPLES))
        with work_pool() as pool, work_pool(1) as fitting:
            made = pool.map(source.prepare, full[step // 2 :: step])
            samples = ((one.low[None], one.references) for one in made if one and one.references)
            self.upscaler = fitting.submit(self.upscaler.fitted, samples, self.made_scale).result()

    @property
    def _single_file(self) -> Path:
        return self.work_dir / f"single_{self.index}.raw"

    def _without_references(self, source: TileSource, device: str) -> SinglePlane | None:
        """Let the upscaler answer for the whole atlas first, where charts are."""
        return answer_without_references(
            self.upscaler,
            self.low_shape,
            source.low,
            self.made_scale,
            device,
            room=on_disk(self._single_file),
            of_use=lambda region: source.calibration.share_on_charts(region) > 0.0,
            progress=self.scene.progress,
        )

    def _at_seams(self, points: SeamPoints) -> Unrounded | None:
        """Make room for what is there before it is rounded; None: it is reduced first."""
        if self.made_shape != self.high_shape:
            return None
        texels = texels_at_seams(points, *self.high_shape)
        return Unrounded(texels, self.high_shape[1], self.atlas.num_color)

    def _bake_seams(self, new: NewAtlas, points: SeamPoints) -> None:
        inside = partial(on_charts, self.scene.capture.surface, self.index, new.shape)
        agree_across_seams(new.color, points, inside, self.atlas.num_color, self.at_seams)

    def _reduce(self, made: NewAtlas) -> NewAtlas:
        """Bring the finished atlas to the size that was asked for; the larger one goes."""
        new = create(self.work_dir, f"{self.index}_reduced", self.high_shape, self.atlas.stored)
        self.tally.counts = reduce_into(new, made, self.scene.progress).counts
        discard(made)
        return new

    def plan(self, calibration: Calibration) -> list[Tile]:
        """Cut the low atlas into tiles that leave the memory budget whole."""
        upscaler, settings = self.upscaler, self.scene.settings
        seeing = sum(bool((view.weight > 0).any()) for view in calibration.views)
        limit = self.num_references()
        if limit is not None:  # neighbouring cells of a tile may have chosen other views
            seeing = min(seeing, limit if self.cropped else VIEWS_OF_A_TILE * limit)
        of_crops = CROP_TEXEL_BYTES * seeing if self.cropped else 0
        size = settings.tile_size_tx or tile_size_tx(
            low_shape=self.low_shape,
            scale=self.made_scale,
            overlap_tx=upscaler.overlap_tx,
            bytes_per_texel=upscaler.bytes_per_texel(seeing, self.made_scale) + of_crops,
            budget=settings.memory_mb * MIB * 2 // 3 // WORKERS,
        )
        if self.cropped and settings.tile_size_tx is None:
            size = min(size, CROPPED_TILE_TX)
        size, overlap = on_grid(size), upscaler.overlap_tx
        return list(plan_tiles(*self.low_shape, size_tx=size, overlap_tx=overlap))

    def _tiles(
        self, source: TileSource, new: NewAtlas, single: SinglePlane | None, device: str
    ) -> None:
        """Work through the tiles, as many at a time as there are cores (two at most)."""
        tiles = self.plan(source.calibration)
        self.tally.num_tiles = len(tiles)
        bake = partial(self._bake, source, new, single, device)
        with work_pool() as pool:
            for number, level in enumerate(pool.map(bake, tiles), 1):
                self.tally.add(level)
                self.scene.progress("superresolve", number, len(tiles))
                if number % TILES_SCATTERED == 0:
                    return_freed()

    def _bake(
        self,
        source: TileSource,
        new: NewAtlas,
        single: SinglePlane | None,
        device: str,
        tile: Tile,
    ) -> UInt8[np.ndarray, "H W"]:
        """Make one tile and write its core; tiles own their texels, so none waits for another."""
        made = source.prepare(tile.padded, tile.core)
        core, padded = self.plane.over(tile.core), self.plane.over(tile.padded)
        texels = self._background(tile.core)
        level = np.zeros((core.height, core.width), np.uint8)
        if made is not None:
            color, confidence, evidence = superresolve(
                made.low,
                made.given,
                self.upscaler,
                self.made_scale,
                device,
                self.plane.texels(tile.padded),
                None if single is None else single.over(tile.padded),
            )
            self.tally.count_crops(made.crops)
            inner = core.relative_to(padded)
            covered, seen = (
                self.plane.nearest(one, tile.padded) for one in (made.covered, made.seen)
            )
            filled = fill_gutter(color.permute(1, 2, 0).numpy(), covered, inner)
            self._store(filled, core, texels)
            level = _levels(covered, seen, evidence)[inner.slices]
            trusted = np.rint(confidence.numpy()[inner.slices] * 255.0).astype(np.uint8)
            new.origin[core.slices] = np.stack([level, np.where(level > OFF, trusted, 0)], axis=-1)
        new.color[core.slices] = texels
        return level

    def _store(self, filled: Filled, core: Region, texels: np.ndarray) -> None:
        """Round the colours of a core and put them over the background of it."""
        count, near = self.atlas.num_color, filled.near[..., None]
        color = _channels(filled.color, count)
        if self.at_seams is not None:
            behind = to_float(texels[..., :count])
            self.at_seams.tell(core, np.where(near, color, behind))
        np.copyto(texels[..., :count], to_integer(color, texels.dtype), where=near)

    def _background(self, core: Region) -> np.ndarray:
        """The stored atlas enlarged bicubically: colour off the charts, and alpha everywhere."""
        part = self.plane.over(core)
        enlarged = resize_part(self.atlas.stored, shape=self.made_shape, part=part.slices)
        return to_integer(enlarged, self.atlas.stored.dtype)


def _channels(color: Float32[np.ndarray, "H W 3"], num_color: int) -> Float32[np.ndarray, "H W c"]:
    return color if num_color == 3 else color.mean(axis=2, keepdims=True)


def _levels(
    covered: Bool[np.ndarray, "H W"],
    seen: Bool[np.ndarray, "H W"],
    evidence: Float32[Tensor, "H W"],
) -> UInt8[np.ndarray, "H W"]:
    """Provenance of every texel."""
    backed = evidence.numpy() >= MIN_EVIDENCE
    level = np.where(backed, np.uint8(PHOTO_BACKED), np.uint8(INVENTED))
    level = np.where(seen, level, np.uint8(UNSEEN))
    return np.where(covered, level, np.uint8(OFF)).astype(np.uint8)
