"""Deployments: the flows over captures and directories, run by a schedule."""

import logging
from pathlib import Path
from typing import Any

from prefect import serve
from prefect.deployments.runner import RunnerDeployment
from prefect.types.entrypoint import EntrypointType

from texsr.flows.batch import super_resolve_directory
from texsr.flows.directory import find_captures
from texsr.flows.server import api_server
from texsr.flows.super_resolve import super_resolve_capture
from texsr.pipeline.errors import CaptureError, SettingsError

logger = logging.getLogger(__name__)


def make_deployments(
    root: Path, *, out: Path | None = None, cron: str | None = None, interval_s: int | None = None
) -> tuple[RunnerDeployment, RunnerDeployment]:
    """Make the deployments `texsr-run` and `texsr-batch` over `root`.

    The schedule goes to `texsr-run` where `root` is itself a capture and to `texsr-batch` where it
    holds captures; the other one waits to be started by hand. A run over a fresh result passes it
    over, so a schedule only costs what changed.

    Raises:
        CaptureError: `root` is no directory.
        SettingsError: the schedule cannot be read.
    """
    root = root.expanduser().resolve()
    if not root.is_dir():
        raise CaptureError(
            root,
            found="no such directory",
            expected="a capture, or a directory of captures (they may come later)",
            remedy="create it or give another ROOT",
        )
    place = None if out is None else str(out.expanduser().resolve())
    schedule = _schedule(cron, interval_s)
    is_capture = next(find_captures(root), None) == root
    run = RunnerDeployment.from_flow(
        super_resolve_capture,
        name="texsr-run",
        parameters={"capture": str(root), "out": place},
        tags=["texsr"],
        entrypoint_type=EntrypointType.MODULE_PATH,  # runs from any directory
        **(schedule if is_capture else {}),
    )
    batch = RunnerDeployment.from_flow(
        super_resolve_directory,
        name="texsr-batch",
        parameters={"root": str(root), "out": place},
        tags=["texsr"],
        entrypoint_type=EntrypointType.MODULE_PATH,  # runs from any directory
        **({} if is_capture else schedule),
    )
    return run, batch


def serve_directory(
    root: Path, *, out: Path | None = None, cron: str | None = None, interval_s: int | None = None
) -> None:
    """Serve the deployments of `root` until stopped; one run at a time.

    Where no Prefect server is configured, one is started and lives as long.

    Raises:
        TexsrError: see `make_deployments` and `api_server`.
    """
    deployments = make_deployments(root, out=out, cron=cron, interval_s=interval_s)
    with api_server() as url:
        logger.warning("serving with the Prefect server at %s", url)
        serve(*deployments, limit=1)


def _schedule(cron: str | None, interval_s: int | None) -> dict[str, Any]:
    if cron is not None and interval_s is not None:
        raise SettingsError(
            "--cron and --interval", found="both", expected="one of them", remedy="drop one"
        )
    if interval_s is not None and interval_s < 1:
        raise SettingsError(
            "--interval",
            found=f"{interval_s} s",
            expected="at least a second",
            remedy="give the seconds between two runs",
        )
    if cron is None:
        return {} if interval_s is None else {"interval": interval_s}
    from prefect.client.schemas.schedules import CronSchedule
    from pydantic import ValidationError

    try:
        CronSchedule(cron=cron)
    except ValidationError as error:
        raise SettingsError(
            "--cron",
            found=repr(cron),
            expected="minute hour day month weekday",
            remedy='for three o\'clock each night: --cron "0 3 * * *"',
        ) from error
    return {"cron": cron}
