"""`texsr ablate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from texsr.flows import cli_options as options
from texsr.flows.console import ProgressBars, answering

if TYPE_CHECKING:
    from texsr.flows.ablation_settings import AblationJob
    from texsr.flows.ablation_table import Ablation


def ablate(
    sets: Annotated[
        list[Path],
        typer.Argument(
            metavar="SET...", help="Texture maps to measure on: of `texsr dataset texture-maps`."
        ),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|FILE",
            help="A checkpoint of amrsr, masa, rrsr or ciaosr; repeat for more.",
        ),
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="amrsr-references, amrsr-parts, masa, rrsr or ciaosr; repeat for more. "
            "[default: all that the models allow]",
        ),
    ] = None,
    tiles: Annotated[
        int | None, typer.Option(help="At most so many of each map, evenly apart. [default: all]")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help="Of the short trainings of rows that need one. [default: without them]"),
    ] = None,
    packs: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="With --steps: packed tiles to learn from."),
    ] = None,
    learn_sets: Annotated[
        list[Path] | None,
        typer.Option(
            "--sets", metavar="DIR", help="With --steps: texture maps or pictures to learn from."
        ),
    ] = None,
    device: options.Device = "auto",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Gets ablation.md, ablation.json and the rows."),
    ] = None,
    flow: options.Flow = False,
    json: options.Json = False,
) -> None:
    """Make the tables of AMRSR, MASA-SR, RRSR and CiaoSR anew, with your checkpoints and sets.

    Prints Markdown, laid out as in the papers: PSNR-Y and SSIM-Y on the texels of the mask, memory
    above model and inputs, seconds and multiply-accumulates a tile. Rows that differ in what was
    trained need --steps; nothing may be measured on what it learns from. With --out every row is
    kept as it is done: the same command again goes on where it was stopped. docs/ablation.md says
    more.

    Examples:

        texsr ablate maps --model amrsr.safetensors --tiles 2

        texsr ablate maps --model amrsr.safetensors --model masa.safetensors --out tables

        texsr ablate maps --table masa --model masa.safetensors --steps 300 --packs runs/one/packs
        --out tables

        texsr ablate maps --table ciaosr --model ciaosr.safetensors --json | jq .rows
    """
    with answering(as_json=json) as answer:
        from texsr.flows.ablation_settings import AblationJob, Practice, Table
        from texsr.flows.ablation_table import markdown

        job = AblationJob(
            sets=tuple(sets),
            models=tuple(model or ()),
            tables=tuple(options.choose("--table", one, Table.MASA) for one in table or ()),
            tiles=tiles,
            device=device,
            out=out,
            practice=Practice(steps=steps, packs=tuple(packs or ()), sets=tuple(learn_sets or ())),
        )
        found = _run(job, flow=flow)
        answer.give(found.as_json(), markdown(found).rstrip())


def _run(job: "AblationJob", *, flow: bool) -> "Ablation":
    if flow:
        from texsr.flows.ablation import run_ablation_as_flow

        return run_ablation_as_flow(job)
    from texsr.flows.ablation_run import ablate as run

    with ProgressBars() as progress:
        return run(job, progress)
