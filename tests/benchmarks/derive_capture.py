"""Make an existing capture harder in one known way.

`python tests/benchmarks/derive_capture.py CAPTURE VARIANT --out DIR`, where VARIANT is

- `masked`: silhouettes as masks, and noise for everything behind the object;
- `decoys`: two more photos, of another object (`--other CAPTURE`), under poses that are not theirs;
- `half`: only the photos taken from one side;
- `baked`: the low atlas blended from the photos instead of reduced from a truth.

The mesh is copied, cameras are written as COLMAP text, and photos that have to change are written
as PNG where they were, else as JPEG of the highest quality, so that nothing else differs.
"""

import argparse
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from texsr.pipeline.camera import Camera
from texsr.pipeline.capture import Capture, View
from texsr.pipeline.color import to_float, to_integer
from texsr.pipeline.formats.colmap import write_colmap_text
from texsr.pipeline.noise import noise_picture
from texsr.pipeline.photo_blend import blend_photos
from texsr.pipeline.scene import Scene
from texsr.pipeline.stages.load import load_capture, load_photo

VARIANTS = ("masked", "decoys", "half", "baked")
NUM_DECOYS = 2
SUPERSAMPLE = 4  # points a texel and axis that a baked atlas averages

Named = list[tuple[str, Camera]]


def derive(root: Path, variant: str, out: Path, *, other: Path | None = None) -> None:
    """Write the variant of a capture to `out`, which must not exist."""
    capture = load_capture(root)
    out.mkdir(parents=True)
    _copy_surface(capture, out)
    views = list(capture.views)
    match variant:
        case "masked":
            cameras = _masked(capture, out)
        case "decoys":
            cameras = _copied(views, out) + _decoys(views, load_capture(other or root), out)
        case "half":
            cameras = _copied(_one_side(views), out)
        case "baked":
            cameras = _copied(views, out)
            _bake(capture, out)
        case _:
            raise ValueError(f"{variant!r} is none of {', '.join(VARIANTS)}")
    write_colmap_text(out / "sparse" / "0", cameras)


def _masked(capture: Capture, out: Path) -> Named:
    """Cut the object out along the mesh's own outline."""
    scene, rng = Scene(capture.surface), np.random.default_rng(0)
    unpainted = [None] * len(capture.surface.atlases)
    for view in capture.views:
        inside = scene.draw([unpainted], view.camera, supersample=1)[0].hit
        noise = noise_picture(rng, *inside.shape)
        color = np.where(inside[..., None], load_photo(view).color, noise)
        _save_photo(out / "images" / _name(view), color)
        mask = out / "masks" / f"{_name(view)}.png"
        mask.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.where(inside, np.uint8(255), np.uint8(0))).save(mask)
    return [(_name(view), view.camera) for view in capture.views]


def _decoys(views: list[View], other: Capture, out: Path) -> Named:
    """Add photos of another capture, fitted to the cameras they are claimed to be of."""
    named: Named = []
    for index in range(NUM_DECOYS):
        claimed = views[(2 * index + 1) % len(views)].camera
        color = Image.fromarray(load_photo(other.views[index]).color)
        name = f"decoy_{index}.jpg"
        _save_photo(
            out / "images" / name,
            np.asarray(color.resize((claimed.width_px, claimed.height_px))),
        )
        named.append((name, claimed))
    return named


def _one_side(views: list[View]) -> list[View]:
    """Keep the half of the views that stand farthest toward the first one."""
    centres = np.array([view.camera.centre for view in views])
    toward = centres - centres.mean(axis=0)
    order = np.argsort(-(toward @ toward[0]))
    return [views[i] for i in sorted(order[: max(1, len(views) // 2)].tolist())]


def _bake(capture: Capture, out: Path) -> None:
    """Replace the atlas; texels that no photo sees keep what they were."""
    (atlas,) = capture.surface.atlases
    assert atlas.path is not None, "an embedded atlas cannot be replaced here"
    shots = [(view.camera, load_photo(view).color) for view in capture.views]
    color, seen = blend_photos(
        capture.surface,
        shots,
        height=atlas.height_tx,
        width=atlas.width_tx,
        supersample=SUPERSAMPLE,
    )
    old = to_float(atlas.stored[..., :3])
    baked = to_integer(np.where(seen[..., None], color, old), np.dtype(np.uint8))
    Image.fromarray(baked).save(out / atlas.path.relative_to(capture.root))


def _copied(views: Iterable[View], out: Path) -> Named:
    """Take photos over as they are, where their lens allows it."""
    named: Named = []
    for view in views:
        target = out / "images" / _name(view)
        target.parent.mkdir(parents=True, exist_ok=True)
        if view.lens.is_pinhole:
            shutil.copyfile(view.photo_path, target)
        else:
            _save_photo(target, load_photo(view).color)
        named.append((_name(view), view.camera))
    return named


def _name(view: View) -> str:
    """Name a photo as COLMAP does: relative to images/."""
    return view.name.removeprefix("images/")


def _save_photo(path: Path, color: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lossy = {} if path.suffix.lower() == ".png" else {"quality": 100, "subsampling": 0}
    Image.fromarray(color).save(path, **lossy)


def _copy_surface(capture: Capture, out: Path) -> None:
    surface = capture.surface
    textures = [atlas.path for atlas in surface.atlases if atlas.path is not None]
    for path in {surface.path, *surface.sidecars, *textures}:
        target = out / path.relative_to(capture.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Make a capture harder in one known way.")
    parser.add_argument("capture", type=Path)
    parser.add_argument("variant", choices=VARIANTS)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--other", type=Path, help="where decoys come from; default: itself")
    asked = parser.parse_args()
    derive(asked.capture, asked.variant, asked.out, other=asked.other)


if __name__ == "__main__":
    main()
