"""How a training ended, or how far it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from texsr.flows.handles import encode
from texsr.flows.training_settings import TrainJob

Told = Callable[[int, int, Mapping[str, float]], None]
"""Called with steps done, steps in all and the mean losses of late."""


class Ending(Enum):
    """Why a call ended."""

    DONE = "done"
    PAUSED = "paused"  # its time was up
    STOPPED = "stopped"  # by a signal


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOutcome:
    """How far a training is."""

    status: Ending
    out: Path
    step: int
    steps: int
    tiles: int
    losses: dict[str, float]
    validation: dict[str, dict[str, float]]
    best_db: float | None
    best_step: int | None
    checkpoints: tuple[Path, ...]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Give what `--json` prints."""
        return encode(self)


def unheard(step: int, steps: int, losses: Mapping[str, float]) -> None:
    """Tell nobody."""


def nothing_yet(job: TrainJob, place: Path) -> TrainOutcome:
    """Say that the time was up before all packs were made."""
    return TrainOutcome(
        status=Ending.PAUSED,
        out=place,
        step=0,
        steps=job.recipe.learning.steps,
        tiles=0,
        losses={},
        validation={},
        best_db=None,
        best_step=None,
        checkpoints=(),
        seconds=0.0,
    )
