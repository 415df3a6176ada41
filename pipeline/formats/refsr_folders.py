"""Folders of reference super-resolution, as CUFED5, Sun80 and LMR are handed around.

numbered    ROOT/NAME_0.png, NAME_1.png, NAME_2.png, ...        0 is the truth
paired      ROOT/input/NAME.png, ROOT/ref/NAME.png
matched     ROOT/truth/NAME.jpg, ROOT/references/NAME.jpg/*.jpg (or references/NAME/*.jpg)
listed      ROOT/*.txt with lines "truth.png reference.png reference.png ..."
grouped     ROOT/SCENE/truth.png and the references beside it; the truth may also be input.png, or,
            as in LMR's test set, the picture that the folder's name ends in: 0001_x.jpg/x.jpg

The folders of a pair may carry any names of `FOLDER_PAIRS`. PNG, JPEG and TIFF are read.
"""

from collections import Counter
from pathlib import Path

import numpy as np

from texsr.pipeline.atlas import ImageKind
from texsr.pipeline.color import to_integer
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.images import read_image, write_image
from texsr.pipeline.formats.refsr_layouts import LAYOUTS, fault, folders
from texsr.pipeline.refsr import RefsrLayout, RefsrPictures, RefsrScene, Rgb
from texsr.pipeline.resample import resize_rows

MIN_SIDE_PX = 16
TAKE_OUT = "save the picture again otherwise, or take its scene out"


def read_refsr_folder(root: Path, layout: RefsrLayout | None = None) -> list[RefsrScene]:
    """List the scenes of a folder, sorted by name; pictures are found, not decoded.

    Args:
        root: the folder that directly holds what the layout names.
        layout: how it is laid out; None: as `detect_refsr_layout` says.

    Raises:
        CaptureError: no layout or several fit, or a truth or a reference is missing.
    """
    chosen = detect_refsr_layout(root) if layout is None else layout
    _check_folder(root)
    scenes = sorted(LAYOUTS[chosen].read(root), key=lambda scene: scene.name)
    if not scenes:
        raise fault(root, f"no scene laid out as '{chosen}'", LAYOUTS[chosen].expected)
    name, times = Counter(scene.name for scene in scenes).most_common(1)[0]
    if times > 1:
        raise fault(root, f"{times} scenes '{name}'", "one truth of each name")
    for scene in scenes:
        if scene.truth in scene.references:
            raise fault(scene.truth, "the truth among its own references", "other pictures")
    return scenes


def detect_refsr_layout(root: Path) -> RefsrLayout:
    """Tell how a folder is laid out, where exactly one layout fits.

    Raises:
        CaptureError: none fits, or several do.
    """
    _check_folder(root)
    fitting = _fitting(root)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise CaptureError(
            root,
            found=f"a folder that can be read as {' or as '.join(fitting)}",
            expected="one layout",
            remedy="name the layout, or keep one kind of files there",
        )
    below = [folder.name for folder in folders(root) if _fitting(folder)]
    raise CaptureError(
        root,
        found="no layout that is known" + (f", but one in {', '.join(below[:4])}" if below else ""),
        expected="; or ".join(reader.expected for reader in LAYOUTS.values()),
        remedy="give one of those folders"
        if below
        else "arrange the pictures in one of these ways",
    )


def read_refsr_scene(scene: RefsrScene) -> RefsrPictures:
    """Decode the pictures of a scene.

    Raises:
        CaptureError: one cannot be read, is tiny, has alpha, or a reference is the truth itself.
    """
    truth = read_rgb(scene.truth)
    references = tuple(read_rgb(path) for path in scene.references)
    for path, color in zip(scene.references, references, strict=True):
        if np.array_equal(color, truth):
            raise fault(
                path, f"the same pixels as in the truth {scene.truth}", "another one", TAKE_OUT
            )
    return RefsrPictures(truth=truth, references=references)


def read_rgb(path: Path) -> Rgb:
    """Decode a picture of at least `MIN_SIDE_PX` a side; grey is repeated, alpha refused.

    Raises:
        CaptureError: it cannot be read or is none such.
    """
    stored, _ = read_image(path, where=path)
    height, width, channels = stored.shape
    if channels not in (1, 3):
        raise fault(path, f"{channels} channels", "RGB or grey, without alpha", TAKE_OUT)
    if min(height, width) < MIN_SIDE_PX:
        raise fault(path, f"{width} x {height} px", f"at least {MIN_SIDE_PX} px a side", TAKE_OUT)
    return np.repeat(stored, 3, axis=2) if channels == 1 else stored


def write_refsr_scene(folder: Path, pictures: RefsrPictures, *, scale: int) -> None:
    """Write a scene as a folder of the layout `grouped`, with the truth made smaller beside it.

    The truth loses rows below and columns at the right so that its sides are multiples of `scale`;
    low.png is its antialiased bicubic reduction. References are kept whole.

    Raises:
        CaptureError: the truth is too small for the scale.
        OutputError: the folder cannot be written.
    """
    height, width = (side // scale for side in pictures.truth.shape[:2])
    if min(height, width) < 1:
        sides = f"{pictures.truth.shape[1]} x {pictures.truth.shape[0]} px"
        raise fault(folder.name, f"a truth of {sides}", f"at least {scale} px a side", TAKE_OUT)
    truth = np.ascontiguousarray(pictures.truth[: height * scale, : width * scale])
    low = resize_rows(truth, height=height, width=width, rows=slice(0, height))
    write_image(folder / "truth.png", ImageKind.PNG, truth)
    write_image(folder / "low.png", ImageKind.PNG, to_integer(low, truth.dtype))
    for index, color in enumerate(pictures.references, start=1):
        write_image(folder / f"ref_{index:02d}.png", ImageKind.PNG, color)


def _fitting(root: Path) -> list[RefsrLayout]:
    return [layout for layout, reader in LAYOUTS.items() if reader.fits(root)]


def _check_folder(root: Path) -> None:
    if not root.is_dir():
        raise CaptureError(
            root,
            found="a file" if root.exists() else "nothing there",
            expected="a folder of truths and references",
            remedy="give the folder that holds them",
        )
