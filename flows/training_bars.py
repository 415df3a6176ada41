"""What a training shows on stderr: a bar for each stage, and one over the steps with losses."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from texsr.flows.console import stderr

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


def said_losses(losses: Mapping[str, float]) -> str:
    """Give losses by name."""
    return "  ".join(f"{name} {value:.3f}" for name, value in losses.items())


class TrainingBars:
    """One display for all bars; silent where stderr is no terminal, unless given a console."""

    def __init__(self, console: "Console | None" = None) -> None:
        self._console = console
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "TrainingBars":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def progress(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` units of a stage are done. A `Progress`."""
        bars, task = self._task(stage)
        bars.update(task, completed=done, total=total)

    def losses(self, step: int, steps: int, losses: Mapping[str, float]) -> None:
        """Show that `step` of `steps` are done, and the losses of late. A `Told`."""
        first = "train" not in self._tasks
        bars, task = self._task("train")
        if first:  # what an earlier sitting did says nothing of the time that is left
            bars.reset(task, completed=step - 1, total=steps)
        bars.update(task, completed=step, total=steps, losses=said_losses(losses))

    def _task(self, stage: str) -> tuple["Bars", "TaskID"]:
        bars = self._bars = self._bars or self._begin()
        if stage not in self._tasks:
            self._tasks[stage] = bars.add_task(stage, total=None, losses="")
        return bars, self._tasks[stage]

    def _begin(self) -> "Bars":
        from rich import progress

        bars = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(bar_width=20),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
            progress.TextColumn("{task.fields[losses]}"),
            console=self._console or stderr(),
            disable=not sys.stderr.isatty() and self._console is None,
        )
        bars.start()
        return bars
