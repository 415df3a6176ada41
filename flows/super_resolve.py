"""The flow over one capture."""

import time
from pathlib import Path
from typing import Any

from prefect import flow

from texsr.flows import tasks
from texsr.flows.artifacts import staging
from texsr.flows.freshness import fresh_at_a_glance
from texsr.flows.job import Job, Outcome, settle
from texsr.flows.memory import keep_freed
from texsr.flows.run import check_model
from texsr.flows.settings import RunSettings


@flow(name="super-resolve-capture", flow_run_name="super-resolve {capture}", persist_result=False)
def super_resolve_capture(
    capture: Path,
    settings: RunSettings | None = None,
    out: Path | None = None,
    force: bool = False,
    capture_scale: bool = False,
) -> dict[str, Any]:
    """Super-resolve the atlas of `capture` from its own photos.

    Args:
        capture: a capture directory.
        settings: None: the defaults, with the scale that capture.toml wishes for.
        out: None: CAPTURE/texsr.
        force: redo a result that is fresh.
        capture_scale: let capture.toml choose the scale, whatever the other settings.

    Returns:
        What `texsr run --json` prints.
    """
    started = time.monotonic()
    keep_freed()
    job = settle(capture, settings, out=out, force=force, capture_scale=capture_scale)
    fresh = fresh_at_a_glance(job)
    if fresh is not None:
        return tasks.tell_outcome(fresh)
    check_model(job.settings)
    with staging(job.out, inside=job.inside) as stage:
        stock = tasks.take_stock(job)
        fresh = tasks.compare_with_result(job, stock)
        if fresh is not None:
            return tasks.tell_outcome(fresh)
        sharpened = tasks.sharpen(job, stock, stage)
        tasks.write_result(job, sharpened, stage)
        outcome = tasks.publish(job, stock, sharpened, stage, time.monotonic() - started)
    return tasks.tell_outcome(outcome)


def run_job_as_flow(job: Job) -> Outcome:
    """Run a job through the flow; Prefect's own log tells the progress."""
    facts = super_resolve_capture(
        job.capture, job.settings, out=job.out, force=job.force, capture_scale=job.capture_scale
    )
    return Outcome(
        fresh=facts.pop("status") == "fresh",
        capture=facts.pop("capture"),
        out=facts.pop("out"),
        summary=facts,
    )
