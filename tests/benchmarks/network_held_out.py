"""Do photos left out look more like the network's atlas? `python .../network_held_out.py`

As `held_out.py`, on the real shell, each photo held out once: the atlas made from the others by the
network beside the one by `projection`. Photos that are out of focus cannot tell the truth from its
bicubic enlargement, and prefer what is soft: the mean is told of all photos, and of those on which
the truth gains at least what `held_out.py` asks of a result.
"""

import numpy as np
from common import Answer, Claim, bicubic_of, folder, run, run_with, tell_all, truth_of
from held_out import LEAST_GAIN, NAME, folds, scores
from network_common import SCALE, mean, model_of, network_parser

from texsr.pipeline.capture import Capture
from texsr.pipeline.scene import Scene, paint_from
from texsr.pipeline.stages.load import LoadSettings, load_capture
from texsr.pipeline.stages.superresolve import Upscaler

Row = tuple[str | float | None, ...]
Four = tuple[float, float, float, float]  # bicubic, projection, network, truth


def held_out(
    kept: Capture, left: Capture, truth: np.ndarray, upscaler: Upscaler
) -> dict[str, Four]:
    """Run on some photos and score what the others show, by name."""
    with run(kept) as (done, _):
        projected = np.array(done.textures[0])
    with run_with(upscaler, kept) as ran:
        own = np.array(ran.high)
    low, scene = kept.surface.atlases[0].stored, Scene(kept.surface)
    textures = (bicubic_of(low, truth), projected, own, truth)
    paints = [paint_from([texture]) for texture in textures]
    found: dict[str, Four] = {}
    for view in left.views:
        bicubic, projection, network, true = scores(scene, paints, left, view)
        found[view.name] = bicubic, projection, network, true
    return found


def answer(model: str, found: dict[str, Four]) -> Answer:
    """Sum up all photos."""
    telling = [four for four in found.values() if four[3] - four[0] >= LEAST_GAIN]
    everything = _means([*found.values()])
    sharp = _means(telling)
    told = f"mean of {len(telling)} that can tell"
    rows: list[Row] = [
        (name, *(f"{value:.4f}" for value in four), f"{four[2] - four[1]:+.4f}")
        for name, four in [*found.items(), ("mean", everything), (told, sharp)]
    ]
    claims = [
        _claim(everything, f"in the mean of {len(found)} photos"),
        _claim(sharp, f"in the {told} (the truth is {LEAST_GAIN} above bicubic there)"),
    ]
    return Answer(
        question=f"Do photos left out look more like the atlas of `{model}`?",
        columns=("photo", "bicubic", "projection", model, "truth", "over projection"),
        rows=rows,
        claims=claims,
        inputs={"capture": NAME, "scale": SCALE, "model": model},
        notes="Correlation of high-passed luma (sigma 8 px) inside the eroded silhouette.",
    )


def _means(photos: list[Four]) -> Four:
    bicubic, projection, network, truth = (mean(values) for values in zip(*photos, strict=True))
    return bicubic, projection, network, truth


def _claim(means: Four, where: str) -> Claim:
    _, projection, own, _ = means
    text = f"{own:.4f} {where}, above projection's {projection:.4f}"
    return Claim(text=text, met=own > projection)


def main() -> None:
    """Read the command line."""
    made = network_parser(__doc__)
    made.add_argument("--photos", nargs="+", help="hold out these alone, in one run")
    asked = made.parse_args()
    root = folder(asked.captures, NAME)
    upscaler, (truth, _) = model_of(asked.model), truth_of(root)
    capture = root / "capture"
    sets = [tuple(asked.photos)] if asked.photos else folds(load_capture(capture))
    found: dict[str, Four] = {}
    for names in sets:
        kept = load_capture(capture, LoadSettings(exclude=names))
        left = load_capture(capture, LoadSettings(include=names))
        found |= held_out(kept, left, truth, upscaler)
    tell_all([answer(upscaler.name, found)], asked.json)


if __name__ == "__main__":
    main()
