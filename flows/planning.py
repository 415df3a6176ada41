"""A dry run: what a run will take, and whether it is worth it."""

import time
from pathlib import Path

import numpy as np

from texsr.flows.artifacts import needed_bytes
from texsr.flows.atlas_job import AtlasJob
from texsr.flows.calibration import Calibration, calibrate
from texsr.flows.facts import atlas_worth
from texsr.flows.job import Job
from texsr.flows.model_choice import choose_device
from texsr.flows.new_atlas import scratch_bytes
from texsr.flows.progress import Progress, silent
from texsr.flows.run import load
from texsr.flows.scene import Scene
from texsr.flows.settings import RunSettings
from texsr.flows.sharpen import build_upscaler, check_references
from texsr.flows.single_plane import bytes_per_texel
from texsr.flows.trial_tile import seconds_of_tiles
from texsr.pipeline.capture import Capture
from texsr.pipeline.record import Worth
from texsr.pipeline.stages.plan import AtlasPlan, RunPlan
from texsr.pipeline.stages.select import Selection, select
from texsr.pipeline.stages.superresolve import made_reduced, native_scale

SECONDS_PER_REDUCED_TEXEL = 1e-7  # measured on two cores
# Interpreter, PyTorch, ray caster and weights, before any pixel; and what lies scattered.
RESTING_MB = 700.0


def plan_run(job: Job, progress: Progress = silent) -> RunPlan:
    """Look at a capture's photos, make one tile, and say what a run of it will take.

    Raises:
        TexsrError: as the run would.
    """
    capture = load(job, progress)
    scale = job.settings.scale
    if job.capture_scale and capture.scale is not None:
        scale = capture.scale
    device = choose_device(job.settings.device)
    upscaler = build_upscaler(job.settings.model, device, job.settings.head)
    check_references(upscaler, job.settings)
    made_scale = native_scale(upscaler, scale)
    scene = Scene(capture, job.settings, progress)
    plans: list[AtlasPlan] = []
    seconds = 0.0
    for index in range(len(capture.surface.atlases)):
        started = time.perf_counter()
        calibration = calibrate(scene, index)
        seconds += time.perf_counter() - started
        atlas = AtlasJob(scene, index, upscaler, scale, Path())
        chosen = select(calibration.views, calibration.covered, atlas.num_references())
        plans.append(_plan_atlas(atlas, calibration, chosen))
        seconds += seconds_of_tiles(atlas, calibration, chosen, device)
        if atlas.made_shape != atlas.high_shape:
            seconds += SECONDS_PER_REDUCED_TEXEL * atlas.made_shape[0] * atlas.made_shape[1]
    atlases_mb = sum(atlas.stored.nbytes for atlas in capture.surface.atlases) / 1e6
    disk = needed_bytes(capture, scale)
    if made_reduced(upscaler, scale):
        beside = bytes_per_texel(upscaler, made_scale)
        disk = max(disk, scratch_bytes(capture, scale, made_scale, beside))
    return RunPlan(
        atlases=tuple(plans),
        peak_memory_mb=RESTING_MB + job.settings.memory_mb + atlases_mb,
        disk_mb=disk / 1e6,
        seconds=seconds,
    )


def surface_worth(capture: Capture, scale: float, progress: Progress = silent) -> Worth:
    """Judge whether the photos hold more than the largest atlas does."""
    sizes = [atlas.height_tx * atlas.width_tx for atlas in capture.surface.atlases]
    scene = Scene(capture, RunSettings(scale=scale), progress)
    return atlas_worth(calibrate(scene, int(np.argmax(sizes))), scale)


def _plan_atlas(job: AtlasJob, calibration: Calibration, chosen: Selection) -> AtlasPlan:
    tiles = job.plan(calibration)
    return AtlasPlan(
        name=job.atlas.name,
        low_size_tx=job.low_shape,
        high_size_tx=job.high_shape,
        num_tiles=len(tiles),
        tile_size_tx=tiles[0].core.width,
        num_references=sum(bool(allowed.any()) for allowed in chosen.allowed),
        worth=atlas_worth(calibration, job.scale),
    )
