"""One tile of an atlas, made for the clock alone: what a run will take on this machine."""

import time
from concurrent.futures import ThreadPoolExecutor

import torch

from texsr.flows.atlas_job import WORKERS, AtlasJob
from texsr.flows.calibration import Calibration
from texsr.pipeline.stages.plan import MIN_TILE_TX
from texsr.pipeline.stages.select import Selection
from texsr.pipeline.stages.superresolve import superresolve
from texsr.pipeline.tile import Region, Tile, plan_tiles

TRIES = 2  # the first also loads what is needed once


def seconds_of_tiles(
    job: AtlasJob, calibration: Calibration, selection: Selection, device: str
) -> float:
    """Estimate how long the tiles of an atlas take: as one does, by how much is on the charts.

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
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        spent = [
            pool.submit(_seconds_of, job, calibration, selection, device, fullest).result()
            for _ in range(TRIES)
        ]
    planned = job.plan(calibration)
    total = sum(_texels_on_charts(calibration, tile.padded) for tile in planned)
    return min(spent) * total / texels / WORKERS


def _seconds_of(
    job: AtlasJob, calibration: Calibration, selection: Selection, device: str, tile: Tile
) -> float:
    """Make a tile as a run does, and tell how long it took."""
    source = job.source(calibration, selection)
    started = time.perf_counter()
    made = source.prepare(tile.padded, tile.core)
    if made is not None:
        texels = job.plane.texels(tile.padded)
        superresolve(made.low, made.given, job.upscaler, job.made_scale, device, texels)
    return time.perf_counter() - started


def _texels_on_charts(calibration: Calibration, region: Region) -> float:
    return calibration.share_on_charts(region) * region.area
