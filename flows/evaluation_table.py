"""An evaluation as Markdown and as JSON."""

import math
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

from texsr.flows.evaluation import Evaluation, Row
from texsr.flows.figures import Figures
from texsr.flows.handles import encode

MOST_SECTIONS = 12  # subjects beyond it are told by their mean alone; JSON has them all

Value = Callable[[Figures], float | None]
Column = tuple[str, Value, int]  # title, how to look it up, digits


def _of(part: str, field: str) -> Value:
    """Look a figure up in a part that may be missing."""

    def value(figures: Figures) -> float | None:
        found = getattr(figures, part)
        return None if found is None else getattr(found, field)

    return value


COLUMNS: tuple[Column, ...] = (
    ("PSNR-Y", _of("inside", "psnr_y"), 2),
    ("SSIM-Y", _of("inside", "ssim_y"), 4),
    ("PSNR-Y, crop 0", _of("crop_0", "psnr_y"), 3),
    ("SSIM-Y, crop 0", _of("crop_0", "ssim_y"), 4),
    ("PSNR-Y, crop 4", _of("crop_4", "psnr_y"), 3),
    ("SSIM-Y, crop 4", _of("crop_4", "ssim_y"), 4),
    ("LPIPS", lambda figures: figures.lpips, 4),
    ("seam error", lambda figures: figures.seam_error, 2),
    ("resolution", lambda figures: figures.resolution, 3),
    ("confidence", lambda figures: figures.confidence, 2),
    ("held-out", _of("held_out", "correlation"), 4),
    ("held-out resolution", _of("held_out", "resolution"), 3),
    ("s", lambda figures: figures.seconds, 1),
    ("MiB", lambda figures: figures.peak_mb, 0),
    ("GPU MiB", lambda figures: figures.gpu_mb, 0),
)
LEGEND = (
    "PSNR-Y in dB and SSIM-Y on the texels of the mask, and on the whole image with 0 or 4 texels "
    "cropped off; seam error in 1/255; resolution: share of Nyquist up to which at least half of "
    "the truth's detail is shown rightly; confidence: rank correlation with the true error; "
    "held-out: correlation of fine detail with photos that were not used, and the share of Nyquist "
    "up to which the two are coherent; MiB: the most memory that the whole process held."
)


def markdown(evaluation: Evaluation) -> str:
    """Write an evaluation as a page: means, every subject, what failed, what was left out."""
    by_subject = _by_subject(evaluation.rows)
    parts: list[str] = []
    if len(by_subject) > 1:
        parts += _means(by_subject)
    if len(by_subject) <= MOST_SECTIONS:
        for subject, found in by_subject.items():
            parts += [f"## {subject}", _table({name: [one] for name, one in found.items()})]
    if by_subject:
        parts.append(LEGEND)
    failed = [row for row in evaluation.rows if row.figures is None]
    faults = [f"- **failed**: {_place(row)}: {row.fault}" for row in failed]
    notes = [f"- {note}" for note in evaluation.notes]
    return "\n\n".join([*parts, "\n".join([*faults, *notes])]) + "\n"


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """Give what `--json` prints; infinite PSNR is null, as JSON has no such number."""
    return {"status": evaluation.status, **_finite(encode(evaluation))}


def _finite(value: Any) -> Any:
    match value:
        case dict() as pairs:
            return {key: _finite(item) for key, item in pairs.items()}
        case list() as items:
            return [_finite(item) for item in items]
        case float() if not math.isfinite(value):
            return None
        case _:
            return value


def _by_subject(rows: Sequence[Row]) -> dict[str, dict[str, Figures]]:
    """Sort figures by subject and method, in the order in which they were found."""
    found: dict[str, dict[str, Figures]] = {}
    for row in rows:
        if row.figures is not None and row.method is not None:
            found.setdefault(row.subject, {})[row.method] = row.figures
    return found


def _means(by_subject: dict[str, dict[str, Figures]]) -> list[str]:
    """Tell the means over the subjects that every method did, and one figure of each subject."""
    methods = list(dict.fromkeys(name for found in by_subject.values() for name in found))
    whole = [found for found in by_subject.values() if len(found) == len(methods)]
    parts: list[str] = []
    if whole:
        gathered = {name: [found[name] for found in whole] for name in methods}
        parts += [f"## Mean of {len(whole)}", _table(gathered)]
    if len(by_subject) <= MOST_SECTIONS:
        title, value, digits = next(column for column in COLUMNS if _known(column, by_subject))
        lines = [["", *methods]]
        lines += [
            [
                subject,
                *(_cell(value(found[name]) if name in found else None, digits) for name in methods),
            ]
            for subject, found in by_subject.items()
        ]
        parts += [f"## {title} of each", _grid(lines)]
    return parts


def _known(column: Column, by_subject: dict[str, dict[str, Figures]]) -> bool:
    return any(
        column[1](one) is not None for found in by_subject.values() for one in found.values()
    )


def _table(found: dict[str, list[Figures]]) -> str:
    """Tell the means of each method; columns of which nothing is known are left out."""
    lines: list[list[str]] = []
    kept = [
        column
        for column in COLUMNS
        if any(column[1](one) is not None for figures in found.values() for one in figures)
    ]
    for name, figures in found.items():
        cells = [_cell(_mean([value(one) for one in figures]), digits) for _, value, digits in kept]
        lines.append([name, *cells])
    return _grid([["method", *(title for title, _, _ in kept)], *lines])


def _mean(values: Sequence[float | None]) -> float | None:
    """Average; None where one is missing, for the others' mean would be that of another set."""
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None


def _cell(value: float | None, digits: int) -> str:
    if value is None:
        return ""
    return "exact" if math.isinf(value) else f"{value:.{digits}f}"


def _grid(lines: list[list[str]]) -> str:
    first, *rest = lines
    ruled = [first, ["---"] + ["---:"] * (len(first) - 1), *rest]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in ruled)


def _place(row: Row) -> str:
    return row.subject if row.method is None else f"{row.subject}, {row.method}"
