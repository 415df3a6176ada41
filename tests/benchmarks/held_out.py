"""Does a photo that was left out look more like the result? `python tests/benchmarks/held_out.py`

Three photos of the real shell are held out; the atlas made from the others, its bicubic enlargement
and the truth are drawn from their cameras. The score is the correlation of fine luma detail
(`held_out_score`): plain PSNR is swamped by shading.
"""

from collections.abc import Sequence

import numpy as np
from common import NAMES, Answer, Claim, bicubic_of, folder, parser, run, tell, truth_of

from texsr.pipeline.capture import View
from texsr.pipeline.scene import Scene, paint_from
from texsr.pipeline.stages.load import LoadSettings, load_capture, load_photo
from texsr.pipeline.stages.measure import held_out_score

NUM_HELD_OUT = 3
LEAST_GAIN = 0.01


def held_out(views: Sequence[View]) -> list[str]:
    """Choose the photos to hold out: spread evenly over the capture's order."""
    step = len(views) / NUM_HELD_OUT
    return [views[int(step * (i + 0.5))].name for i in range(NUM_HELD_OUT)]


def main() -> None:
    """Read the command line."""
    made = parser(__doc__)
    made.add_argument("--only", choices=NAMES, default="conch_x4")
    made.add_argument("--photos", nargs="+", help="which to hold out; default: spread evenly")
    asked = made.parse_args()
    root = folder(asked.captures, asked.only)
    names = asked.photos or held_out(load_capture(root / "capture").views)
    kept = load_capture(root / "capture", LoadSettings(exclude=tuple(names)))
    left = load_capture(root / "capture", LoadSettings(include=tuple(names)))
    truth, _ = truth_of(root)
    with run(kept) as (done, _):
        high = np.array(done.textures[0])
    low = kept.surface.atlases[0].stored
    scene = Scene(kept.surface)
    paints = [paint_from([texture]) for texture in (bicubic_of(low, truth), high, truth)]
    rows: list[tuple[str | float | None, ...]] = []
    claims: list[Claim] = []
    for view in left.views:
        photo = load_photo(view, mask_erosion_px=left.mask_erosion_px)
        drawn = scene.draw(paints, view.camera)
        scores = [held_out_score(photo, one.color, one.hit) for one in drawn]
        gain = scores[1] - scores[0]
        rows.append((view.name, *(f"{score:.4f}" for score in scores), f"{gain:+.4f}"))
        text = f"{view.name}: {gain:+.4f} over bicubic (at least +{LEAST_GAIN})"
        claims.append(Claim(text=text, met=gain >= LEAST_GAIN))
    tell(
        Answer(
            question="Does a photo that was left out look more like the result?",
            columns=("photo", "bicubic", "projection", "truth", "gain"),
            rows=rows,
            claims=claims,
            inputs={"capture": asked.only, "scale": 4, "held_out": names},
            notes="Correlation of high-passed luma (sigma 8 px) inside the eroded silhouette.",
        ),
        asked.json,
    )


if __name__ == "__main__":
    main()
