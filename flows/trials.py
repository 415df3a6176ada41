"""Images with a known answer: captures beside their truth, and pictures made smaller."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from texsr.flows.methods import Stored, Subject, pillow_bicubic
from texsr.pipeline.capture import Capture
from texsr.pipeline.color import to_float, to_integer
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.images import read_image
from texsr.pipeline.formats.photo_sets import Wanted
from texsr.pipeline.formats.refsr_folders import read_refsr_scene
from texsr.pipeline.refsr import RefsrScene
from texsr.pipeline.stages.load import LoadSettings, load_capture

CAPTURE, TRUTH, MASK = Path("capture"), Path("truth/atlas.png"), Path("truth/mask.png")
PAIR_SCALE = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """An image to make larger, and what should come out."""

    subject: Subject
    truth: Stored
    mask: Bool[np.ndarray, "_ _"] | None  # where to score an atlas; None: a picture without one
    held_out: Capture | None = None  # the photos that no method may use


def find_trials(places: list[Path]) -> dict[str, Path]:
    """Name the folders with capture/ and truth/: those given, and those directly below them.

    A place without any is kept as it is, so that its fault is told with the others.
    """
    found: list[Path] = []
    for place in places:
        root = place.expanduser().resolve()
        below = sorted(child for child in root.iterdir()) if root.is_dir() else []
        inside = [] if _is_trial(root) else [child for child in below if _is_trial(child)]
        found += inside or [root]
    unique = list(dict.fromkeys(found))
    names = [root.name for root in unique]
    return {root.name if names.count(root.name) == 1 else str(root): root for root in unique}


def read_trial(name: str, root: Path, held_out: tuple[str, ...] = ()) -> Trial:
    """Read a capture and its truth.

    Args:
        name: as tables call it.
        root: holds capture/ and truth/atlas.png, truth/mask.png, as `texsr simulate` makes them.
        held_out: names or patterns of photos that no method may use.

    Raises:
        CaptureError: something is missing, or capture and truth do not belong together.
    """
    for part in (CAPTURE, TRUTH, MASK):
        if not (root / part).exists():
            raise CaptureError(
                root,
                found=f"no {part}",
                expected="capture/, truth/atlas.png and truth/mask.png, as texsr simulate makes",
                remedy="give the folder that holds all three",
            )
    kept, photos = _without(root / CAPTURE, held_out)
    if len(kept.surface.atlases) != 1:
        raise CaptureError(
            root / CAPTURE,
            found=f"{len(kept.surface.atlases)} atlases",
            expected="one, as there is one truth",
            remedy="evaluate on a capture with one texture",
        )
    low = kept.surface.atlases[0].stored
    truth, _ = read_image(root / TRUTH, where=root / TRUTH)
    white, _ = read_image(root / MASK, where=root / MASK)
    return Trial(
        subject=Subject(name=name, low=low, scale=_scale(root, low, truth), capture=kept),
        truth=truth,
        mask=white[..., 0] > np.iinfo(white.dtype).max // 2,
        held_out=photos,
    )


def read_pair(scene: RefsrScene) -> Trial:
    """Read a picture, crop it to multiples of 4 and reduce it by 4, as the field does.

    Its references are read with it, and kept as they are.

    Raises:
        CaptureError: one cannot be read, or a reference is the truth itself.
    """
    pictures = read_refsr_scene(scene)
    truth = pictures.truth
    if truth.dtype != np.uint8:
        truth = to_integer(to_float(truth), np.dtype(np.uint8))
    height, width = (side // PAIR_SCALE for side in truth.shape[:2])
    truth = np.ascontiguousarray(truth[: height * PAIR_SCALE, : width * PAIR_SCALE])
    low = pillow_bicubic(truth, height=height, width=width)
    subject = Subject(
        name=scene.name, low=low, scale=PAIR_SCALE, capture=None, photos=pictures.references
    )
    return Trial(subject=subject, truth=truth, mask=None)


def _is_trial(root: Path) -> bool:
    return (root / CAPTURE).is_dir() and (root / TRUTH).is_file()


def _without(root: Path, patterns: tuple[str, ...]) -> tuple[Capture, Capture | None]:
    """Load a capture without some photos, and those; None where it has none of them."""
    whole = load_capture(root)
    wanted = Wanted(include=patterns)
    if not patterns or not any(wanted.takes(view.name) for view in whole.views):
        return whole, None
    kept = load_capture(root, LoadSettings(exclude=patterns))
    return kept, load_capture(root, LoadSettings(include=patterns))


def _scale(root: Path, low: Stored, truth: Stored) -> int:
    """Tell how much larger the truth is."""
    scale = truth.shape[0] // low.shape[0]
    if scale < 2 or truth.shape[:2] != (low.shape[0] * scale, low.shape[1] * scale):
        raise CaptureError(
            root / TRUTH,
            found=f"{truth.shape[1]} x {truth.shape[0]} texels over an atlas of "
            f"{low.shape[1]} x {low.shape[0]}",
            expected="2, 3, 4 ... times as many along both axes",
            remedy="give the truth that this capture's atlas was reduced from",
        )
    return scale
