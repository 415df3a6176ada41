"""How long does a run take, and how much memory? `python tests/benchmarks/speed.py [--large]`

`texsr run` as a whole process on a capture made for it: wall time, ru_maxrss (mapped pages
included) and the time of every stage. Quote it from an idle machine only.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from common import Answer, Claim, parser, tell
from make_capture import make_capture

from texsr.pipeline.simulation import SimulateSettings

LEAST_COVERED = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is run, and what it may cost."""

    low_tx: int
    num_photos: int
    photo_px: int
    most_s: float
    most_gb: float


SMALL = Case(low_tx=512, num_photos=12, photo_px=1200, most_s=20.0, most_gb=1.5)
LARGE = Case(low_tx=4096, num_photos=12, photo_px=1200, most_s=2400.0, most_gb=4.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one process took."""

    wall_s: float
    cpu_s: float
    max_gb: float
    report: dict[str, Any]


def measured(capture: Path, out: Path) -> Cost:
    """Run the command once."""
    command = [str(Path(sys.executable).parent / "texsr"), "run", str(capture), "--out", str(out)]
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
        max_gb=_gigabytes(usage),
        report=json.loads((out / "report.json").read_text()),
    )


def _gigabytes(usage: resource.struct_rusage) -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * unit / 1e9


def answer(case: Case, costs: list[Cost]) -> Answer:
    """Sum up the repetitions."""
    walls, peak = [cost.wall_s for cost in costs], max(cost.max_gb for cost in costs)
    rows: list[tuple[str | float | None, ...]] = [
        ("whole process, wall", median(walls), f"{min(walls):.1f} to {max(walls):.1f}"),
        ("whole process, both cores' time", median([cost.cpu_s for cost in costs]), None),
    ]
    stages = [cost.report["timings_s"] for cost in costs]
    rows += [(name, median([one[name] for one in stages]), None) for name in stages[0]]
    covered = float(costs[0].report["atlases"][0]["share_covered"])
    side, high = case.low_tx, case.low_tx * 4
    return Answer(
        question=f"How long does {side}² to {high}² take?",
        columns=("what", "median, s", "spread, s"),
        rows=rows,
        claims=[
            Claim(
                text=f"{median(walls):.1f} s (at most {case.most_s:g})",
                met=median(walls) <= case.most_s,
            ),
            Claim(text=f"{peak:.2f} GB (at most {case.most_gb:g})", met=peak <= case.most_gb),
            Claim(text=f"{covered:.2f} of the atlas covered", met=covered >= LEAST_COVERED),
        ],
        inputs={
            "low_tx": side,
            "photos": f"{case.num_photos} x {case.photo_px} px square",
            "repetitions": len(costs),
        },
        notes=f"{len(costs)} runs; 12 photos of 1200². Stages that overlap count twice.",
    )


def main() -> None:
    """Read the command line."""
    made = parser(__doc__)
    made.add_argument("--large", action="store_true", help="4096² to 16384²")
    made.add_argument("--repeat", type=int, default=3)
    made.add_argument("--capture", type=Path, help="one made before, by make_capture.py")
    made.add_argument("--work", type=Path, help="where to put capture and result")
    asked = made.parse_args()
    case = LARGE if asked.large else SMALL
    with tempfile.TemporaryDirectory(prefix="texsr-", dir=asked.work) as work:
        capture = asked.capture
        if capture is None:
            settings = SimulateSettings(num_photos=case.num_photos, photo_size_px=case.photo_px)
            make_capture(Path(work) / "made", low_tx=case.low_tx, settings=settings, seed=0)
            capture = Path(work) / "made" / "capture"
        runs = range(1 if asked.large else asked.repeat)
        costs = [measured(capture, Path(work) / f"result_{index}") for index in runs]
    tell(answer(case, costs), asked.json)


if __name__ == "__main__":
    main()
