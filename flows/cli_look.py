"""`texsr inspect`, `plan`, `preview`, `measure` and `models`: looking without changing."""

from pathlib import Path
from typing import Annotated

import typer

from texsr.flows import cli_options as options
from texsr.flows.console import FAILED, ProgressBars, answering

ResultArg = Annotated[Path, typer.Argument(metavar="RESULT", help="The directory of a result.")]
CaptureOf = Annotated[
    Path | None,
    typer.Option("--capture", metavar="DIR", help="The capture, if it was moved."),
]
Truth = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR|ATLAS", help="The right answer: an image, or a folder with atlas.png."
    ),
]
CheckpointFiles = Annotated[
    list[Path] | None, typer.Argument(metavar="FILE", help="Checkpoints to list as well.")
]
Mask = Annotated[
    Path | None, typer.Option(metavar="PNG", help="White where to score. [default: the truth's]")
]


def inspect(
    capture: options.CaptureArg, exclude: options.Exclude = None, json: options.Json = False
) -> None:
    """Examine a capture: what was found, what is wrong, how to mend it.

    Exit code 1: something was found that would spoil the result.

    Examples:

        texsr inspect vase

        texsr inspect vase --json | jq .findings
    """
    with answering(as_json=json) as answer:
        from texsr.flows.handles import encode
        from texsr.flows.inspection import inspect_capture
        from texsr.flows.words import diagnosis_text

        with ProgressBars() as progress:
            diagnosis = inspect_capture(capture, tuple(exclude or ()), progress)
        healthy = diagnosis.healthy
        facts = {"status": "healthy" if healthy else "ill", **encode(diagnosis)}
        answer.give(facts, diagnosis_text(diagnosis), code=0 if healthy else FAILED)


def plan(
    capture: options.CaptureArg,
    out: options.Out = None,
    scale: options.Scale = None,
    model: options.Model = "auto",
    references: options.References = None,
    tile_size: options.TileSize = None,
    exclude: options.Exclude = None,
    json: options.Json = False,
) -> None:
    """Say what a run will take, and whether the photos hold more than the atlas does.

    Nothing is written. Photos are read, so this takes some seconds.

    Examples:

        texsr plan vase

        texsr plan vase --scale 2 --json | jq .disk_mb
    """
    with answering(as_json=json) as answer:
        from texsr.flows.handles import encode
        from texsr.flows.job import settle
        from texsr.flows.planning import plan_run
        from texsr.flows.words import plan_text

        settings = options.make_settings(
            scale=scale,
            model=model,
            references=references,
            tile_size=tile_size,
            exclude=exclude,
        )
        job = settle(capture, settings, out=out, force=True, capture_scale=scale is None)
        with ProgressBars() as progress:
            planned = plan_run(job, progress)
        answer.give({"status": "done", **encode(planned)}, plan_text(planned))


def preview(
    result: ResultArg,
    out: options.Out = None,
    frames: Annotated[int, typer.Option(help="Turntable pictures in a full turn.")] = 8,
    capture: CaptureOf = None,
    json: options.Json = False,
) -> None:
    """Show a result: turntable and crops as PNG, and one page with the mesh in 3-D.

    The pictures go to RESULT/preview. The page needs no network and nothing installed.

    Examples:

        texsr preview vase/texsr

        texsr preview vase/texsr --out show --frames 24
    """
    with answering(as_json=json) as answer:
        from texsr.flows.handles import encode
        from texsr.flows.showing import preview_result

        with ProgressBars() as progress:
            files = preview_result(
                result, capture=capture, out=out, num_frames=frames, progress=progress
            )
        answer.give({"status": "done", **encode(files)}, f"open {files.page}")


def measure(
    result: ResultArg,
    truth: Truth = None,
    mask: Mask = None,
    capture: CaptureOf = None,
    json: options.Json = False,
) -> None:
    """Score a result against a truth; without one, against the photos its run excluded.

    Examples:

        texsr measure vase/texsr --truth truth

        texsr run vase --exclude IMG_0042.jpg && texsr measure vase/texsr
    """
    with answering(as_json=json) as answer:
        from texsr.flows import scoring
        from texsr.flows.words import held_out_text, scores_text

        with ProgressBars() as progress:
            if truth is None:
                facts = scoring.score_held_out(result, capture=capture, progress=progress)
                text = held_out_text(facts)
            else:
                facts = scoring.score_against_truth(result, truth, mask=mask, capture=capture)
                text = scores_text(facts)
        answer.give({"status": "done", **facts}, text)


def models(files: CheckpointFiles = None, json: options.Json = False) -> None:
    """List the models that --model knows: what each is, its size, what it reached.

    Shipped checkpoints and FILEs are really loaded, so this also tells whether a file can be used.

    Examples:

        texsr models

        texsr models trained/best.safetensors

        texsr models --json | jq '.models[.auto].scales'
    """
    with answering(as_json=json) as answer:
        from texsr.flows.model_choice import choose_device
        from texsr.flows.model_table import model_table, table_text

        table = model_table(files or (), device=choose_device("auto"))
        answer.give({"status": "done", **table.as_json()}, table_text(table))
