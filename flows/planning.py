"""A dry run: what a run will take, and whether it is worth it."""

import time
from pathlib import Path

import numpy as np

from texsr.flows.artifacts import needed_bytes
from texsr.flows.atlas_job import AtlasJob
from texsr.flows.calibration import Calibration, calibrate
from texsr.flows.facts import atlas_worth
from texsr.flows.job import Job
from texsr.flows.new_atlas import scratch_bytes
from texsr.flows.progress import Progress, silent
from texsr.flows.run import load
from texsr.flows.scene import Scene
from texsr.flows.settings import RunSettings
from texsr.flows.sharpen import build_upscaler, check_references
from texsr.pipeline.capture import Capture
from texsr.pipeline.record import Worth
from texsr.pipeline.stages.plan import AtlasPlan, RunPlan
from texsr.pipeline.stages.select import select
from texsr.pipeline.stages.superresolve import made_reduced, native_scale

# Measured on two cores; a run that has them to itself comes within a factor of two.
SECONDS_PER_TEXEL, SECONDS_PER_VIEW_TEXEL = 2e-6, 4e-7
SECONDS_PER_CROP_TEXEL = 6e-6  # by `fast`: searching a crop for a tile
SECONDS_PER_REDUCED_TEXEL = 1e-7
# Interpreter, PyTorch and ray caster, before any pixel.
RESTING_MB = 400.0


def plan_run(job: Job, progress: Progress = silent) -> RunPlan:
    """Look at a capture's photos, and say what a run of it will take.

    Raises:
        TexsrError: as the run would.
    """
    capture = load(job, progress)
    scale = job.settings.scale
    if job.capture_scale and capture.scale is not None:
        scale = capture.scale
    upscaler = build_upscaler(job.settings.model, head=job.settings.head)
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
        plans.append(_plan_atlas(atlas, calibration))
        seconds += _seconds(atlas, calibration, plans[-1].num_references)
    atlases_mb = sum(atlas.stored.nbytes for atlas in capture.surface.atlases) / 1e6
    disk = needed_bytes(capture, scale)
    if made_reduced(upscaler, scale):
        disk = max(disk, scratch_bytes(capture, scale, made_scale))
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


def _seconds(job: AtlasJob, calibration: Calibration, num_references: int) -> float:
    """Estimate the time of the tiles, which are worked on at the model's own scale."""
    height, width = job.made_shape
    texels = float(calibration.covered.mean()) * height * width
    looking = SECONDS_PER_VIEW_TEXEL * num_references
    if job.cropped:
        wanted = job.num_references()
        num_crops = num_references if wanted is None else min(num_references, wanted)
        looking = SECONDS_PER_CROP_TEXEL * num_crops
    seconds = texels * (SECONDS_PER_TEXEL + looking)
    reduced = 0 if job.made_shape == job.high_shape else height * width
    return seconds + reduced * SECONDS_PER_REDUCED_TEXEL


def _plan_atlas(job: AtlasJob, calibration: Calibration) -> AtlasPlan:
    chosen = select(calibration.views, calibration.covered, job.num_references())
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
