"""What are four unaligned photos worth on texture maps? `published_quality.py --set DIR`

On the tiles of `texture_map_set.py`, in the manner of AMRSR's table: bicubic, as it is and made
true to the low tile, SMFANet+, and every model named by `--model`, without references and with the
four crops of its tile, none of which is aligned; how they lie is looked for as `texsr enlarge` does
it, unless `--as-given` is said. What models of the project answer is made true to the low tile,
which alone beats bicubic: they are held against both. Each tile is given alone.
PSNR-Y and SSIM-Y on the tile's mask by the rules of `measure`; inside a capture squared errors and
similarities are added up over its tiles, and the last column is the mean over captures. Several
sets (crops turned, crops as photographed) give a table each.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, final

import torch
from common import NAMES, Answer, Claim, tell_all
from network_common import SCALE, SINGLE_IMAGE, WEIGHTS
from texture_map_set import NUM_REFERENCES, find_tiles

from texsr.flows.model_choice import shipped_folder
from texsr.flows.photo_stances import photo_of
from texsr.flows.pictures import references_for
from texsr.flows.sharpen import build_upscaler
from texsr.flows.tile_scores import (
    Enlarge,
    averaged,
    bicubic,
    planes,
    score_tiles,
    stored_like,
)
from texsr.models.architectures import choose
from texsr.models.checkpoint import read_checkpoint
from texsr.models.resample import enlarge_faithfully
from texsr.models.smfanet import read_smfanet
from texsr.pipeline.dataset import Rgb, TextureTile, TilePixels
from texsr.pipeline.formats.texture_map_folders import read_texture_maps, read_texture_tile
from texsr.pipeline.references import Cropped
from texsr.pipeline.stages.measure import Score
from texsr.pipeline.stages.superresolve import Upscaler

BICUBIC, FAITHFUL = "bicubic", "bicubic, made true to the low tile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One row: what is asked, and what it is given."""

    name: str
    num_references: int
    steps: int | None  # that it was trained for, where that is known
    enlarge: Enlarge


def baselines() -> list[Method]:
    """Give what every model is held against."""
    single = read_smfanet(WEIGHTS)

    def enlarged(pixels: TilePixels) -> Rgb:
        return stored_like(single(planes(pixels.low)[None])[0], pixels.truth)

    def faithful(pixels: TilePixels) -> Rgb:
        high = enlarge_faithfully(planes(pixels.low)[None], SCALE)[0]
        return stored_like(high, pixels.truth)

    return [
        Method(name=BICUBIC, num_references=0, steps=None, enlarge=bicubic),
        Method(name=FAITHFUL, num_references=0, steps=None, enlarge=faithful),
        Method(name=SINGLE_IMAGE, num_references=0, steps=None, enlarge=enlarged),
    ]


@final
class Laying:
    """Lays the photos of a tile once, for all models."""

    def __init__(self, *, as_given: bool) -> None:
        self.as_given = as_given
        self._known: dict[bytes, Cropped] = {}

    def __call__(self, pixels: TilePixels, upscaler: Upscaler) -> Cropped:
        """Give them as they are handed to a model."""
        known = sha256(b"".join(one.tobytes() for one in (pixels.low, *pixels.references))).digest()
        if known not in self._known:
            photos = [photo_of(one) for one in pixels.references[:NUM_REFERENCES]]
            laid = references_for(pixels.low, photos, upscaler, SCALE, as_given=self.as_given)
            self._known[known] = Cropped(photos=[]) if laid is None else laid.references
        return self._known[known]


def methods_of(asked: str, laying: Laying) -> list[Method]:
    """Give a model without references and, where it takes any, with four."""
    upscaler, steps = build_upscaler(asked, "cpu"), steps_of(asked)
    counts = (0,) if upscaler.max_references == 0 else (0, NUM_REFERENCES)
    return [
        Method(
            name=upscaler.name,
            num_references=count,
            steps=steps,
            enlarge=given(upscaler, laying if count else None),
        )
        for count in counts
    ]


