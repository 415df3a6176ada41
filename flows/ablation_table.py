"""An ablation as the papers lay their tables out, in Markdown, and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from texsr.flows.ablation_measure import Figures, Found
from texsr.flows.ablation_settings import Table
from texsr.flows.ablation_variants import BICUBIC
from texsr.flows.evaluation_table import grid
from texsr.flows.handles import encode
from texsr.pipeline.stages.measure import Score

HEADS = ("PSNR-Y / SSIM-Y", "MB", "s", "GMAC")
LEGEND = (
    "PSNR-Y (dB) / SSIM-Y on the texels of the mask, mean over maps, of what the network answers: "
    "`texsr run` also makes that true to the low atlas. MB: the most held above model and inputs. "
    "s and GMAC (10^9 multiply-accumulates, matching included): a tile."
)
NOTHING = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a table on one set."""

    table: Table
    model: str
    """As it was named; "": trained for the row."""
    part: str
    label: str
    scale: float
    subject: str
    found: Found


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """What was found."""

    device: str
    threads: int
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    """On the sets, and on what was left out."""

    def as_json(self) -> dict[str, Any]:
        """Give what `--json` prints."""
        return {"status": "done", **encode(self)}


def markdown(found: Ablation) -> str:
    """Write all tables, one below the other, and what is to be known of them."""
    parts: list[str] = []
    for table in dict.fromkeys(row.table for row in found.rows):
        parts.append(f"## {table.title}")
        parts += _grids([row for row in found.rows if row.table is table])
    known = [LEGEND, f"On {found.device}, {found.threads} threads.", *found.notes]
    return "\n\n".join([*parts, "\n".join(f"- {one}" for one in known)]) + "\n"


def _grids(rows: Sequence[Row]) -> Iterator[str]:
    """Write a grid for each model and part, under a line that names them."""
    for model, part in dict.fromkeys((row.model, row.part) for row in rows):
        here = [row for row in rows if (row.model, row.part) == (model, part)]
        named = ", ".join(one for one in (part, f"`{model}`" if model else "") if one)
        layout = _by_scale if here[0].table is Table.CIAOSR else _by_set
        yield f"{named}:\n\n{layout(here)}"


def _by_set(rows: Sequence[Row]) -> str:
    """A row a way, and the sets side by side, as AMRSR's and MASA-SR's tables are."""
    subjects = list(dict.fromkeys(row.subject for row in rows))
    heads = [f"{one}: {head}" if len(subjects) > 1 else head for one in subjects for head in HEADS]
    lines = [["", *heads]]
    for label in dict.fromkeys(row.label for row in rows):
        found = {row.subject: row.found for row in rows if row.label == label}
        lines.append([label, *(cell for one in subjects for cell in _cells(found[one]))])
    return grid(lines)


def _by_scale(rows: Sequence[Row]) -> str:
    """A column a scale, as CiaoSR's tables are."""
    scales = list(dict.fromkeys(row.scale for row in rows))
    lines = [["", *(f"x{scale:g}" for scale in scales)]]
    for subject, label in dict.fromkeys((row.subject, row.label) for row in rows):
        here = {
            row.scale: row.found for row in rows if (row.subject, row.label) == (subject, label)
        }
        columns = [_cells(here[scale]) for scale in scales]
        heads = HEADS[:1] if label == BICUBIC else HEADS  # it costs next to nothing
        for head, cells in zip(heads, zip(*columns, strict=True), strict=False):
            lines.append([f"{subject}, {label}: {head}", *cells])
    return grid(lines)


def _cells(found: Found) -> list[str]:
    figures = found.figures
    if figures is None:
        return [found.why, *[NOTHING] * (len(HEADS) - 1)]
    return [_quality(figures.score), *_costs(figures)]


def _quality(score: Score) -> str:
    return f"{score.psnr_y:.2f} / {score.ssim_y:.4f}"


def _costs(figures: Figures) -> list[str]:
    memory = NOTHING if figures.peak_mb is None else f"{figures.peak_mb:.0f}"
    return [memory, f"{figures.seconds:.2f}", f"{figures.gmac:.2f}"]
