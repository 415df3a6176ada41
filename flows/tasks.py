"""The stages as Prefect tasks: each takes handles, loads, calls the plain function, saves.

A task is a capture and a stage; tiles loop inside. No result is persisted and none is cached:
the manifest of a result, made of content hashes, says what need not be done again.
"""

from pathlib import Path
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from texsr.flows import run
from texsr.flows.artifacts import Staging
from texsr.flows.directory import BatchOutcome
from texsr.flows.freshness import fresh_by_content
from texsr.flows.handles import load_sharpened, save_sharpened
from texsr.flows.job import Job, Outcome, Stock
from texsr.flows.words import gist, outcome_text


@task(
    name="take-stock",
    task_run_name="take stock of {job.capture.name}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
def take_stock(job: Job) -> Stock:
    """Read the capture, hash its inputs, check the disk."""
    return run.take_stock(job, run.load(job))


@task(name="compare-with-result", cache_policy=NO_CACHE, persist_result=False)
def compare_with_result(job: Job, stock: Stock) -> Outcome | None:
    """Give the result that is there if it was made of the same content."""
    return fresh_by_content(job, stock)


@task(
    name="sharpen",
    task_run_name="sharpen {job.capture.name}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
def sharpen(job: Job, stock: Stock, stage: Staging) -> Path:
    """Make the new textures in the scratch directory; give the file that names them."""
    return save_sharpened(run.sharpen(job, run.load(job), stock, stage), stage.work)


@task(
    name="write-result",
    task_run_name="write the result of {job.capture.name}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
def write_result(job: Job, sharpened: Path, stage: Staging) -> None:
    """Write mesh, textures, provenance and report to the hidden directory."""
    run.write_result(job, run.load(job), load_sharpened(sharpened), stage)


@task(name="publish", cache_policy=NO_CACHE, persist_result=False)
def publish(job: Job, stock: Stock, sharpened: Path, stage: Staging, seconds: float) -> Outcome:
    """Write the manifest and swap the result in."""
    return run.finish(job, stock, load_sharpened(sharpened), stage, seconds)


def tell_outcome(outcome: Outcome) -> dict[str, Any]:
    """Leave the end of a run where the dashboard shows it; give the outcome as JSON has it."""
    name = Path(outcome.capture).name
    lines = "\n".join(f"- {line}" for line in outcome_text(outcome).splitlines())
    create_markdown_artifact(key="texsr-run", markdown=f"## {name}\n\n{lines}\n")
    return outcome.as_json()


def tell_batch(outcome: BatchOutcome) -> None:
    """Leave the table of a batch where the dashboard shows it."""
    rows = [
        {"capture": e.capture, "status": e.status.value, "what": gist(e)} for e in outcome.entries
    ]
    create_table_artifact(key="texsr-batch", table=rows)
