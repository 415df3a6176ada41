"""The published papers' tables made anew: what the command line and the flow share.

In its folder, once a call is done:

    ablation.md             the tables
    ablation.json           the same, written last
    rows/KEY.json           a row on a set, under what it measured: found again by any later call
    trainings/TABLE-KEY     of rows that need one; they go on where they were stopped
"""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from texsr.flows.ablation_measure import ROWS, Shelf, measured
from texsr.flows.ablation_settings import AblationJob, Table
from texsr.flows.ablation_subjects import Subject, read_subjects
from texsr.flows.ablation_table import Ablation, Row, markdown
from texsr.flows.ablation_training import Workshop, left_out
from texsr.flows.ablation_variants import Published, Variant, load_published, variants_of
from texsr.flows.evaluation_table import finite
from texsr.flows.lock import hold
from texsr.flows.model_choice import choose_device
from texsr.flows.progress import Progress, silent
from texsr.pipeline.errors import CaptureError, OutputError, SettingsError
from texsr.pipeline.formats.writing import write_file

PAGE, FACTS = "ablation.md", "ablation.json"


def ablate(job: AblationJob, progress: Progress = silent) -> Ablation:
    """Measure every row of every table, or find it measured; write the tables at the end.

    Raises:
        SettingsError: a model cannot be used, or no table goes with what was given.
        CaptureError: a set cannot be used, or has nothing to say for a table.
        OutputError: the folder is taken or cannot be written.
    """
    with workplace(job) as place:
        tables = tables_of(job)
        rows = [row for table in tables for row in measure_table(job, table, place, progress)]
        return finish(job, rows)


@contextmanager
def workplace(job: AblationJob) -> Generator[Path]:
    """Lend the folder that rows and trainings are kept in: the job's own, or one for the while.

    Raises:
        OutputError: it holds something else, or another process works there.
    """
    if job.out is None:
        with TemporaryDirectory(prefix="texsr-") as folder:
            yield Path(folder)
        return
    place = job.out.expanduser().resolve()
    ours = (place / ROWS).is_dir() or (place / FACTS).is_file()
    if place.exists() and (not place.is_dir() or (any(place.iterdir()) and not ours)):
        raise OutputError(
            job.out,
            found="something that no ablation wrote",
            expected="a new or empty directory, or that of an earlier ablation",
            remedy="give another --out",
        )
    try:
        (place / ROWS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            job.out,
            found=f"a place that cannot be written ({error.strerror or error})",
            expected="a folder that can be made",
            remedy="give another --out",
        ) from error
    with hold(place / ".lock", place):
        yield place


def tables_of(job: AblationJob) -> list[Table]:
    """Settle which tables are made.

    Raises:
        SettingsError: a table that is asked for has no model, or there is none to make; a model
            cannot be used.
    """
    device = choose_device(job.device)
    known = {load_published(name, device).architecture for name in job.models}
    trained = job.practice.steps is not None
    allowed = [one for one in Table if one.architecture in known or (one.trains and trained)]
    lacking = [one for one in job.tables if one not in allowed]
    if lacking or not allowed:
        asked = lacking[0].value if lacking else "any"
        needed = sorted({one.architecture for one in lacking or Table})
        raise SettingsError(
            f"--table {asked}",
            found=f"models of {', '.join(sorted(known))}" if known else "no model",
            expected=f"a checkpoint of {' or '.join(needed)}",
            remedy="give one with --model FILE" + ("" if lacking else ", or --steps to train some"),
        )
    return [one for one in allowed if not job.tables or one in job.tables]


def measure_table(job: AblationJob, table: Table, place: Path, progress: Progress) -> list[Row]:
    """Measure the rows of a table on all sets.

    Raises:
        CaptureError: a set cannot be used, or has no references and the table is about them.
        SettingsError: a model or the material of a training cannot be used.
        OutputError: a row or a training cannot be written.
    """
    device = choose_device(job.device)
    subjects = read_subjects(job.sets, job.tiles)
    _check_references(table, job, subjects)
    loaded = [load_published(name, device) for name in job.models]
    workshop = Workshop(practice=job.practice, place=place, device=device, progress=progress)
    variants = [*_of_models(table, loaded), *workshop.variants(table)]
    shelf = Shelf(None if job.out is None else place / ROWS)
    total = len(variants) * len(subjects)
    rows: list[Row] = []
    for variant in variants:
        for subject in subjects:
            progress(table.value, len(rows), total)
            found = measured(variant, subject, device, shelf, progress)
            rows.append(
                Row(
                    table=table,
                    model=variant.model,
                    part=variant.part,
                    label=variant.label,
                    scale=variant.scale,
                    subject=subject.name,
                    found=found,
                )
            )
    progress(table.value, total, total)
    return rows


def finish(job: AblationJob, rows: list[Row]) -> Ablation:
    """Put the rows together, and write them if there is where to.

    Raises:
        OutputError: the folder cannot be written.
    """
    subjects = read_subjects(job.sets, job.tiles)
    tables = dict.fromkeys(row.table for row in rows)
    lacking = [note for table in tables if (note := left_out(table, job.practice))]
    found = Ablation(
        device=choose_device(job.device),
        threads=torch.get_num_threads(),
        rows=tuple(rows),
        notes=(*(subject.told for subject in subjects), *lacking),
    )
    if job.out is not None:
        place = job.out.expanduser().resolve()
        write_file(place / PAGE, markdown(found).encode())
        write_file(place / FACTS, (json.dumps(finite(found.as_json()), indent=1) + "\n").encode())
    return found


def _of_models(table: Table, loaded: list[Published]) -> list[Variant]:
    fitting = (model for model in loaded if model.architecture == table.architecture)
    return [variant for model in fitting for variant in variants_of(table, model)]


def _check_references(table: Table, job: AblationJob, subjects: list[Subject]) -> None:
    for root, subject in zip(job.sets, subjects, strict=True):
        if table.needs_references and not subject.num_references:
            raise CaptureError(
                root,
                found="a map without a tile that has references",
                expected=f"references, which --table {table.value} is about",
                remedy="cut captures with photos with `texsr dataset texture-maps`, or ask for "
                "--table ciaosr alone",
            )
