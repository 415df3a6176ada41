"""One tile of an atlas, made for the clock alone: what a run will take on this machine."""

import time
from dataclasses import replace

from jaxtyping import Float32
from torch import Tensor

from texsr.flows.atlas_job import AtlasJob
from texsr.flows.calibration import Calibration
from texsr.flows.progress import silent
from texsr.flows.single_plane import SinglePlane, answer_without_references, pieces_of
from texsr.flows.tiles import TileSource
from texsr.flows.workers import WORKERS, work_pool
from texsr.pipeline.stages.plan import MIN_TILE_TX
from texsr.pipeline.stages.select import Selection
from texsr.pipeline.stages.superresolve import SeesWhole, superresolve
from texsr.pipeline.tile import Region, Tile, plan_tiles

TRIES = 2  # the first also loads what is needed once


def seconds_of_tiles(
    job: AtlasJob, calibration: Calibration, selection: Selection, device: str
) -> float:
    """Estimate how long the tiles of an atlas take: as one does, by how much is on the charts.

    What comes before the tiles is made for that one, too.

    Args:
        job: that would make the atlas.
        calibration: of its views.
        selection: of its references.
        device: that the upscaler is on.
    """
    least, around = MIN_TILE_TX, job.upscaler.overlap_tx
    candidates = plan_tiles(*job.low_shape, size_tx=least, overlap_tx=around)
    fullest = max(candidates, key=lambda tile: _texels_on_charts(calibration, tile.padded))
    texels = _texels_on_charts(calibration, fullest.padded)
    if texels == 0.0:
        return 0.0
    source = job.source(calibration, selection)
    before, single = min(
        (_answered_before(job, source, device, fullest.padded) for _ in range(TRIES)),
        key=lambda tried: tried[0],
    )
    with work_pool(1) as pool:
        spent = [
            pool.submit(_seconds_of, job, source, device, fullest, single).result()
            for _ in range(TRIES)
        ]
    planned = job.plan(calibration)
    total = sum(_texels_on_charts(calibration, tile.padded) for tile in planned)
    return before + min(spent) * total / texels / WORKERS


def _answered_before(
    job: AtlasJob, source: TileSource, device: str, region: Region
) -> tuple[float, SinglePlane | None]:
    """Let the upscaler answer for a region without references.

    Returns:
        How long it takes for the whole atlas, and the answer for the region.
    """

    def low(part: Region) -> Float32[Tensor, "3 h w"]:
        return source.low(replace(part, x=part.x + region.x, y=part.y + region.y))

    shape = region.height, region.width
    started = time.perf_counter()
    single = answer_without_references(
        job.upscaler, shape, low, job.made_scale, device, progress=silent
    )
    seconds = time.perf_counter() - started
    if not isinstance(job.upscaler, SeesWhole) or single is None:
        return 0.0, None
    pieces = pieces_of(job.low_shape, job.upscaler.single_overlap_tx)
    asked = [one.padded for one in pieces if source.calibration.share_on_charts(one.padded) > 0.0]
    return seconds * sum(one.area for one in asked) / region.area, single


def _seconds_of(
    job: AtlasJob, source: TileSource, device: str, tile: Tile, single: SinglePlane | None
) -> float:
    """Make a tile as a run does, and tell how long it took."""
    started = time.perf_counter()
    made = source.prepare(tile.padded, tile.core)
    if made is not None:
        texels = job.plane.texels(tile.padded)
        region = replace(tile.padded, x=0, y=0)
        known = None if single is None else single.over(region)
        superresolve(made.low, made.given, job.upscaler, job.made_scale, device, texels, known)
    return time.perf_counter() - started


def _texels_on_charts(calibration: Calibration, region: Region) -> float:
    return calibration.share_on_charts(region) * region.area
