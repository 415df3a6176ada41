"""Is the network better than the best of what it has to beat? `python .../network_quality.py`

Two questions on one run of every validation capture, each with a table of its own:

- PSNR-Y and SSIM-Y on covered texels beside bicubic, the prototype (quoted), SMFANet+ (computed
  from its public weights) and `projection`; seams; whether confidence ranks the error;
- the error that confidence stands for beside the true one, in bins of as many texels each.

At another scale than the captures' own (`--scale 2`) atlases are the truths, reduced; there is no
figure of the prototype then.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from calibration_bins import MOST_OFF, NUM_BINS, Errors, binned, pooled, sampled_errors, worst
from common import Answer, Claim, bicubic_of, run, run_with, tell_all
from network_common import (
    SCALE,
    SINGLE_IMAGE,
    Trial,
    at_scale,
    captures_option,
    mean,
    model_of,
    network_parser,
    read_trial,
    scale_option,
    single_image,
)
from quality import LEAST_SPEARMAN, PROTOTYPE_DB

from texsr.pipeline.stages.measure import Score, luma_error, measure, seam_error, spearman
from texsr.pipeline.stages.superresolve import Upscaler

LEAST_DB = {"conch_x4": 39.5, "skull_x4": 36.2}
MEAN_GAIN_DB = 1.0
PRESET_GAIN_DB = 0.4

Row = tuple[str | float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """What was measured of one capture."""

    name: str
    bicubic: Score
    single: Score
    projection: Score
    preset: Score | None  # another preset of the network; None: not asked for
    own: Score
    spearman: float
    seams: tuple[float, float, float]  # bicubic, truth, network
    errors: Errors
    seconds: float
    scale: int

    @property
    def prototype_db(self) -> float | None:
        """PSNR-Y of the prototype, quoted; None: there is none at this scale."""
        return PROTOTYPE_DB[self.name] if self.scale == SCALE else None

    @property
    def best(self) -> tuple[str, float]:
        """The best of those that are to be beaten, and its PSNR-Y in dB."""
        rivals = {SINGLE_IMAGE: self.single.psnr_y, "projection": self.projection.psnr_y}
        if self.prototype_db is not None:
            rivals["prototype"] = self.prototype_db
        return max(rivals.items(), key=lambda one: one[1])

    @property
    def gain_db(self) -> float:
        """Gain over the best of them."""
        return self.own.psnr_y - self.best[1]

    @property
    def decibels(self) -> tuple[float, ...]:
        """PSNR-Y of bicubic, those that are to be beaten and the network."""
        scores = (self.single, self.projection, self.own)
        quoted = () if self.prototype_db is None else (self.prototype_db,)
        return (self.bicubic.psnr_y, *quoted, *(score.psnr_y for score in scores))

    @property
    def ssims(self) -> tuple[float, ...]:
        """SSIM-Y of all but the prototype."""
        scores = (self.bicubic, self.single, self.projection, self.own)
        return tuple(score.ssim_y for score in scores)


def examine(trial: Trial, upscaler: Upscaler, preset: Upscaler | None) -> Found:
    """Run the network and what it is held against on one capture."""
    surface, truth, mask = trial.capture.surface, trial.truth, trial.mask
    with run(trial.capture, replace(trial.settings, model="projection")) as (done, _):
        given = measure(done.textures[0], truth, mask, low=trial.low)
    assert given.bicubic is not None
    with run_with(upscaler, trial.capture, trial.settings) as ran:
        seen = (bicubic_of(trial.low, truth), truth, ran.high)
        bicubic, true, own = (seam_error(surface, 0, image) for image in seen)
        return Found(
            name=trial.name,
            bicubic=given.bicubic,
            single=measure(single_image(trial), truth, mask).result,
            projection=given.result,
            preset=None if preset is None else other_preset(trial, preset),
            own=measure(ran.high, truth, mask).result,
            spearman=spearman(np.asarray(ran.confidence), luma_error(ran.high, truth), mask),
            seams=(bicubic, true, own),
            errors=sampled_errors(ran.confidence, ran.high, truth, mask & (ran.level > 0)),
            seconds=ran.seconds,
            scale=trial.scale,
        )


def other_preset(trial: Trial, preset: Upscaler) -> Score:
    """Score another preset of the network."""
    with run_with(preset, trial.capture, trial.settings) as ran:
        return measure(ran.high, trial.truth, trial.mask).result


def quality(model: str, preset: str | None, found: list[Found]) -> Answer:
    """Answer whether the network is better than the best of what it has to beat."""
    scale = found[0].scale
    quoted = ("prototype (quoted)",) if scale == SCALE else ()
    columns = ("capture", "bicubic", *quoted, SINGLE_IMAGE, "projection", model)
    columns += ("over the best of them", f"SSIM-Y bicubic / {SINGLE_IMAGE} / projection / {model}")
    columns += ("Spearman", f"seams bicubic / truth / {model}", "s")
    return Answer(
        question=f"Is `{model}` better than the best of what it has to beat{at_scale(scale)}?",
        columns=columns if preset is None else (*columns, preset),
        rows=[*map(_row, found), _means(found)],
        claims=[*_mean_claims(found, preset), *(c for one in found for c in _claims(one))],
        inputs=_inputs(model, found),
        notes="PSNR-Y in dB on covered texels; seam error in 1/255 of the surface's seams.",
    )


def _row(one: Found) -> Row:
    seams = " / ".join(f"{seam:.2f}" for seam in one.seams)
    row: Row = (one.name, *one.decibels, f"{one.gain_db:+.2f}", _ssims(one.ssims))
    row += (f"{one.spearman:.2f}", seams, f"{one.seconds:.0f}")
    return row if one.preset is None else (*row, one.preset.psnr_y)


def _means(found: list[Found]) -> Row:
    decibels = [mean(values) for values in zip(*(one.decibels for one in found), strict=True)]
    ssims = [mean(values) for values in zip(*(one.ssims for one in found), strict=True)]
    row: Row = ("mean", *decibels, f"{mean([one.gain_db for one in found]):+.2f}", _ssims(ssims))
    row += (f"{mean([one.spearman for one in found]):.2f}", None, None)
    presets = [one.preset.psnr_y for one in found if one.preset is not None]
    return (*row, mean(presets)) if presets else row


def _ssims(values: Sequence[float]) -> str:
    return " / ".join(f"{value:.4f}" for value in values)


def _mean_claims(found: list[Found], preset: str | None) -> Iterator[Claim]:
    gain = mean([one.gain_db for one in found])
    text = f"{gain:+.2f} dB over the best of them in the mean of {len(found)} captures"
    yield Claim(text=f"{text} (at least +{MEAN_GAIN_DB})", met=gain >= MEAN_GAIN_DB)
    pairs = [(one.own.psnr_y, one.preset.psnr_y) for one in found if one.preset is not None]
    if pairs:
        more = mean([own - other for own, other in pairs])
        text = f"{more:+.2f} dB over {preset} in the mean (at least +{PRESET_GAIN_DB})"
        yield Claim(text=text, met=more >= PRESET_GAIN_DB)


def _claims(one: Found) -> Iterator[Claim]:
    name, db = one.name, one.own.psnr_y
    which, best = one.best
    yield Claim(text=f"{name}: {db:.2f} dB, not below {which}'s {best:.2f}", met=db >= best)
    if name in LEAST_DB and one.scale == SCALE:
        least = LEAST_DB[name]
        yield Claim(text=f"{name}: {db:.2f} dB (at least {least})", met=db >= least)
    text = f"{name}: Spearman {one.spearman:.2f} (at least {LEAST_SPEARMAN})"
    yield Claim(text=text, met=one.spearman >= LEAST_SPEARMAN)
    *others, seam = one.seams
    text = f"{name}: error across seams {seam:.2f} (at most {max(others):.2f})"
    yield Claim(text=text, met=seam <= max(others))


def calibration(model: str, found: list[Found]) -> Answer:
    """Answer whether confidence stands for the true error."""
    together = binned(pooled([one.errors for one in found]))
    rows: list[Row] = [
        (f"all, bin {number} of {NUM_BINS}", *each, f"{each.off:+.0%}")
        for number, each in enumerate(together, 1)
    ]
    claims: list[Claim] = []
    for name, bins in {"all": together, **{one.name: binned(one.errors) for one in found}}.items():
        each = worst(bins)
        if bins is not together:
            where = f"{name}, worst bin ({bins.index(each) + 1} of {NUM_BINS})"
            rows.append((where, *each, f"{each.off:+.0%}"))
        text = f"{name}: the error expected is off by {each.off:+.0%} in the worst bin"
        claims.append(Claim(text=f"{text} (at most {MOST_OFF:.0%})", met=abs(each.off) <= MOST_OFF))
    return Answer(
        question=f"Is the error of `{model}` what its confidence says{at_scale(found[0].scale)}?",
        columns=("texels", "expected, 1/255", "true, 1/255", "off"),
        rows=rows,
        claims=claims,
        inputs=_inputs(model, found),
        notes="Mean absolute error over RGB of the stored atlas, and what its stored confidence c "
        "stands for: (1 / c - 1) / 60. Covered texels sorted by confidence, the surest first, into "
        f"{NUM_BINS} bins of as many each; of all captures, as many texels of each.",
    )


def _inputs(model: str, found: list[Found]) -> dict[str, object]:
    return {"captures": [one.name for one in found], "scale": found[0].scale, "model": model}


def main() -> None:
    """Read the command line."""
    made = network_parser(__doc__)
    captures_option(made)
    scale_option(made)
    made.add_argument("--over", metavar="MODEL", help="another preset that has to be beaten too")
    asked = made.parse_args()
    upscaler = model_of(asked.model)
    preset = None if asked.over is None else model_of(asked.over)
    trials = (read_trial(asked.captures, name, asked.scale) for name in asked.only)
    found = [examine(trial, upscaler, preset) for trial in trials]
    other = None if preset is None else preset.name
    answers = [quality(upscaler.name, other, found), calibration(upscaler.name, found)]
    tell_all(answers, asked.json)


if __name__ == "__main__":
    main()
