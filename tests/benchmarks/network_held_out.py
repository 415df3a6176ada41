"""Do photos left out look more like the network's atlas? `python .../network_held_out.py`

As `held_out.py`, on the real shell, each photo held out once: the atlas made from the others by the
network beside the one by `projection`. Beside the score, which blurs what is drawn as fits the
photo best, stands the correlation with what is drawn as it is: there photos out of focus prefer
what is soft, to the truth too.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from common import Answer, Claim, bicubic_of, folder, run, run_with, tell_all, truth_of
from held_out import NAME, folds
from network_common import SCALE, mean, model_of, network_parser

from texsr.pipeline.capture import Capture, View
from texsr.pipeline.resemblance import correlations
from texsr.pipeline.scene import Paint, Scene, paint_from
from texsr.pipeline.stages.load import LoadSettings, load_capture, load_photo
from texsr.pipeline.stages.superresolve import Upscaler

Row = tuple[str | float | None, ...]
Four = tuple[float, float, float, float]  # bicubic, projection, network, truth


class Scored(NamedTuple):
    """What four textures show of one photo."""

    focused: Four  # what is drawn blurred as fits best: `held_out_score`
    plain: Four  # drawn as it is
    sigma_px: float  # of the blur that fits the truth best


def held_out(
    kept: Capture, left: Capture, truth: np.ndarray, upscaler: Upscaler
) -> dict[str, Scored]:
    """Run on some photos and score what the others show, by name."""
    with run(kept) as (done, _):
        projected = np.array(done.textures[0])
    with run_with(upscaler, kept) as ran:
        own = np.array(ran.high)
    low, scene = kept.surface.atlases[0].stored, Scene(kept.surface)
    textures = (bicubic_of(low, truth), projected, own, truth)
    paints = [paint_from([texture]) for texture in textures]
    return {view.name: _scored(scene, paints, left, view) for view in left.views}


def _scored(scene: Scene, paints: list[Paint], capture: Capture, view: View) -> Scored:
    photo = load_photo(view, mask_erosion_px=capture.mask_erosion_px)
    drawn = scene.draw(paints, view.camera)
    found = [correlations(photo, one.color, one.hit) for one in drawn]
    true = found[-1]
    return Scored(
        focused=_four([max(one.values()) for one in found]),
        plain=_four([one[0.0] for one in found]),
        sigma_px=max(true, key=lambda sigma: true[sigma]),
    )


def _four(values: Sequence[float]) -> Four:
    bicubic, projection, network, truth = values
    return bicubic, projection, network, truth


def answer(model: str, found: dict[str, Scored]) -> Answer:
    """Sum up all photos."""
    mean_of = _mean([*found.values()])
    rows = [_row(name, one) for name, one in [*found.items(), ("mean", mean_of)]]
    ahead = sum(one.focused[2] > one.focused[1] for one in found.values())
    claims = [
        _claim(mean_of.focused, f"in the mean of {len(found)} photos ({ahead} by themselves)"),
        _claim(mean_of.plain, "with what is drawn as it is"),
    ]
    return Answer(
        question=f"Do photos left out look more like the atlas of `{model}`?",
        columns=(
            *("photo", "bicubic", "projection", model, "truth", "over projection", "blur, px"),
            f"drawn as it is: bicubic / projection / {model} / truth",
        ),
        rows=rows,
        claims=claims,
        inputs={"capture": NAME, "scale": SCALE, "model": model},
        notes="Correlation of high-passed luma (sigma 8 px) inside the eroded silhouette, what is "
        "drawn blurred by the Gaussian that fits the photo best; its sigma for the truth.",
    )


def _row(name: str, one: Scored) -> Row:
    told = (*(f"{value:.4f}" for value in one.focused), f"{one.focused[2] - one.focused[1]:+.4f}")
    plain = " / ".join(f"{value:.4f}" for value in one.plain)
    return (name, *told, f"{one.sigma_px:.1f}", plain)


def _mean(photos: list[Scored]) -> Scored:
    focused, plain = (
        _four([mean(values) for values in zip(*four, strict=True)])
        for four in ([one.focused for one in photos], [one.plain for one in photos])
    )
    return Scored(focused, plain, mean([one.sigma_px for one in photos]))


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
    found: dict[str, Scored] = {}
    for names in sets:
        kept = load_capture(capture, LoadSettings(exclude=names))
        left = load_capture(capture, LoadSettings(include=names))
        found |= held_out(kept, left, truth, upscaler)
    tell_all([answer(upscaler.name, found)], asked.json)


if __name__ == "__main__":
    main()
