"""The `texsr` command."""

import json
import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer

from texsr.flows import (
    cli_ablate,
    cli_dataset,
    cli_enlarge,
    cli_evaluate,
    cli_look,
    cli_make,
    cli_run,
    cli_serve,
    cli_train,
)
from texsr.flows.console import BAD_INPUT
from texsr.flows.memory import keep_freed

app = typer.Typer(
    name="texsr",
    help="Sharpen a captured mesh's texture atlas from the photos it was captured from.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(cli_run.run)
app.command()(cli_run.batch)
app.command()(cli_enlarge.enlarge)
app.command("inspect")(cli_look.inspect)
app.command()(cli_look.plan)
app.command()(cli_look.preview)
app.command()(cli_look.measure)
app.command()(cli_evaluate.evaluate)
app.command()(cli_ablate.ablate)
app.command()(cli_train.train)
app.command()(cli_make.simulate)
app.command()(cli_make.unwrap)
app.add_typer(cli_dataset.app, name="dataset")
app.command()(cli_look.models)
app.command()(cli_serve.serve)


def _version(wanted: bool) -> bool:
    if wanted:
        from texsr.flows.manifest import texsr_version

        typer.echo(f"texsr {texsr_version()}")
        raise typer.Exit
    return wanted


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Sharpen a captured mesh's texture atlas from the photos it was captured from.

    Exit codes: 0 done, 1 failed, 2 bad usage or input, 3 partly done.
    """


def main() -> NoReturn:
    """Run the command line; with `--json`, bad usage is told as JSON too."""
    signal.signal(signal.SIGTERM, _stop)
    keep_freed()
    if "--json" not in sys.argv[1:]:
        app()
        sys.exit(0)
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except Exception as error:
        # typer keeps its usage errors private; they are the ones that can format themselves.
        said = getattr(error, "format_message", None)
        if said is None:
            raise
        facts = {"status": "failed", "error": "UsageError", "found": said()}
        typer.echo(json.dumps({**facts, "exit_code": BAD_INPUT}, indent=1))
        sys.exit(BAD_INPUT)


def _stop(number: int, frame: FrameType | None) -> None:
    """Let a polite kill unwind as Ctrl-C does, so that nothing half-written stays."""
    raise KeyboardInterrupt
