"""`texsr serve`."""

from pathlib import Path
from typing import Annotated

import typer

from texsr.flows import cli_options as options
from texsr.flows.console import answering

Cron = Annotated[
    str | None, typer.Option(metavar='"M H D M W"', help="When to run, as cron writes it.")
]
Interval = Annotated[
    int | None, typer.Option("--interval", metavar="S", help="Seconds between two runs.")
]


def serve(
    root: Annotated[
        Path, typer.Argument(metavar="ROOT", help="A capture, or a directory of captures.")
    ],
    out: options.Out = None,
    cron: Cron = None,
    interval: Interval = None,
) -> None:
    """Serve the deployments texsr-run and texsr-batch with Prefect until stopped.

    The schedule goes to the one that fits ROOT. Uses the server of PREFECT_API_URL, or starts one
    for as long as it serves. Fresh results are passed over.

    Examples:

        texsr serve captures --cron "0 3 * * *"

        texsr serve captures --interval 600 --out /data/sharp
    """
    with answering(as_json=False):
        from texsr.flows.deployments import serve_directory

        serve_directory(root, out=out, cron=cron, interval_s=interval)
