"""Does bad input cost much? `python tests/benchmarks/hostile.py [--only NAME...]`

Variants of validation captures, written as captures and loaded as such (derive_capture.py):

- masked: silhouettes as masks, noise in place of the background;
- decoys: two photos of another object among the others;
- baked: the low atlas blended from the photos; scored beside the bicubic enlargement of that atlas;
- half: only the photos of one side; what none sees is compared with the run that has no references.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from common import NAMES, Answer, Claim, folder, parser, run, tell, truth_of
from derive_capture import derive
from jaxtyping import Bool
from scipy.ndimage import distance_transform_edt

from texsr.flows.settings import RunSettings
from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.capture import Capture
from texsr.pipeline.rays import RayCaster
from texsr.pipeline.seams import find_seams
from texsr.pipeline.stages.bake import seam_points
from texsr.pipeline.stages.load import load_capture
from texsr.pipeline.stages.measure import Scores, measure
from texsr.pipeline.texture_plane import TexturePlane, texel_centres

MOST_LOST_DB = 0.1
FAR_TX = 16  # from a seen texel, where nothing of a photo may show
COARSER = 2  # high texels to one that a ray is cast for
UNSEEN = 1
LEAST_MARKED = 0.995

Row = tuple[str | float | None, ...]


def scored(capture_root: Path, truth_root: Path) -> Scores:
    """Run on a capture and score it."""
    capture = load_capture(capture_root)
    truth, mask = truth_of(truth_root)
    with run(capture) as (done, _):
        return measure(done.textures[0], truth, mask, low=capture.surface.atlases[0].stored)


def against_clean(name: str, root: Path, other: Path, work: Path) -> Iterator[tuple[Row, Claim]]:
    """Compare the masked and the decoyed capture with the clean one."""
    clean = scored(root / "capture", root).result.psnr_y
    for variant in ("masked", "decoys"):
        derive(root / "capture", variant, work / variant, other=other / "capture")
        scores = scored(work / variant, root)
        assert scores.bicubic is not None
        now, floor = scores.result.psnr_y, scores.bicubic.psnr_y
        row = (name, variant, clean, now, f"{now - clean:+.3f}", floor)
        text = f"{name} {variant}: {now - clean:+.3f} dB from the clean run (at most 0.1 lost)"
        yield row, Claim(text=text, met=now - clean >= -MOST_LOST_DB and now >= floor)


def baked(name: str, root: Path, work: Path) -> tuple[Row, Claim]:
    """Sharpen an atlas that was baked from the photos."""
    derive(root / "capture", "baked", work / "baked")
    scores = scored(work / "baked", root)
    assert scores.bicubic is not None
    now, floor = scores.result.psnr_y, scores.bicubic.psnr_y
    text = f"{name} baked: {now - floor:+.3f} dB over its bicubic (above)"
    return (name, "baked", None, now, f"{now - floor:+.3f}", floor), Claim(
        text=text, met=now > floor
    )


def half_seen(name: str, root: Path, work: Path) -> Iterator[tuple[Row, Claim]]:
    """Look at the texels that no photo sees, far from those that some photo sees."""
    derive(root / "capture", "half", work / "half")
    capture, settings = load_capture(work / "half"), RunSettings()
    with run(capture, settings) as (done, _):
        high, level = np.array(done.textures[0]), np.array(done.provenance[0][..., 0])
    with run(capture, replace(settings, references=0)) as (alone, _):
        plain = np.array(alone.textures[0])
    out_of_sight = hidden(capture, level.shape) & (level > 0)
    marked = float((level[out_of_sight] == UNSEEN).mean()) if out_of_sight.any() else 0.0
    # A ray through a crack can see a lone texel that the rays of `hidden` pass by.
    far = out_of_sight & ~near_seen(capture.surface, level > UNSEEN)
    worst = int(np.abs(high.astype(np.int32) - plain)[far].max(initial=0))
    share = float(far.sum() / (level > 0).sum())
    row = (name, f"half ({share:.2f} far from what is seen)", None, None, f"{worst}/255", None)
    text = f"{name} half: {int(far.sum())} far texels differ by {worst}/255 at most (1)"
    yield row, Claim(text=text, met=worst <= 1 and share > 0)
    row = (name, "half: out of sight marked unseen", None, None, f"{marked:.5f}", None)
    text = f"{name} half: {marked:.5f} of what is out of sight marked unseen ({LEAST_MARKED})"
    yield row, Claim(text=text, met=marked >= LEAST_MARKED)


def near_seen(surface: TexturedMesh, seen: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """Find the texels within 16 of a seen one on the surface: across seams too."""
    near = np.asarray(distance_transform_edt(~seen)) <= FAR_TX
    sides = seam_points(find_seams(surface, 0), *seen.shape).texel.astype(np.int64)
    column, row = np.clip(sides, 0, np.array(seen.shape)[::-1] - 1).transpose(2, 0, 1)
    meets = near[row, column].any(axis=0)
    start = np.ones(seen.shape, bool)
    start[row[:, meets], column[:, meets]] = False
    return near | (np.asarray(distance_transform_edt(start)) <= FAR_TX)


def hidden(capture: Capture, shape: tuple[int, ...]) -> Bool[np.ndarray, "H W"]:
    """Find the texels more than 16 from any that faces a camera which nothing hides it from.

    Decided anew, by rays from every second texel, not from what the run says it saw.
    """
    height, width = (side // COARSER for side in shape)
    plane, mesh = TexturePlane(capture.surface, 0), capture.surface.mesh
    face_id, bary = plane.under(texel_centres(slice(0, height), height=height, width=width))
    on = np.flatnonzero(face_id >= 0)
    corners, weight = mesh.vertices[mesh.faces[face_id[on]]], bary[on].astype(np.float64)
    a, b = weight[:, :1], weight[:, 1:]
    points = corners[:, 0] * a + corners[:, 1] * b + corners[:, 2] * (1.0 - a - b)
    normals, caster = mesh.face_normals()[face_id[on]], RayCaster(mesh)
    seen = np.zeros(height * width, bool)
    for view in capture.views:
        camera = view.camera
        px, depth = camera.project(points)
        framed = ((px > 0) & (px < (camera.width_px, camera.height_px))).all(axis=1) & (depth > 0)
        faces = ((camera.centre - points) * normals).sum(axis=1) > 0
        maybe = np.flatnonzero(framed & faces & ~seen[on])
        origin = np.broadcast_to(camera.centre, (len(maybe), 3))
        seen[on[maybe[~caster.blocked(origin, points[maybe])]]] = True
    distance = np.asarray(distance_transform_edt(~seen.reshape(height, width)))
    far = distance > FAR_TX / COARSER + 1
    return far.repeat(COARSER, axis=0).repeat(COARSER, axis=1)


def main() -> None:
    """Read the command line."""
    made = parser(__doc__)
    made.add_argument("--only", nargs="+", choices=NAMES, default=("tea_d07", "conch_x4"))
    asked = made.parse_args()
    found: list[tuple[Row, Claim]] = []
    for name in asked.only:
        root = folder(asked.captures, name)
        other = folder(asked.captures, "poker_d07" if name != "poker_d07" else "bowl_d05")
        with tempfile.TemporaryDirectory(prefix="texsr-") as work:
            found += against_clean(name, root, other, Path(work))
            found.append(baked(name, root, Path(work)))
            found += half_seen(name, root, Path(work))
    tell(
        Answer(
            question="Does bad input cost much?",
            columns=("capture", "variant", "clean, dB", "now, dB", "difference", "bicubic, dB"),
            rows=[row for row, _ in found],
            claims=[claim for _, claim in found],
            inputs={"captures": list(asked.only), "scale": 4},
            notes="Differences are to the clean run; of a baked atlas, to its own bicubic; of half "
            "a capture, between the run and one without references, more than 16 texels from what "
            "a photo can see.",
        ),
        asked.json,
    )


if __name__ == "__main__":
    main()
