"""What a person asks for, and what they get."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from texsr.flows.artifacts import check_place
from texsr.flows.manifest import Stamp, find_capture, is_result
from texsr.flows.settings import RunSettings
from texsr.pipeline.errors import CaptureError, OutputError

RESULT = "texsr"
CAPTURE_TOML = "capture.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A capture, the place of its result, and how to make it. Paths are absolute."""

    capture: Path
    out: Path
    settings: RunSettings
    force: bool = False
    """Redo a result that is fresh, and replace one that was changed by hand."""
    capture_scale: bool = False
    """Let capture.toml choose the scale."""

    @property
    def inside(self) -> bool:
        """Whether the result goes to its default place in the capture."""
        return self.out == self.capture / RESULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """What a capture held when its run began."""

    inputs: dict[str, Stamp]
    surroundings: str
    scale: float  # the one that applies


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a job ended."""

    fresh: bool  # the result was there already
    capture: str
    out: str
    summary: dict[str, Any]  # what `summarise` makes of the record

    def as_json(self) -> dict[str, Any]:
        """Give what `--json` prints."""
        status = "fresh" if self.fresh else "done"
        return {"status": status, "capture": self.capture, "out": self.out, **self.summary}


def settle(
    capture: Path,
    settings: RunSettings | None = None,
    *,
    out: Path | None = None,
    force: bool = False,
    capture_scale: bool = False,
) -> Job:
    """Make a job of what a person asked for.

    Args:
        out: None: CAPTURE/texsr.
        settings: None: the defaults, with the scale that capture.toml wishes for.

    Raises:
        CaptureError: there is no such directory, or it is a result.
        OutputError: the place of the result is taken.
    """
    root = capture_root(capture)
    place = root / RESULT if out is None else out.expanduser().resolve()
    if root.is_relative_to(place):
        raise OutputError(
            place,
            found="the capture itself or a folder above it",
            expected="a directory of its own for the result",
            remedy="leave --out away, or name a new directory",
        )
    check_place(place, force=force)
    return Job(
        capture=root,
        out=place,
        settings=settings or RunSettings(),
        force=force,
        capture_scale=capture_scale or settings is None,
    )


def capture_root(capture: Path) -> Path:
    """Give the absolute path of a capture directory.

    Raises:
        CaptureError: there is no such directory, or it is a result.
    """
    root = capture.expanduser().resolve()
    if not root.is_dir():
        raise CaptureError(
            capture,
            found="a file" if root.exists() else "nothing there",
            expected="a capture directory: mesh, atlas, photos and cameras",
            remedy="give the directory that holds them",
        )
    if is_result(root):
        raise CaptureError(
            capture,
            found="a result of texsr",
            expected="the capture that it was made from",
            remedy=f"give {find_capture(root)}",
        )
    return root
