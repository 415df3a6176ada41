"""Does a photo that was left out look more like the result? `python tests/benchmarks/held_out.py`

Three photos of the real shell are held out; the atlas made from the others, its bicubic enlargement
and the truth are drawn from their cameras. The score is the correlation of fine luma detail
(`held_out_score`): plain PSNR is swamped by shading.

Not every photo can decide: `--survey` tells, without a run, how far the truth itself is above
bicubic on each. The three held out are spread over the seven photos where that is 0.01 or more; on
the other four (5, 42, 71, 86) the truth is at +0.002, +0.009, -0.003 and -0.015.
"""

import numpy as np
from common import Answer, Claim, bicubic_of, folder, parser, run, tell, truth_of

from texsr.pipeline.capture import Capture, View
from texsr.pipeline.scene import Paint, Scene, paint_from
from texsr.pipeline.stages.load import LoadSettings, load_capture, load_photo
from texsr.pipeline.stages.measure import held_out_score

NAME = "conch_x4"
HELD_OUT = ("Conch_20.jpg", "Conch_35.jpg", "Conch_64.jpg")
LEAST_GAIN = 0.01

Row = tuple[str | float | None, ...]


def scores(scene: Scene, paints: list[Paint], capture: Capture, view: View) -> list[float]:
    """Score what each texture shows of a photo."""
    photo = load_photo(view, mask_erosion_px=capture.mask_erosion_px)
    drawn = scene.draw(paints, view.camera)
    return [held_out_score(photo, one.color, one.hit) for one in drawn]


def survey(capture: Capture, truth: np.ndarray) -> Answer:
    """Tell what each photo could show at best."""
    low, scene = capture.surface.atlases[0].stored, Scene(capture.surface)
    paints = [paint_from([texture]) for texture in (bicubic_of(low, truth), truth)]
    rows: list[Row] = []
    for view in capture.views:
        before, best = scores(scene, paints, capture, view)
        rows.append((view.name, f"{before:.4f}", f"{best:.4f}", f"{best - before:+.4f}"))
    return Answer(
        question="On which photos of the shell can the truth be told from bicubic?",
        columns=("photo", "bicubic", "truth", "gain of the truth"),
        rows=rows,
        claims=[],
        inputs={"capture": NAME},
    )


def held_out(kept: Capture, left: Capture, truth: np.ndarray) -> Answer:
    """Run on the photos kept and score those left out."""
    with run(kept) as (done, _):
        high = np.array(done.textures[0])
    low, scene = kept.surface.atlases[0].stored, Scene(kept.surface)
    paints = [paint_from([texture]) for texture in (bicubic_of(low, truth), high, truth)]
    rows: list[Row] = []
    claims: list[Claim] = []
    for view in left.views:
        found = scores(scene, paints, left, view)
        gain, best = found[1] - found[0], found[2] - found[0]
        rows.append((view.name, *(f"{one:.4f}" for one in found), f"{gain:+.4f}", f"{best:+.4f}"))
        text = f"{view.name}: {gain:+.4f} over bicubic (at least +{LEAST_GAIN})"
        claims.append(Claim(text=text, met=gain >= LEAST_GAIN))
    return Answer(
        question="Does a photo that was left out look more like the result?",
        columns=("photo", "bicubic", "projection", "truth", "gain", "gain of the truth"),
        rows=rows,
        claims=claims,
        inputs={"capture": NAME, "scale": 4, "held_out": [view.name for view in left.views]},
        notes="Correlation of high-passed luma (sigma 8 px) inside the eroded silhouette.",
    )


def main() -> None:
    """Read the command line."""
    made = parser(__doc__)
    made.add_argument("--photos", nargs="+", default=HELD_OUT, help="which to hold out")
    made.add_argument("--survey", action="store_true", help="no run: what can be told at best")
    asked = made.parse_args()
    root, names = folder(asked.captures, NAME), tuple(asked.photos)
    truth, _ = truth_of(root)
    if asked.survey:
        answer = survey(load_capture(root / "capture"), truth)
    else:
        kept = load_capture(root / "capture", LoadSettings(exclude=names))
        answer = held_out(kept, load_capture(root / "capture", LoadSettings(include=names)), truth)
    tell(answer, asked.json)


if __name__ == "__main__":
    main()
