"""Where datasets may be written, and which captures nothing may be trained on."""

from collections.abc import Sequence
from pathlib import Path

from texsr.pipeline.errors import CaptureError, OutputError
from texsr.pipeline.formats.json_fields import read_json

# Beside the repository, see docs/training-data.md: validation captures and benchmarks live there.
VALIDATION_FOLDERS = (("shared", "data", "captures"), ("shared", "data", "benchmarks"))
SHARED = ("shared", "data")
NOTES = ("dataset.json", "manifest.json")  # of datasets, and of texture maps
TERMS = ("ATTRIBUTION", "LICENSE", "LICENCE")


def for_validation_only(root: Path) -> bool:
    """Whether nothing may be trained on a folder: by where it lies, or by what it was made from."""
    if any(_lies_below(root, folder) for folder in VALIDATION_FOLDERS):
        return True
    notes = [note for name in NOTES if (note := root / name).is_file()]
    return any(read_json(note).get("validation_only") is True for note in notes)


def check_place(out: Path, sources: Sequence[Path]) -> Path:
    """Settle where a dataset goes: a new place, neither in shared data nor in what it is made from.

    Raises:
        OutputError: it is none such.
    """
    place = out.expanduser().resolve()
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise OutputError(
            out,
            found="something that is already there",
            expected="a new or empty folder",
            remedy="choose another one with --out, or remove it",
        )
    inside = [source for source in sources if place.is_relative_to(source.resolve())]
    if _lies_below(place, SHARED) or inside:
        raise OutputError(
            out,
            found=f"a place inside {inside[0] if inside else 'shared data, which stays as it is'}",
            expected="a new folder elsewhere",
            remedy="choose another one with --out",
        )
    return place


def terms_below(folder: Path) -> list[Path]:
    """List the files of a folder that say whose the pictures are."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.name.upper().startswith(TERMS) and path.is_file()
    ]


def with_truth(root: Path) -> tuple[Path, Path]:
    """Find capture and truth of a folder that `texsr simulate` or `texsr dataset own` made.

    Raises:
        CaptureError: the folder is none such.
    """
    capture, truth = root / "capture", root / "truth"
    lacking = [
        path for path in (capture, truth / "atlas.png", truth / "mask.png") if not path.exists()
    ]
    if lacking:
        raise CaptureError(
            root,
            found=f"no {lacking[0].relative_to(root)}" if root.is_dir() else "no such folder",
            expected="capture/ and truth/ with atlas.png and mask.png",
            remedy="make them with `texsr simulate` or `texsr dataset own`",
        )
    return capture, truth


def _lies_below(path: Path, folder: tuple[str, ...]) -> bool:
    parts = path.expanduser().resolve().parts
    return any(parts[i : i + len(folder)] == folder for i in range(len(parts) - len(folder) + 1))