def given(upscaler: Upscaler, laying: Laying | None) -> Enlarge:
    """Ask a model with the references of each tile; None: without."""

    def enlarge(pixels: TilePixels) -> Rgb:
        references = None if laying is None else laying(pixels, upscaler)
        high = upscaler(planes(pixels.low)[None], references, SCALE).high[0]
        return stored_like(high, pixels.truth)

    return enlarge


def steps_of(asked: str) -> int | None:
    """Look up how long a checkpoint was trained; None where it does not say."""
    chosen = choose(asked, shipped=shipped_folder())
    recipe = {} if chosen.path is None else read_checkpoint(chosen.path).facts.get("recipe", {})
    steps = recipe.get("steps taken") if isinstance(recipe, dict) else None
    return steps if isinstance(steps, int) else None


def claims(found: dict[tuple[str, int], Score]) -> list[Claim]:
    """Hold each model with its references against itself without, and against both bicubics."""
    decided: list[Claim] = []
    for (name, count), score in found.items():
        if count:
            floors = {"itself without": name, BICUBIC: BICUBIC, FAITHFUL: FAITHFUL}
            for told, floor in floors.items():
                over = score.psnr_y - found[floor, 0].psnr_y
                text = f"{name}, {count} references: {score.psnr_y:.3f} dB in the mean, "
                decided.append(Claim(text=f"{text}{over:+.3f} over {told} (above 0)", met=over > 0))
    return decided


def answer(
    methods: Sequence[Method], tiles: dict[str, list[TextureTile]], *, turned: bool, as_given: bool
) -> Answer:
    """Score every method on every capture."""
    rows: list[tuple[str | float | None, ...]] = []
    means: dict[tuple[str, int], Score] = {}
    for method in methods:
        scores = [
            score_tiles(method.enlarge, map(read_texture_tile, each)) for each in tiles.values()
        ]
        whole = averaged(scores)
        means[method.name, method.num_references] = whole
        steps = None if method.steps is None else f"{method.steps:,}"
        cells = [f"{one.psnr_y:.2f} / {one.ssim_y:.4f}" for one in (*scores, whole)]
        rows.append((method.name, f"{method.num_references}", steps, *cells))
        sys.stderr.write(f"{rows[-1]}\n")
    inputs: dict[str, Any] = {
        "tiles": ", ".join(f"{len(each)} of {name}" for name, each in tiles.items()),
        "low tile": "64²",
        "scale": SCALE,
        "photos laid": "as given" if as_given else "as found",
        "threads": torch.get_num_threads(),
    }
    stand = "turned as the tile stands" if turned else "left as photographed"
    return Answer(
        question=f"What are four unaligned photos worth on texture maps, {stand}?",
        columns=("", "references", "steps trained", *tiles, "mean"),
        rows=rows,
        claims=claims(means),
        inputs=inputs,
        notes="PSNR-Y in dB / SSIM-Y on covered texels, as in AMRSR's table, whose sets were never "
        "published: these are tiles of our validation captures (`texture_map_set.py`), x4. No "
        "network is told where in a tile a crop belongs. What models of the project answer is made "
        "true to the low tile, which alone beats bicubic. The crops of a tile are laid as `texsr "
        "enlarge` lays photos, unless they are given as they are.",
    )


def main() -> None:
    """Read the command line."""
    made = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    made.add_argument("--json", type=Path, help="where to store the answer")
    made.add_argument(
        "--set", type=Path, nargs="+", required=True, help="what texture_map_set.py made"
    )
    made.add_argument("--model", nargs="+", default=["fast"], help="names or checkpoint files")
    made.add_argument("--as-given", action="store_true", help="do not look how photos lie")
    made.add_argument("--only", nargs="+", choices=NAMES, help="captures; all")
    asked = made.parse_args()
    laying = Laying(as_given=asked.as_given)
    methods = [*baselines(), *(one for model in asked.model for one in methods_of(model, laying))]
    answers: list[Answer] = []
    for root in asked.set:
        found = find_tiles(root)
        tiles = {name: found[name] for name in asked.only or found}
        turned = read_texture_maps(root).turned
        answers.append(answer(methods, tiles, turned=turned, as_given=asked.as_given))
    tell_all(answers, asked.json)


if __name__ == "__main__":
    main()
