"""The flow over an ablation of the published networks."""

from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from texsr.flows.ablation_run import finish, measure_table, tables_of, workplace
from texsr.flows.ablation_settings import AblationJob, Practice, Table
from texsr.flows.ablation_table import Ablation, Row, markdown
from texsr.flows.handles import decode
from texsr.flows.progress import silent


@flow(name="ablate", flow_run_name="ablate {sets}", persist_result=False)
def ablate_published(
    sets: list[Path],
    models: list[str],
    out: Path | None = None,
    tables: list[Table] | None = None,
    tiles: int | None = None,
    device: str = "auto",
    practice: Practice | None = None,
) -> dict[str, Any]:
    """Make the tables of AMRSR, MASA-SR, RRSR and CiaoSR anew, on sets of texture maps.

    A run that Prefect retries or schedules again measures nothing twice: `out` holds the rows.

    Args:
        sets: texture maps to measure on.
        models: checkpoint files, or names of shipped ones.
        out: gets tables and rows; None: nothing is kept.
        tables: None: all that the models allow.
        tiles: at most so many of each map; None: all.
        device: `auto`, `cpu` or `cuda`.
        practice: of rows that need a training; None: they are left out.

    Returns:
        What `texsr ablate --json` prints.
    """
    job = AblationJob(
        sets=tuple(sets),
        models=tuple(models),
        tables=tuple(tables or ()),
        tiles=tiles,
        device=device,
        out=out,
        practice=practice or Practice(),
    )
    with workplace(job) as place:
        rows = [row for table in tables_of(job) for row in measure(job, table, place)]
        found = finish(job, rows)
    _tell(found)
    return found.as_json()


# A task is a table: its rows share the pictures and the network, and are kept one by one.
@task(
    name="measure-table", task_run_name="{table.value}", cache_policy=NO_CACHE, persist_result=False
)
def measure(job: AblationJob, table: Table, place: Path) -> list[Row]:
    """Measure the rows of a table; see `texsr.flows.ablation_run`."""
    return measure_table(job, table, place, silent)


def run_ablation_as_flow(job: AblationJob) -> Ablation:
    """Run a job through the flow; Prefect's own log tells the progress."""
    facts = ablate_published(
        list(job.sets),
        list(job.models),
        out=job.out,
        tables=list(job.tables),
        tiles=job.tiles,
        device=job.device,
        practice=job.practice,
    )
    return decode(Ablation, {name: one for name, one in facts.items() if name != "status"})


def _tell(found: Ablation) -> None:
    """Leave the tables where the dashboard shows them."""
    create_markdown_artifact(key="texsr-ablate", markdown=markdown(found))
    for table in dict.fromkeys(row.table for row in found.rows):
        rows = [_told(row) for row in found.rows if row.table is table]
        create_table_artifact(key=f"texsr-ablate-{table.value}", table=rows)


def _told(row: Row) -> dict[str, Any]:
    figures = row.found.figures
    known = (
        {"why not": row.found.why}
        if figures is None
        else {
            "PSNR-Y": round(figures.score.psnr_y, 3),
            "SSIM-Y": round(figures.score.ssim_y, 4),
            "MB": None if figures.peak_mb is None else round(figures.peak_mb),
            "s": round(figures.seconds, 2),
            "GMAC": round(figures.gmac, 2),
        }
    )
    named = {"set": row.subject, "model": row.model, "part": row.part, "row": row.label}
    return {**named, "scale": row.scale, **known}
