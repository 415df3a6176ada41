"""`texsr run` with chosen options as a whole process: wall time, and the most memory it held."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from common import Answer, Claim

MOST_S, MOST_GB = 60.0, 2.0
MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024

Row = tuple[str | float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one process took."""

    wall_s: float
    cpu_s: float
    max_gb: float
    report: dict[str, Any]


def measured(capture: Path, out: Path, options: Sequence[str]) -> Cost:
    """Run the command once.

    The most memory is that of the process and, before it, of the one that started it: start it from
    a process that has never held much.
    """
    program = str(Path(sys.executable).parent / "texsr")
    command = [program, "run", str(capture), "--out", str(out), *options]
    start = time.perf_counter()
    # Only the file keeps what is said: a pipe that fills up would stop the run.
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            sys.exit(said.read().decode(errors="replace"))
    return Cost(
        wall_s=wall,
        cpu_s=usage.ru_utime + usage.ru_stime,
        max_gb=usage.ru_maxrss * MAXRSS_BYTES / 1e9,
        report=json.loads((out / "report.json").read_text()),
    )


def make_apart(out: Path, *, low_tx: int, num_photos: int, photo_px: int) -> Path:
    """Make a capture in a process of its own, and give its folder."""
    script = Path(__file__).with_name("make_capture.py")
    wanted = {"out": out, "low": low_tx, "photos": num_photos, "photo-size": photo_px}
    options = [f"--{name}={value}" for name, value in wanted.items()]
    subprocess.run([sys.executable, str(script), *options], check=True, stdout=subprocess.DEVNULL)
    return out / "capture"


def whole_process(capture: Path, low_tx: int, options: Sequence[str], repeat: int) -> Answer:
    """Answer what a run takes."""
    with tempfile.TemporaryDirectory(prefix="texsr-") as work:
        costs = [measured(capture, Path(work) / f"{n}", options) for n in range(repeat)]
    walls, peak = [cost.wall_s for cost in costs], max(cost.max_gb for cost in costs)
    stages = [cost.report["timings_s"] for cost in costs]
    rows: list[Row] = [
        ("whole process, wall", median(walls), f"{min(walls):.1f} to {max(walls):.1f}"),
        ("whole process, both cores' time", median([cost.cpu_s for cost in costs]), None),
        *((name, median([one[name] for one in stages]), None) for name in stages[0]),
    ]
    model, wall = costs[0].report["model"], median(walls)
    covered = float(costs[0].report["atlases"][0]["share_covered"])
    return Answer(
        question=f"How long does {low_tx}² to {low_tx * 4}² take with `{model}`?",
        columns=("what", "median, s", "spread, s"),
        rows=rows,
        claims=[
            Claim(text=f"{wall:.1f} s (at most {MOST_S:g})", met=wall <= MOST_S),
            Claim(text=f"{peak:.2f} GB (at most {MOST_GB:g})", met=peak <= MOST_GB),
        ],
        inputs={"low_tx": low_tx, "options": " ".join(options), "repetitions": repeat},
        notes=f"{covered:.2f} of the atlas is covered. Stages that overlap count twice.",
    )
