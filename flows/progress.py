"""How work tells that it goes on."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with the stage's name, units done and units in all; done == total ends the stage."""


def silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""
