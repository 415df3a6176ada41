"""The flow over a training."""

from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from texsr.flows.handles import decode
from texsr.flows.training_run import TrainOutcome, train
from texsr.flows.training_settings import Material, Recipe, Sitting, TrainJob


@flow(name="train", flow_run_name="train {out}", persist_result=False)
def train_network(
    out: Path,
    material: Material,
    recipe: Recipe | None = None,
    sitting: Sitting | None = None,
) -> dict[str, Any]:
    """Train the default network, or go on where an earlier run of the same was stopped.

    A run that Prefect retries or schedules again loses nothing: the folder holds the state.

    Args:
        out: the folder of the training.
        material: what it learns from and is validated on.
        recipe: None: the defaults.
        sitting: device and time; None: the defaults, to the end.

    Returns:
        What `texsr train --json` prints.
    """
    job = TrainJob(
        out=out, material=material, recipe=recipe or Recipe(), sitting=sitting or Sitting()
    )
    facts = learn(job).as_json()
    _tell(facts)
    return facts


# One task: packs, steps and validation share tiles in memory, and the folder holds what is done.
@task(
    name="learn",
    task_run_name="train {job.out.name}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
def learn(job: TrainJob) -> TrainOutcome:
    """Make packs, take steps, validate; see `texsr.flows.training_run`."""
    return train(job)


def run_training_as_flow(job: TrainJob) -> TrainOutcome:
    """Run a job through the flow; Prefect's own log tells the progress."""
    facts = train_network(job.out, job.material, recipe=job.recipe, sitting=job.sitting)
    return decode(TrainOutcome, facts)


def _tell(facts: dict[str, Any]) -> None:
    """Leave how far a training is where the dashboard shows it."""
    name = Path(facts["out"]).name
    best = "" if facts["best_db"] is None else f", best mean {facts['best_db']:.2f} dB"
    create_markdown_artifact(
        key="texsr-train",
        markdown=f"## {name}\n\n{facts['status']}: {facts['step']} of {facts['steps']} steps"
        f" on {facts['tiles']} tiles{best}\n",
    )
    rows = [{"capture": capture, **found} for capture, found in facts["validation"].items()]
    if rows:
        create_table_artifact(key="texsr-train-validation", table=rows)
