"""Every capture below a directory, one after the other; a bad one does not stop the rest."""

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from texsr.flows.job import CAPTURE_TOML, Job, Outcome, settle
from texsr.flows.manifest import is_result
from texsr.flows.progress import Progress, silent
from texsr.flows.run import run_job
from texsr.flows.settings import RunSettings
from texsr.pipeline.errors import CaptureError, TexsrError

MESHES = {".obj", ".glb", ".gltf", ".ply"}
PHOTO_FOLDERS = {"images"}
CAMERAS = {"sparse", "transforms.json", "cameras.txt", "cameras.bin"}

logger = logging.getLogger(__name__)


class Status(Enum):
    """How one capture of a batch ended."""

    DONE = "done"
    FRESH = "fresh"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One capture of a batch."""

    capture: str
    status: Status
    facts: dict[str, Any]  # the outcome, or the four parts of the error

    def as_json(self) -> dict[str, Any]:
        """Give what `--json` prints."""
        return {**self.facts, "capture": self.capture, "status": self.status.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """A directory of captures, and how to work through it."""

    root: Path
    out: Path | None  # None: each result in its capture
    settings: RunSettings | None
    force: bool = False
    capture_scale: bool = False

    def job(self, capture: Path) -> Job:
        """Make the job of one capture; its result goes to `out` by its path below `root`."""
        out = None if self.out is None else self.out / capture.relative_to(self.root)
        if out is not None and capture == self.root:
            out = out / capture.name
        return settle(
            capture,
            self.settings,
            out=out,
            force=self.force,
            capture_scale=self.capture_scale,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOutcome:
    """How a batch ended."""

    entries: tuple[Entry, ...]

    @property
    def num_failed(self) -> int:
        """Captures without a result."""
        return sum(entry.status is Status.FAILED for entry in self.entries)

    @property
    def status(self) -> str:
        """`done`, `partly` or `failed`."""
        if self.num_failed == 0:
            return "done"
        return "failed" if self.num_failed == len(self.entries) else "partly"

    def as_json(self) -> dict[str, Any]:
        """Give what `--json` prints."""
        return {
            "status": self.status,
            "num_captures": len(self.entries),
            "num_failed": self.num_failed,
            "captures": [entry.as_json() for entry in self.entries],
        }


def run_batch(
    batch: BatchJob,
    progress: Progress = silent,
    run: Callable[[Job, Progress], Outcome] = run_job,
) -> BatchOutcome:
    """Run every capture below the root; what goes wrong with one is told at the end.

    Raises:
        CaptureError: there is no such directory, or no capture in it.
    """
    root = batch.root.expanduser().resolve()
    out = None if batch.out is None else batch.out.expanduser().resolve()
    settled = BatchJob(
        root=root,
        out=out,
        settings=batch.settings,
        force=batch.force,
        capture_scale=batch.capture_scale,
    )
    captures = list(find_captures(root))
    if not captures:
        raise CaptureError(
            batch.root,
            found="no capture directory" if root.is_dir() else "no such directory",
            expected="directories that hold a mesh, images/ and cameras",
            remedy="give the directory above your captures",
        )
    entries: list[Entry] = []
    for done, capture in enumerate(captures):
        progress("captures", done, len(captures))
        entries.append(_run_one(settled, capture, progress, run))
    progress("captures", len(captures), len(captures))
    return BatchOutcome(entries=tuple(entries))


def find_captures(root: Path) -> Iterator[Path]:
    """List the capture directories at or below `root`, in order; none lies within another."""
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        if here != root and is_result(here):
            folders.clear()
        elif looks_like_capture({*folders, *names}):
            folders.clear()
            yield here
        else:
            folders[:] = sorted(name for name in folders if not name.startswith("."))


def looks_like_capture(names: set[str]) -> bool:
    """Whether a directory with these entries was meant as a capture, be it a broken one."""
    lower = {name.lower() for name in names}
    marks = (
        any(Path(name).suffix in MESHES for name in lower),
        bool(lower & PHOTO_FOLDERS),
        bool(lower & CAMERAS),
    )
    return CAPTURE_TOML in lower or sum(marks) >= 2


def _run_one(
    batch: BatchJob, capture: Path, progress: Progress, run: Callable[[Job, Progress], Outcome]
) -> Entry:
    try:
        outcome = run(batch.job(capture), progress)
    except TexsrError as error:
        facts = error.as_json()
    except Exception as error:  # one capture that trips a fault of ours costs no night
        logger.exception("%s: texsr itself failed", capture)
        facts = {"error": type(error).__name__, "where": str(capture), "found": str(error)}
    else:
        status = Status.FRESH if outcome.fresh else Status.DONE
        return Entry(capture=str(capture), status=status, facts=outcome.as_json())
    return Entry(capture=str(capture), status=Status.FAILED, facts=facts)
