"""How work tells that it goes on."""

from collections.abc import Callable
from threading import Lock
from typing import final

Progress = Callable[[str, int, int], None]
"""Called with the stage's name, units done and units in all; done == total ends the stage."""


def silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


@final
class Counted:
    """Tells of a stage whose units are done by several threads."""

    def __init__(self, progress: Progress, stage: str, total: int) -> None:
        """Take who is told, and begin the stage."""
        self.progress, self.stage, self.total = progress, stage, total
        self._done, self._lock = 0, Lock()
        progress(stage, 0, total)

    def add(self, units: int = 1) -> None:
        """Count units that are done."""
        with self._lock:
            self._done += units
            self.progress(self.stage, self._done, self.total)
