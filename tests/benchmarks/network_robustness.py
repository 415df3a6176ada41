"""Do references that say nothing new, or wrongly, change much? `python .../network_robustness.py`

On tiles of validation captures, prepared as a run prepares them, PSNR-Y over all of them together:

- four references that show another object (weights, angles and trust stay those of the photos in
  whose place they stand) beside none;
- one reference at gains of 0.7 to 1.3 and offsets of -20 to 20 over 255, beside itself. Not
  clipped: what a photo lost in white is no question of its light. Clipped ones stand beside.
- one reference twice, and all in another order: the largest difference of any texel.

And on whole captures (`--parts tiling`), whether tiles of several sizes give the same atlas.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from common import Answer, Claim, run_with, tell_all
from network_common import (
    SCALE,
    Trial,
    captures_option,
    model_of,
    network_parser,
    read_trial,
)
from network_tiles import Piece, as_photo, edited, fitted, pieces_of, subset

from texsr.flows.settings import RunSettings
from texsr.models.resample import enlarge
from texsr.pipeline.references import Warped
from texsr.pipeline.similarity import luma_plane
from texsr.pipeline.stages.superresolve import Upscaler

PARTS = ("references", "tiling")
NUM_REFERENCES = 4
GAINS, OFFSETS = (0.7, 1.0, 1.3), (-20, 0, 20)
MOST_IRRELEVANT_DB, MOST_LIGHT_DB = 0.05, 0.1
MOST_SAME = 1e-5
SIZES_TX = (64, 96, 128, 512)
MOST_TILING = 1  # 1/255

Row = tuple[str | float | None, ...]
Edit = Callable[[int, Piece], Warped | None]  # of the number of a piece, and the piece


def psnr(upscaler: Upscaler, pieces: list[Piece], edit: Edit) -> float:
    """Score pieces together whose references were edited; PSNR-Y in dB."""
    squared, count = 0.0, 0
    for number, piece in enumerate(pieces):
        made = piece.stored(upscaler, edit(number, piece))
        error = (luma_plane(made) - luma_plane(piece.truth))[piece.mask]
        squared, count = squared + float((error**2).sum()), count + error.size
    return 10.0 * math.log10(255.0**2 * count / max(squared, 1e-9))


def of_another(donors: list[Piece]) -> Edit:
    """Put what photos show of another object into the references of a piece.

    Where those photos see nothing of it, its own atlas stands in: no empty texel gives them away.
    """

    def edit(number: int, piece: Piece) -> Warped:
        donor = donors[number % len(donors)]
        base = enlarge(donor.low, SCALE)
        foreign = torch.where(donor.references.weight[:, :, None] > 0, donor.references.color, base)
        num_own, num_foreign = piece.references.color.shape[1], foreign.shape[1]
        rolled = [
            foreign[:, index % num_foreign].roll((37 * index, 53 * index), (2, 3))
            for index in range(num_own)
        ]
        color = torch.stack(rolled, 1).clamp(0.0, 1.0)
        return edited(piece.references, color, [as_photo(one) for one in color[0]])

    return edit


def in_light(gain: float, offset: int, *, clipped: bool) -> Edit:
    """Take the reference that sees most, in another light."""

    def edit(_: int, piece: Piece) -> Warped:
        one = subset(piece.references, [0])
        color = one.color * gain + offset / 255.0
        pixels = one.parts[0].pixels.float() * gain + offset
        if clipped:
            color, pixels = color.clamp(0.0, 1.0), pixels.clamp(0.0, 255.0)
        return edited(one, color, [replace(one.parts[0], pixels=pixels)])

    return edit


def largest_difference(
    upscaler: Upscaler, pieces: list[Piece], order: Callable[[int], list[int]]
) -> float:
    """Tell how much anything that an upscaler answers changes with the order of references.

    Args:
        upscaler: what is asked.
        pieces: where.
        order: of a number of references, the indices to hand in instead; one may come twice.
    """
    worst = 0.0
    for piece in pieces:
        plain = upscaler(piece.low, piece.references, SCALE)
        count = piece.references.color.shape[1]
        other = upscaler(piece.low, subset(piece.references, order(count)), SCALE)
        for name in ("high", "confidence", "evidence"):
            change = getattr(plain, name) - getattr(other, name)
            worst = max(worst, float(change.abs().max()))
    return worst


def references_of(
    upscaler: Upscaler, trial: Trial, other: Trial, num_tiles: int
) -> Iterator[tuple[Row, Claim | None]]:
    """Edit the references of tiles of a capture."""
    pieces = pieces_of(trial, upscaler, NUM_REFERENCES, num_tiles)
    donors = pieces_of(other, upscaler, NUM_REFERENCES, num_tiles)
    upscaler = fitted(upscaler, pieces)
    yield _decided(
        (trial.name, f"four references of {other.name}", "none"),
        psnr(upscaler, pieces, lambda *_: None),
        psnr(upscaler, pieces, of_another(donors)),
        MOST_IRRELEVANT_DB,
    )
    plain = psnr(upscaler, pieces, in_light(1.0, 0, clipped=False))
    for gain in GAINS:
        for offset in OFFSETS:
            if (gain, offset) != (1.0, 0):
                what = f"one reference at {gain:g} {offset:+d}/255"
                said = (trial.name, what, "itself")
                light = in_light(gain, offset, clipped=False)
                yield _decided(said, plain, psnr(upscaler, pieces, light), MOST_LIGHT_DB)
                light = in_light(gain, offset, clipped=True)
                said = (trial.name, f"{what}, clipped", "itself")
                yield _decided(said, plain, psnr(upscaler, pieces, light), None)
    for what, order in (
        ("one of them twice", lambda count: [*range(count), 0]),
        ("another order", lambda count: list(range(count))[::-1]),
    ):
        worst = largest_difference(upscaler, pieces, order)
        text = f"{trial.name}: {what} changes {worst:.1e} at most ({MOST_SAME:.0e})"
        row: Row = (trial.name, what, "themselves", None, None, f"{worst:.1e} at most")
        yield row, Claim(text=text, met=worst <= MOST_SAME)


def _decided(
    said: tuple[str, str, str], before: float, after: float, most: float | None
) -> tuple[Row, Claim | None]:
    name, what, beside = said
    change = after - before
    row: Row = (name, what, beside, before, after, f"{change:+.3f}")
    if most is None:
        return row, None
    text = f"{name}: {what}, {change:+.3f} dB from {beside} (within {most})"
    return row, Claim(text=text, met=abs(change) <= most)


def references(upscaler: Upscaler, trials: list[Trial], others: list[Trial], tiles: int) -> Answer:
    """Answer what edited references change."""
    found = [
        one
        for trial, other in zip(trials, others, strict=True)
        for one in references_of(upscaler, trial, other, tiles)
    ]
    return Answer(
        question=f"Do references that say nothing new, or wrongly, change `{upscaler.name}`?",
        columns=("capture", "references", "beside", "before, dB", "now, dB", "difference"),
        rows=[row for row, _ in found],
        claims=[claim for _, claim in found if claim is not None],
        inputs={
            "captures": [trial.name for trial in trials],
            "tiles": tiles,
            "references": NUM_REFERENCES,
            "model": upscaler.name,
        },
        notes="PSNR-Y in dB on the covered texels of the tiles' cores. Photos of another object "
        "keep the weights and the trust of those in whose place they stand.",
    )


def tiling(upscaler: Upscaler, trials: list[Trial]) -> Answer:
    """Answer whether the size of tiles shows."""
    rows: list[Row] = []
    claims: list[Claim] = []
    for trial in trials:
        for size, most, share in tilings(upscaler, trial):
            rows.append((trial.name, f"{SIZES_TX[0]} and {size}", str(most), f"{share:.5f}"))
            text = f"{trial.name}: tiles of {SIZES_TX[0]} and {size} differ by {most} at most"
            claims.append(Claim(text=f"{text} ({MOST_TILING})", met=most <= MOST_TILING))
    return Answer(
        question=f"Does the tiling of `{upscaler.name}` show?",
        columns=("capture", "tile sizes", "largest difference, 1/255", "texels that differ by > 1"),
        rows=rows,
        claims=claims,
        inputs={
            "captures": [trial.name for trial in trials],
            "scale": SCALE,
            "tile_sizes_tx": list(SIZES_TX),
            "model": upscaler.name,
        },
        notes="Low texels; the largest size is a whole atlas in one tile.",
    )


def tilings(upscaler: Upscaler, trial: Trial) -> Iterator[tuple[int, int, float]]:
    """Give tile size, largest difference in 1/255, and share of covered texels above what may."""
    first: np.ndarray | None = None
    for size in SIZES_TX:
        settings = replace(RunSettings(), tile_size_tx=size)
        with run_with(upscaler, trial.capture, settings) as ran:
            high, covered = np.array(ran.high, np.int16), ran.level > 0
            if first is None:
                first = high
                continue
            change = np.abs(high - first)[covered].max(axis=1)
            yield size, int(change.max()), float((change > MOST_TILING).mean())


def main() -> None:
    """Read the command line."""
    made = network_parser(__doc__)
    captures_option(made, "tea_d07", "conch_x4", "bowl_d05")
    made.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    made.add_argument("--tiles", type=int, default=8, help="of every capture, for the references")
    asked = made.parse_args()
    upscaler = model_of(asked.model)
    trials = [read_trial(asked.captures, name) for name in asked.only]
    others = ["poker_d07" if name != "poker_d07" else "tea_d07" for name in asked.only]
    answers: list[Answer] = []
    if "references" in asked.parts:
        donors = [read_trial(asked.captures, name) for name in others]
        answers.append(references(upscaler, trials, donors, asked.tiles))
    if "tiling" in asked.parts:
        answers.append(tiling(upscaler, trials))
    tell_all(answers, asked.json)


if __name__ == "__main__":
    main()
