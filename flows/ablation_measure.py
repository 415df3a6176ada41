"""One row measured on one set: quality, memory, time and multiplications; and where it is kept."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, final

import torch
from torch.utils.flop_counter import FlopCounterMode

from texsr.flows.ablation_subjects import Subject, read_tile
from texsr.flows.ablation_variants import Answer, UnfitError, Variant
from texsr.flows.cost import Cost, metered
from texsr.flows.handles import decode, encode
from texsr.flows.manifest import texsr_version
from texsr.flows.progress import Progress
from texsr.flows.tile_scores import averaged, planes, score_tiles, stored_like
from texsr.pipeline.dataset import Rgb, TilePixels
from texsr.pipeline.formats.writing import write_file
from texsr.pipeline.stages.measure import Score

ROWS = "rows"
FLOPS_PER_GMAC = 2e9
NOT_THERE = "not in the set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a row says of a set."""

    score: Score
    """Mean over maps."""
    maps: dict[str, Score]
    peak_mb: float | None
    """The most that a tile held above model and inputs; None: the system does not tell."""
    seconds: float
    """A tile, in the mean."""
    gmac: float
    """10^9 multiply-accumulates a tile, matching included: of the first tile of each map."""
    num_tiles: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Figures, or why there are none."""

    figures: Figures | None
    why: str = ""


@final
class Shelf:
    """Rows that are done: the same question is answered once."""

    def __init__(self, folder: Path | None) -> None:
        """Keep them in a folder, one file a row; None: as long as the shelf lives."""
        self.folder = folder
        self.held: dict[str, Found] = {}

    def look(self, key: Mapping[str, Any]) -> Found | None:
        """Give what is kept under a key."""
        name = _name(key)
        if name not in self.held and self.folder is not None:
            path = self.folder / name
            try:
                self.held[name] = decode(Found, json.loads(path.read_text())["found"])
            except (OSError, ValueError, KeyError, TypeError):
                return None  # not there, or not whole: it is measured
        return self.held.get(name)

    def keep(self, key: Mapping[str, Any], found: Found) -> None:
        """Keep what was found.

        Raises:
            OutputError: the folder cannot be written.
        """
        name = _name(key)
        self.held[name] = found
        if self.folder is not None:
            text = json.dumps({"measured": key, "found": encode(found)}, indent=1) + "\n"
            write_file(self.folder / name, text.encode())


def measured(
    variant: Variant, subject: Subject, device: str, shelf: Shelf, progress: Progress
) -> Found:
    """Measure a row on a set, or find it measured.

    Raises:
        TexsrError: a picture cannot be read, or what the row has to be trained for is wrong.
    """
    if variant.exactly and variant.num_references > subject.num_references:
        return Found(figures=None, why=NOT_THERE)
    key = {
        "asked": dict(variant.ways),
        "references": min(variant.num_references, subject.num_references),
        "scale": variant.scale,
        "tiles": subject.sha256,
        "device": device,
        "version": texsr_version(),
    }
    found = shelf.look(key)
    if found is None:
        try:
            found = Found(figures=_figures(variant, subject, device, progress))
        except UnfitError as error:
            found = Found(figures=None, why=str(error))
        shelf.keep(key, found)
    return found


def _figures(variant: Variant, subject: Subject, device: str, progress: Progress) -> Figures:
    asked = _Asked(variant.prepare(), variant.num_references, device)
    maps: dict[str, Score] = {}
    gmac: list[float] = []
    progress("tiles", 0, subject.num_tiles)
    for name, tiles in subject.maps.items():
        gmac.append(asked.gmac(read_tile(tiles[0], variant.scale)))

        def enlarge(pixels: TilePixels) -> Rgb:
            high = asked(pixels)
            progress("tiles", len(asked.costs), subject.num_tiles)
            return high

        maps[name] = score_tiles(enlarge, (read_tile(tile, variant.scale) for tile in tiles))
    held = [cost.above_mb for cost in asked.costs if cost.above_mb is not None]
    return Figures(
        score=averaged(list(maps.values())),
        maps=maps,
        peak_mb=max(held, default=None),
        seconds=fmean(cost.seconds for cost in asked.costs),
        gmac=fmean(gmac),
        num_tiles=len(asked.costs),
    )


@final
class _Asked:
    """An answer that is asked about tiles, and what each took."""

    def __init__(self, answer: Answer, num_references: int, device: str) -> None:
        self.answer, self.num_references, self.device = answer, num_references, device
        self.costs: list[Cost] = []

    def __call__(self, pixels: TilePixels) -> Rgb:
        given = self._given(pixels)
        with metered(self.device) as cost:
            high = self.answer(*given)
        self.costs.append(cost)
        return stored_like(high, pixels.truth)

    @torch.inference_mode()
    def gmac(self, pixels: TilePixels) -> float:
        """Count, and warm up for what is timed."""
        given = self._given(pixels)
        with FlopCounterMode(display=False) as counted:
            self.answer(*given)
        return counted.get_total_flops() / FLOPS_PER_GMAC

    def _given(self, pixels: TilePixels) -> tuple[Any, list[Any], tuple[int, int]]:
        references = [planes(one).to(self.device) for one in pixels.references]
        height, width = pixels.truth.shape[:2]
        low = planes(pixels.low).to(self.device)
        return low, references[: self.num_references], (height, width)


def _name(key: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return f"{digest[:16]}.json"
