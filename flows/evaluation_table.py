"""An evaluation as Markdown and as JSON."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from texsr.flows.evaluation import Evaluation, Row
from texsr.flows.figures import Figures
from texsr.flows.handles import encode

MOST_SECTIONS = 12  # subjects beyond it are told by their mean alone; JSON has them all

Value = Callable[[Figures], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One figure of the tables."""

    title: str
    value: Value
    digits: int
    meaning: str = ""  # what the legend says of it


def _of(part: str, field: str) -> Value:
    """Look a figure up in a part that may be missing."""

    def value(figures: Figures) -> float | None:
        found = getattr(figures, part)
        return None if found is None else getattr(found, field)

    return value


def _scores(part: str, ending: str, digits: int, meaning: str) -> tuple[Column, Column]:
    return (
        Column(title=f"PSNR-Y{ending}", value=_of(part, "psnr_y"), digits=digits, meaning=meaning),
        Column(title=f"SSIM-Y{ending}", value=_of(part, "ssim_y"), digits=4),
    )


COLUMNS = (
    *_scores("inside", "", 2, "PSNR-Y (dB) and SSIM-Y: on the texels of the mask"),
    *_scores("crop_0", ", crop 0", 3, "crop 0: on the whole image; off a mask the truth stands"),
    *_scores("crop_4", ", crop 4", 3, "crop 4: the same less 4 texels along every border"),
    Column(
        title="LPIPS",
        value=lambda figures: figures.lpips,
        digits=4,
        meaning="LPIPS: distance by looks, AlexNet 0.1",
    ),
    Column(
        title="seam error",
        value=lambda figures: figures.seam_error,
        digits=2,
        meaning="seam error: between the two sides of chart seams, 1/255",
    ),
    Column(
        title="resolution",
        value=lambda figures: figures.resolution,
        digits=3,
        meaning="resolution: share of Nyquist up to which half of the truth's detail is right",
    ),
    Column(
        title="confidence",
        value=lambda figures: figures.confidence,
        digits=2,
        meaning="confidence: its rank correlation with minus the true error",
    ),
    Column(
        title="held-out",
        value=_of("held_out", "correlation"),
        digits=4,
        meaning="held-out: correlation of fine detail with photos not used, at each photo's focus",
    ),
    Column(
        title="held-out resolution",
        value=_of("held_out", "resolution"),
        digits=3,
        meaning="held-out resolution: share of Nyquist up to which it is coherent with them",
    ),
    Column(title="s", value=lambda figures: figures.seconds, digits=1),
    Column(
        title="MiB",
        value=lambda figures: figures.peak_mb,
        digits=0,
        meaning="MiB: the most memory that the whole process held meanwhile",
    ),
    Column(title="GPU MiB", value=lambda figures: figures.gpu_mb, digits=0),
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
        parts.append("; ".join(_meanings(by_subject)) + ".")
    failed = [row for row in evaluation.rows if row.figures is None]
    faults = [f"- **failed**: {_place(row)}: {row.fault}" for row in failed]
    notes = [f"- {note}" for note in evaluation.notes]
    return "\n\n".join([*parts, "\n".join([*faults, *notes])]) + "\n"


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """Give what `--json` prints; infinite PSNR is null, as JSON has no such number."""
    return {"status": evaluation.status, **finite(encode(evaluation))}


def finite(value: Any) -> Any:
    """Put null for the numbers that JSON does not have."""
    match value:
        case dict() as pairs:
            return {key: finite(item) for key, item in pairs.items()}
        case list() as items:
            return [finite(item) for item in items]
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
        first = next(column for column in COLUMNS if _known(column, by_subject))
        lines = [["", *methods]]
        lines += [
            [
                subject,
                *(_cell(first, [found[name]] if name in found else []) for name in methods),
            ]
            for subject, found in by_subject.items()
        ]
        parts += [f"## {first.title} of each", grid(lines)]
    return parts


def _meanings(by_subject: dict[str, dict[str, Figures]]) -> list[str]:
    known = [column for column in COLUMNS if _known(column, by_subject)]
    return [column.meaning for column in known if column.meaning]


def _known(column: Column, by_subject: dict[str, dict[str, Figures]]) -> bool:
    found = (one for figures in by_subject.values() for one in figures.values())
    return any(column.value(one) is not None for one in found)


def _table(found: dict[str, list[Figures]]) -> str:
    """Tell the means of each method; columns of which nothing is known are left out."""
    everything = [one for figures in found.values() for one in figures]
    kept = [
        column for column in COLUMNS if any(column.value(one) is not None for one in everything)
    ]
    lines = [
        [name, *(_cell(column, figures) for column in kept)] for name, figures in found.items()
    ]
    return grid([["method", *(column.title for column in kept)], *lines])


def _cell(column: Column, figures: Sequence[Figures]) -> str:
    """Tell a mean; nothing where one is missing, for the others' would be that of another set."""
    values = [column.value(one) for one in figures]
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return ""
    mean = fmean(known)
    return "exact" if math.isinf(mean) else f"{mean:.{column.digits}f}"


def grid(lines: list[list[str]]) -> str:
    """Write a Markdown table: the heads, then the rows, each with its name first."""
    first, *rest = lines
    ruled = [first, ["---"] + ["---:"] * (len(first) - 1), *rest]
    escaped = ([cell.replace("|", "\\|") for cell in cells] for cells in ruled)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in escaped)


def _place(row: Row) -> str:
    return row.subject if row.method is None else f"{row.subject}, {row.method}"
