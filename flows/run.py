"""One capture from start to end, as plain functions: what the command line and the flows share."""

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from texsr.flows import manifest as manifests
from texsr.flows.artifacts import Staging, check_disk, publish, staging
from texsr.flows.freshness import fresh_at_a_glance, fresh_by_content, options
from texsr.flows.inputs import input_files
from texsr.flows.job import Job, Outcome, Stock
from texsr.flows.progress import Progress, silent
from texsr.flows.settings import ReferenceForm, RunSettings
from texsr.pipeline.errors import CaptureError

if TYPE_CHECKING:
    from texsr.flows.sharpen import Sharpened
    from texsr.pipeline.capture import Capture


def run_job(job: Job, progress: Progress = silent) -> Outcome:
    """Super-resolve the atlas of a capture from its own photos.

    Raises:
        TexsrError: the capture cannot be used or the result cannot be written; nothing is left.
    """
    fresh = fresh_at_a_glance(job)
    if fresh is not None:
        return fresh
    check_model(job.settings)
    with staging(job.out, inside=job.inside) as stage:
        started = time.monotonic()
        capture = load(job, progress)
        stock = take_stock(job, capture, progress)
        fresh = fresh_by_content(job, stock)
        if fresh is not None:
            return fresh
        sharpened = sharpen(job, capture, stock, stage, progress)
        write_result(job, capture, sharpened, stage, progress)
        return finish(job, stock, sharpened, stage, time.monotonic() - started)


def check_model(settings: RunSettings) -> None:
    """Check, before anything is written, that the model can do what is asked of it.

    Raises:
        SettingsError: it cannot be given such references, or has no such head; or there is no such
            model.
    """
    if settings.references_as != ReferenceForm.WARPED or settings.head is not None:
        from texsr.flows.sharpen import build_upscaler, check_references

        upscaler = build_upscaler(settings.model, settings.device, settings.head)
        check_references(upscaler, settings)


def load(job: Job, progress: Progress = silent) -> "Capture":
    """Read the capture, all but its photos."""
    from texsr.pipeline.stages.load import LoadSettings, load_capture

    progress("load", 0, 1)
    settings = LoadSettings(exclude=job.settings.exclude, strict=job.settings.strict)
    capture = load_capture(job.capture, settings)
    progress("load", 1, 1)
    return capture


def take_stock(job: Job, capture: "Capture", progress: Progress = silent) -> Stock:
    """Hash every input, and check that the result will fit on the disk."""
    scale = job.settings.scale
    if job.capture_scale and capture.scale is not None:
        scale = capture.scale
    check_disk(capture, scale, job.out)
    surroundings = manifests.surroundings(job.capture)
    files = input_files(capture)
    for named in filter(None, (job.settings.model, job.settings.head)):
        checkpoint = Path(named).expanduser()
        if checkpoint.is_file():
            files.append(checkpoint.resolve())
    inputs = manifests.stamp_all(job.capture, files, progress)
    return Stock(inputs=inputs, surroundings=surroundings, scale=scale)


def sharpen(
    job: Job, capture: "Capture", stock: Stock, stage: Staging, progress: Progress = silent
) -> "Sharpened":
    """Make the new textures in the scratch directory."""
    from texsr.flows.sharpen import sharpen as compose

    return compose(capture, replace(job.settings, scale=stock.scale), stage.work, progress)


def write_result(
    job: Job,
    capture: "Capture",
    sharpened: "Sharpened",
    stage: Staging,
    progress: Progress = silent,
) -> None:
    """Write the mesh with its new textures, the provenance maps and the report."""
    from texsr.flows.provenance import write_provenance
    from texsr.flows.showing import report_pictures
    from texsr.pipeline.stages.export import export_surface
    from texsr.pipeline.stages.report import write_report

    progress("write", 0, 3)
    written = export_surface(
        capture.surface,
        sharpened.textures,
        stage.result,
        texture_format=job.settings.texture_format,
    )
    progress("write", 1, 3)
    write_provenance(capture.surface, sharpened.provenance, written, stage.result)
    progress("write", 2, 3)
    write_report(sharpened.record, stage.result, report_pictures(capture, sharpened.textures))
    progress("write", 3, 3)


def finish(
    job: Job, stock: Stock, sharpened: "Sharpened", stage: Staging, seconds: float
) -> Outcome:
    """Check that the inputs still hold what was read, write the manifest, swap the result in.

    Raises:
        CaptureError: an input changed under way.
    """
    from texsr.flows.summary import summarise

    _check_unchanged(job, stock)
    summary = {**summarise(sharpened.record), "seconds": round(seconds, 2)}
    relative = os.path.relpath(job.capture, job.out)
    outputs = manifests.stamp_all(stage.result, manifests.files_below(stage.result))
    manifests.write_manifest(
        stage.result,
        manifests.Manifest(
            version=manifests.texsr_version(),
            capture_absolute=str(job.capture),
            capture_relative=relative,
            options=options(job, stock.scale),
            surroundings=stock.surroundings,
            inputs=stock.inputs,
            outputs=outputs,
            summary=summary,
            versions=manifests.versions(),
        ),
    )
    publish(stage, job.out)
    return Outcome(fresh=False, capture=str(job.capture), out=str(job.out), summary=summary)


def _check_unchanged(job: Job, stock: Stock) -> None:
    for name, stamp in stock.inputs.items():
        if not stamp.matches(job.capture / name):
            raise CaptureError(
                job.capture / name,
                found="other content than when the run began",
                expected="a capture that stays as it is while texsr reads it",
                remedy="run again once nothing writes to the capture",
            )
