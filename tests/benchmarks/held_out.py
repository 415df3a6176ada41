"""Does a photo that was left out look more like the result? `python tests/benchmarks/held_out.py`

Three photos of the real shell are held out; the atlas made from the others, its bicubic enlargement
and the truth are drawn from their cameras. The score is the correlation of fine luma detail
(`held_out_score`): plain PSNR is swamped by shading. What is drawn is blurred as far as fits each
photo best: drawn sharp, on photos out of focus the truth loses to its own bicubic enlargement.

Which three are held out matters: of eleven photos, three neighbours gone leave parts of the
surface to none. So nothing is chosen: every fourth photo goes, four times over, until each was held
out once. Nor can every photo decide: the gain of the truth over bicubic stands beside, and on some
photos it is hardly 0.01 itself.
"""

from pathlib import Path

import numpy as np
from common import Answer, Claim, bicubic_of, folder, parser, run, tell, truth_of

from texsr.pipeline.capture import Capture, View
from texsr.pipeline.resemblance import held_out_score
from texsr.pipeline.scene import Paint, Scene, paint_from
from texsr.pipeline.stages.load import LoadSettings, load_capture, load_photo

NAME = "conch_x4"
NUM_FOLDS = 4
LEAST_GAIN = 0.01

Row = tuple[str | float | None, ...]


def scores(scene: Scene, paints: list[Paint], capture: Capture, view: View) -> list[float]:
    """Score what each texture shows of a photo."""
    photo = load_photo(view, mask_erosion_px=capture.mask_erosion_px)
    drawn = scene.draw(paints, view.camera)
    return [held_out_score(photo, one.color, one.hit) for one in drawn]


def folds(capture: Capture) -> list[tuple[str, ...]]:
    """Deal the photos out: each is held out once, beside those farthest from it in the order."""
    names = [view.name for view in capture.views]
    return [tuple(names[start::NUM_FOLDS]) for start in range(NUM_FOLDS)]


def held_out(root: Path, names: tuple[str, ...], truth: np.ndarray) -> list[tuple[Row, Claim]]:
    """Run without some photos and score what they show."""
    kept = load_capture(root, LoadSettings(exclude=names))
    left = load_capture(root, LoadSettings(include=names))
    with run(kept) as (done, _):
        high = np.array(done.textures[0])
    low, scene = kept.surface.atlases[0].stored, Scene(kept.surface)
    paints = [paint_from([texture]) for texture in (bicubic_of(low, truth), high, truth)]
    found: list[tuple[Row, Claim]] = []
    for view in left.views:
        three = scores(scene, paints, left, view)
        gain, best = three[1] - three[0], three[2] - three[0]
        row = (view.name, *(f"{one:.4f}" for one in three), f"{gain:+.4f}", f"{best:+.4f}")
        text = f"{view.name}: {gain:+.4f} over bicubic (at least +{LEAST_GAIN}; truth {best:+.4f})"
        found.append((row, Claim(text=text, met=gain >= LEAST_GAIN)))
    return found


def main() -> None:
    """Read the command line."""
    made = parser(__doc__)
    made.add_argument("--photos", nargs="+", help="hold out these alone, in one run")
    asked = made.parse_args()
    root = folder(asked.captures, NAME)
    truth, _ = truth_of(root)
    sets = [tuple(asked.photos)] if asked.photos else folds(load_capture(root / "capture"))
    found = [one for names in sets for one in held_out(root / "capture", names, truth)]
    tell(
        Answer(
            question="Does a photo that was left out look more like the result?",
            columns=("photo", "bicubic", "projection", "truth", "gain", "gain of the truth"),
            rows=[row for row, _ in found],
            claims=[claim for _, claim in found],
            inputs={"capture": NAME, "scale": 4, "held_out": [list(names) for names in sets]},
            notes="Correlation of high-passed luma (sigma 8 px) inside the eroded silhouette, "
            "what is drawn blurred as fits the photo best.",
        ),
        asked.json,
    )


if __name__ == "__main__":
    main()
