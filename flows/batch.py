"""The flow over a directory of captures."""

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.states import Completed, Failed

from texsr.flows import tasks
from texsr.flows.directory import BatchJob, BatchOutcome, Entry, Status, run_batch
from texsr.flows.settings import RunSettings
from texsr.flows.super_resolve import run_job_as_flow


@flow(name="super-resolve-directory", flow_run_name="super-resolve {root}", persist_result=False)
def super_resolve_directory(
    root: Path,
    settings: RunSettings | None = None,
    out: Path | None = None,
    force: bool = False,
    capture_scale: bool = False,
) -> Any:  # a State, which Prefect unwraps for who calls the flow
    """Super-resolve every capture below `root`, and go on past a bad one.

    Returns:
        What `texsr batch --json` prints, in a state that is `Failed` only where every capture
        failed and named `PartlyDone` where some did.
    """
    batch = BatchJob(
        root=root, out=out, settings=settings, force=force, capture_scale=capture_scale
    )
    outcome = run_batch(batch, run=lambda job, _: run_job_as_flow(job))
    tasks.tell_batch(outcome)
    good = len(outcome.entries) - outcome.num_failed
    message = f"{good} of {len(outcome.entries)} captures have a result"
    match outcome.status:
        case "failed":
            return Failed(message=message, data=outcome.as_json())
        case "partly":
            return Completed(name="PartlyDone", message=message, data=outcome.as_json())
        case _:
            return Completed(message=message, data=outcome.as_json())


def run_batch_as_flow(batch: BatchJob) -> BatchOutcome:
    """Run a batch through the flow; Prefect's own log tells the progress.

    Raises:
        TexsrError: there is no capture to run.
    """
    state = super_resolve_directory(
        batch.root,
        batch.settings,
        out=batch.out,
        force=batch.force,
        capture_scale=batch.capture_scale,
        return_state=True,
    )
    facts = state.result(raise_on_failure=False)
    if isinstance(facts, BaseException):
        raise facts
    return BatchOutcome(
        entries=tuple(
            Entry(capture=one["capture"], status=Status(one["status"]), facts=one)
            for one in facts["captures"]
        )
    )
