"""The log of a training: one JSON object a line, and means of losses over the steps between.

A line tells the losses of some steps:

    step, seconds      how far, and how long it took so far, in all sittings
    l1, alone, ...     means over the batches with references, as shares of the error
                       of weights-free fusion; `alone`: of the enlargement
    single, teacher    the same of the result over the batches without
    rate               learning rate of the last step
    skipped            steps so far that changed nothing, since a loss was not finite

or a validation: step, seconds, `validation` (PSNR-Y by capture and count of references, dB), and
their `mean`.
"""

import json
import math
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from texsr.pipeline.errors import OutputError
from texsr.pipeline.formats.writing import write_file

LINE_EVERY = 100
SINGLE = "single"  # what the L1 is called where there are no references


@final
class TrainingLog:
    """What the lines are written from; it is part of the state."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[dict[str, Any]] = []
        self.skipped = 0
        self._sums: dict[str, tuple[float, int]] = defaultdict(lambda: (0.0, 0))

    def add(self, losses: Mapping[str, float], *, single: bool) -> None:
        """Take in the losses of a step."""
        if "skipped" in losses:
            self.skipped += 1
            return
        for name, value in losses.items():
            if single and name in ("alone", "doubt"):
                continue  # the first is the result's own there
            known = SINGLE if single and name == "l1" else name
            if math.isfinite(value):
                total, count = self._sums[known]
                self._sums[known] = (total + value, count + 1)

    @property
    def means(self) -> dict[str, float]:
        """Losses since the last line."""
        return {name: total / count for name, (total, count) in self._sums.items()}

    def end_line(self, step: int, *, rate: float, seconds: float) -> None:
        """Write the line of the steps since the last one."""
        means = {name: round(value, 7) for name, value in self.means.items()}
        self._sums.clear()
        skipped = {"skipped": self.skipped}
        self.write({"step": step, **means, "rate": rate, **skipped, "seconds": round(seconds, 1)})

    def write(self, line: dict[str, Any]) -> None:
        """Append a line to the file.

        Raises:
            OutputError: it cannot be written.
        """
        self.lines.append(line)
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, allow_nan=False) + "\n")
        except OSError as error:
            raise OutputError(
                self.path,
                found=f"a log that cannot be written ({error.strerror or error})",
                expected="a disk with room",
                remedy="free some space; the same command goes on from the last state",
            ) from error

    def state(self) -> dict[str, Any]:
        """Everything that `resume` needs beside the file."""
        return {"sums": {k: list(v) for k, v in self._sums.items()}, "skipped": self.skipped}

    def resume(self, state: Mapping[str, Any], step: int) -> None:
        """Go on from a state; lines that were written after it are taken back."""
        self.skipped = state["skipped"]
        self._sums.update({name: (total, count) for name, (total, count) in state["sums"].items()})
        self.lines = [line for line in read_log(self.path) if line["step"] <= step]
        text = "".join(json.dumps(line) + "\n" for line in self.lines)
        write_file(self.path, text.encode())


def read_log(path: Path) -> list[dict[str, Any]]:
    """Read the lines of a log; one that a kill cut short is left out."""
    if not path.is_file():
        return []
    lines: list[dict[str, Any]] = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and isinstance(line.get("step"), int):
            lines.append(line)
    return lines
