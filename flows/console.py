"""What a command says: answers on stdout, progress and trouble on stderr."""

import json
import logging
import math
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from texsr.pipeline.errors import TexsrError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

DONE, FAILED, BAD_INPUT, PARTLY = 0, 1, 2, 3
PATIENCE_S = 2.0

logger = logging.getLogger(__name__)


class Answer:
    """Where a command puts what it has to say."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def give(self, facts: dict[str, Any], text: str = "", *, code: int = DONE) -> None:
        """Print the answer, one JSON object or text, and end the command unless all is well."""
        if self.as_json:
            typer.echo(json.dumps(_finite({**facts, "exit_code": code}), indent=1))
        else:
            typer.echo(text)
        if code != DONE:
            raise typer.Exit(code)


def _finite(value: Any) -> Any:
    """Put null for the numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextmanager
def answering(*, as_json: bool) -> Generator[Answer]:
    """Turn what goes wrong inside into one message and the exit code that stands for it."""
    answer = Answer(as_json=as_json)
    try:
        yield answer
    except TexsrError as error:
        _tell(error.as_json(), str(error), answer, BAD_INPUT)
    except KeyboardInterrupt:
        text = "stopped; nothing half-written is left"
        _tell({"error": "Stopped", "found": text}, text, answer, FAILED)
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        logger.exception("texsr itself failed; please report this")
        text = f"{type(error).__name__}: {error}"
        _tell({"error": type(error).__name__, "found": str(error)}, text, answer, FAILED)


def _tell(facts: dict[str, Any], text: str, answer: Answer, code: int) -> None:
    if answer.as_json:
        answer.give({"status": "failed", **facts}, code=code)
    typer.echo(f"texsr: {text}", err=True)
    raise typer.Exit(code)


def stderr() -> "Console":
    """Give a console on stderr."""
    from rich.console import Console

    return Console(stderr=True)


class ProgressBars:
    """A bar for each stage, shown once the work has taken two seconds. Satisfies `Progress`."""

    def __init__(self, console: "Console | None" = None) -> None:
        self._console = console
        self._started = time.monotonic()
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "ProgressBars":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` units of a stage are done."""
        if self._bars is None:
            if time.monotonic() - self._started < PATIENCE_S:
                return
            self._bars = self._begin()
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total)
        task = self._tasks[stage]
        self._bars.update(task, completed=done, total=total)

    def _begin(self) -> "Bars":
        from rich import progress

        bars = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
            console=self._console or stderr(),
            disable=not sys.stderr.isatty() and self._console is None,
        )
        bars.start()
        return bars
