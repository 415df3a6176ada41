"""`texsr run` and `texsr batch`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from texsr.flows import cli_options as options
from texsr.flows.console import DONE, FAILED, PARTLY, ProgressBars, answering

if TYPE_CHECKING:
    from texsr.flows.directory import BatchJob, BatchOutcome
    from texsr.flows.job import Job, Outcome
    from texsr.flows.progress import Progress


def run(
    capture: options.CaptureArg,
    out: options.Out = None,
    scale: options.Scale = None,
    model: options.Model = "auto",
    head: options.Head = None,
    references: options.References = None,
    device: options.Device = "auto",
    tile_size: options.TileSize = None,
    seed: options.Seed = 0,
    exclude: options.Exclude = None,
    strict: options.Strict = False,
    texture_format: options.TextureFormat = None,
    force: options.Force = False,
    flow: options.Flow = False,
    json: options.Json = False,
) -> None:
    """Sharpen a capture's texture atlas from its own photos.

    The mesh, its UVs and the capture stay as they are. The result goes to CAPTURE/texsr, whole or
    not at all; a fresh one is passed over.

    Examples:

        texsr run vase

        texsr run vase --scale 2 --exclude IMG_0042.jpg --out /data/sharp/vase

        texsr run vase --scale 2.5

        texsr run vase --scale 2.5 --model fast --head runs/head/last.safetensors

        texsr run vase --model masa --references cropped

        texsr run vase --json | jq .share_photo_backed
    """
    with answering(as_json=json) as answer:
        from texsr.flows.job import settle
        from texsr.flows.words import outcome_text

        settings = options.make_settings(
            scale=scale,
            model=model,
            head=head,
            references=references,
            device=device,
            tile_size=tile_size,
            seed=seed,
            exclude=exclude,
            strict=strict,
            texture_format=texture_format,
        )
        job = settle(capture, settings, out=out, force=force, capture_scale=scale is None)
        with ProgressBars() as progress:
            outcome = _run(job, progress, flow=flow)
        answer.give(outcome.as_json(), outcome_text(outcome))


def batch(
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="A directory of captures.")],
    out: options.Out = None,
    scale: options.Scale = None,
    model: options.Model = "auto",
    head: options.Head = None,
    references: options.References = None,
    device: options.Device = "auto",
    tile_size: options.TileSize = None,
    seed: options.Seed = 0,
    exclude: options.Exclude = None,
    strict: options.Strict = False,
    texture_format: options.TextureFormat = None,
    force: options.Force = False,
    flow: options.Flow = False,
    json: options.Json = False,
) -> None:
    """Sharpen every capture below ROOT, and go on past a bad one.

    With --out DIR the result of ROOT/a/b goes to DIR/a/b. Exit code 3: some captures failed;
    1: all did.

    Examples:

        texsr batch captures

        texsr batch captures --out /data/sharp --model projection --json
    """
    with answering(as_json=json) as answer:
        from texsr.flows.directory import BatchJob
        from texsr.flows.words import batch_text

        settings = options.make_settings(
            scale=scale,
            model=model,
            head=head,
            references=references,
            device=device,
            tile_size=tile_size,
            seed=seed,
            exclude=exclude,
            strict=strict,
            texture_format=texture_format,
        )
        work = BatchJob(
            root=root, out=out, settings=settings, force=force, capture_scale=scale is None
        )
        with ProgressBars() as progress:
            outcome = _batch(work, progress, flow=flow)
        code = {"done": DONE, "partly": PARTLY, "failed": FAILED}[outcome.status]
        answer.give(outcome.as_json(), batch_text(outcome), code=code)


def _run(job: "Job", progress: "Progress", *, flow: bool) -> "Outcome":
    if flow:
        from texsr.flows.super_resolve import run_job_as_flow

        return run_job_as_flow(job)
    from texsr.flows.run import run_job

    return run_job(job, progress)


def _batch(batch: "BatchJob", progress: "Progress", *, flow: bool) -> "BatchOutcome":
    if flow:
        from texsr.flows.batch import run_batch_as_flow

        return run_batch_as_flow(batch)
    from texsr.flows.directory import run_batch

    return run_batch(batch, progress)
