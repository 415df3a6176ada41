"""What does every reference bring the network? `python tests/benchmarks/network_references.py`

Two questions on the validation captures, each with a table of its own (`--parts`):

- alone: without references, beside bicubic and SMFANet+ (computed from its public weights);
- counts: with 1, 2, 3, 4, 6 and 8 references, in the order in which a run chooses them. A model
  that asks for fewer is handed them all the same.
"""

from dataclasses import replace
from itertools import pairwise

from common import Answer, Claim, bicubic_of, run_with, tell_all
from network_common import (
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

from texsr.flows.ablations import Unlimited
from texsr.pipeline.stages.measure import measure
from texsr.pipeline.stages.superresolve import Upscaler

PARTS = ("alone", "counts")
COUNTS = (1, 2, 3, 4, 6, 8)
MOST_BELOW_SINGLE_DB = 0.5
MOST_LOST_DB, GAIN_DB = 0.02, 0.5

Row = tuple[str | float | None, ...]


def scored(trial: Trial, upscaler: Upscaler, count: int) -> float:
    """Run with so many references a cell of the surface; PSNR-Y in dB."""
    settings = replace(trial.settings, references=count)
    with run_with(Unlimited(inner=upscaler), trial.capture, settings) as ran:
        return measure(ran.high, trial.truth, trial.mask).result.psnr_y


def given(trial: Trial) -> tuple[float, float]:
    """Score bicubic and SMFANet+; PSNR-Y in dB."""
    truth, mask = trial.truth, trial.mask
    images = bicubic_of(trial.low, truth), single_image(trial)
    bicubic, single = (measure(image, truth, mask).result.psnr_y for image in images)
    return bicubic, single


def alone(upscaler: Upscaler, trials: list[Trial]) -> Answer:
    """Answer how good the network is without references."""
    figures = [(*given(trial), scored(trial, upscaler, 0)) for trial in trials]
    means = tuple(mean(values) for values in zip(*figures, strict=True))
    names = [*(trial.name for trial in trials), "mean"]
    rows: list[Row] = [
        (name, *three, f"{three[2] - three[1]:+.2f}")
        for name, three in zip(names, [*figures, means], strict=True)
    ]
    claims = [
        Claim(text=f"{name}: {own:.2f} dB, above bicubic's {bicubic:.2f}", met=own > bicubic)
        for name, (bicubic, _, own) in zip(names, figures, strict=False)
    ]
    off = means[2] - means[1]
    text = f"{off:+.2f} dB from {SINGLE_IMAGE} in the mean (at least -{MOST_BELOW_SINGLE_DB})"
    claims.append(Claim(text=text, met=off >= -MOST_BELOW_SINGLE_DB))
    return Answer(
        question=f"How good is `{upscaler.name}` without any reference{at_scale(trials[0].scale)}?",
        columns=("capture", "bicubic", SINGLE_IMAGE, upscaler.name, f"over {SINGLE_IMAGE}"),
        rows=rows,
        claims=claims,
        inputs=_inputs(upscaler, trials),
        notes="PSNR-Y in dB on covered texels.",
    )


def counts(upscaler: Upscaler, trials: list[Trial]) -> Answer:
    """Answer what every further reference brings."""
    figures = [[scored(trial, upscaler, count) for count in COUNTS] for trial in trials]
    means = [mean(values) for values in zip(*figures, strict=True)]
    rows: list[Row] = [(t.name, *values) for t, values in zip(trials, figures, strict=True)]
    claims: list[Claim] = []
    for (before, after), (old, new) in zip(pairwise(COUNTS), pairwise(means), strict=True):
        text = f"{before} to {after} references: {new - old:+.3f} dB (at least -{MOST_LOST_DB})"
        claims.append(Claim(text=text, met=new - old >= -MOST_LOST_DB))
    gain, scale = means[-1] - means[0], trials[0].scale
    text = f"{COUNTS[0]} to {COUNTS[-1]} references: {gain:+.2f} dB (at least +{GAIN_DB})"
    claims.append(Claim(text=text, met=gain >= GAIN_DB))
    return Answer(
        question=f"What does every further reference bring `{upscaler.name}`{at_scale(scale)}?",
        columns=("capture", *(f"{count}" for count in COUNTS)),
        rows=[*rows, ("mean", *means)],
        claims=claims,
        inputs={**_inputs(upscaler, trials), "limit_of_the_model": upscaler.max_references},
        notes="PSNR-Y in dB on covered texels; references that a cell of the surface may use, in "
        "the order in which a run chooses them. What the model was handed beyond its own limit it "
        "used; a run would not have.",
    )


def _inputs(upscaler: Upscaler, trials: list[Trial]) -> dict[str, object]:
    names = [trial.name for trial in trials]
    return {"captures": names, "scale": trials[0].scale, "model": upscaler.name}


def main() -> None:
    """Read the command line."""
    made = network_parser(__doc__)
    captures_option(made)
    scale_option(made)
    made.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    asked = made.parse_args()
    upscaler = model_of(asked.model)
    trials = [read_trial(asked.captures, name, asked.scale) for name in asked.only]
    answers = {"alone": alone, "counts": counts}
    tell_all([answers[part](upscaler, trials) for part in PARTS if part in asked.parts], asked.json)


if __name__ == "__main__":
    main()
