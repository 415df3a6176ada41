"""What the benchmarks share: the validation captures, a run in memory, and how answers are told."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from texsr.flows.atlas_job import AtlasJob
from texsr.flows.progress import silent
from texsr.flows.scene import Scene
from texsr.flows.settings import RunSettings
from texsr.flows.sharpen import Sharpened, sharpen
from texsr.pipeline.capture import Capture
from texsr.pipeline.color import to_integer
from texsr.pipeline.formats.images import read_image
from texsr.pipeline.resample import resize
from texsr.pipeline.stages.superresolve import Upscaler

REPOSITORY = Path(__file__).parents[2]
CAPTURES = REPOSITORY.parent / "shared" / "data" / "captures"
NAMES = ("bowl_d05", "head_d035", "poker_d07", "tea_d035", "tea_d07", "conch_x4", "skull_x4")
REAL = ("conch_x4", "skull_x4")
LIBRARIES = ("numpy", "scipy", "torch", "pillow", "embreex")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One line of what must be shown."""

    text: str
    met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a benchmark found out: a table, and the claims that it decides."""

    question: str
    columns: tuple[str, ...]
    rows: list[tuple[str | float | None, ...]]
    claims: list[Claim]
    inputs: dict[str, Any] = field(default_factory=dict)
    notes: str = ""

    def markdown(self) -> str:
        """Write the answer as a section of a page; claims that do not hold come first."""
        lines = [f"## {self.question}", "", _row(self.columns), _row(["---"] * len(self.columns))]
        lines += [_row([_cell(value) for value in row]) for row in self.rows]
        lines += ["", self.notes, ""] if self.notes else [""]
        for claim in sorted(self.claims, key=lambda one: one.met):
            lines.append(f"- {'met' if claim.met else '**not met**'}: {claim.text}")
        return "\n".join(lines) + "\n"


def parser(text: str | None) -> argparse.ArgumentParser:
    """Give a command line with what every benchmark takes."""
    made = argparse.ArgumentParser(description=(text or "").split("\n")[0])
    made.add_argument("--json", type=Path, help="where to store the answer")
    made.add_argument("--captures", type=Path, default=CAPTURES, help="validation captures")
    return made


def tell(answer: Answer, store: Path | None) -> None:
    """Print an answer, and store it with where it was found."""
    sys.stdout.write(answer.markdown())
    if store is not None:
        _store(store, _told(answer))


def tell_all(answers: Sequence[Answer], store: Path | None, *, device: str = "cpu") -> None:
    """Print what one script found out on several questions, and store it in one file.

    Args:
        answers: in the order of the page.
        store: where; None: nowhere.
        device: what did the work, by its name where it is not the CPU.
    """
    sys.stdout.write("\n".join(answer.markdown() for answer in answers))
    if store is not None:
        _store(store, [_told(answer, device) for answer in answers])


def _told(answer: Answer, device: str = "cpu") -> dict[str, Any]:
    return {"environment": {**STARTED, "device": device}, **asdict(answer)}


def _store(store: Path, told: dict[str, Any] | list[dict[str, Any]]) -> None:
    store.parent.mkdir(parents=True, exist_ok=True)
    store.write_text(json.dumps(told, indent=1) + "\n")


def environment() -> dict[str, Any]:
    """Say what a figure depends on besides its input."""
    git = ("git", "-C", str(REPOSITORY))
    commit = subprocess.run((*git, "rev-parse", "--short", "HEAD"), capture_output=True, text=True)
    changed = subprocess.run(
        (*git, "status", "--porcelain", "-uno"), capture_output=True, text=True
    )
    return {
        "commit": commit.stdout.strip() + (" and changes" if changed.stdout.strip() else ""),
        "device": "cpu",
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[1], 1),  # other work on the machine, 5 minutes
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def folder(captures: Path, name: str) -> Path:
    """Find a validation capture: its folder holds `capture` and `truth`."""
    return captures / ("real" if name in REAL else "simulated") / name


def truth_of(root: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a truth and the mask of the texels to score."""
    atlas, _ = read_image(root / "truth" / "atlas.png", where=root)
    mask, _ = read_image(root / "truth" / "mask.png", where=root)
    return atlas, mask[..., 0] > 127


def bicubic_of(low: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Enlarge a stored atlas to the size of another, as Pillow does, in its own depth."""
    height, width = like.shape[:2]
    scale = np.float32(np.iinfo(low.dtype).max)
    return to_integer(resize(low / scale, height=height, width=width), low.dtype)


@contextmanager
def run(capture: Capture, settings: RunSettings | None = None) -> Iterator[tuple[Sharpened, float]]:
    """Sharpen a capture into a folder that lasts as long as the `with`; give the seconds too.

    Without settings, by `projection`.
    """
    with tempfile.TemporaryDirectory(prefix="texsr-") as work:
        start = time.perf_counter()
        done = sharpen(capture, settings or RunSettings(model="projection"), Path(work))
        yield done, time.perf_counter() - start


class Ran(NamedTuple):
    """What an upscaler made of the first atlas of a capture."""

    high: np.memmap  # H W c, stored dtype
    level: np.ndarray  # H W uint8, 0 off the charts
    confidence: np.ndarray  # H W uint8
    seconds: float


@contextmanager
def run_with(
    upscaler: Upscaler, capture: Capture, settings: RunSettings | None = None
) -> Iterator[Ran]:
    """Do as `run`, with an upscaler that is at hand; the model of the settings does not count."""
    settings = settings or RunSettings()
    with tempfile.TemporaryDirectory(prefix="texsr-") as work:
        start = time.perf_counter()
        scene = Scene(capture, settings, silent)
        job = AtlasJob(scene, 0, upscaler, settings.scale, Path(work))
        high, origin, _ = job.run("cpu")
        yield Ran(high, origin[..., 0], origin[..., 1], time.perf_counter() - start)


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:.4g}" if value < 1 else f"{value:.2f}"


STARTED = environment()  # now, not at the end: what runs is the code as it was when it was loaded
