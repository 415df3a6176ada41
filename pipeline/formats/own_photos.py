"""Photos of a real capture written anew: made smaller for a training capture, or kept whole."""

import os
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from texsr.pipeline.atlas import ImageKind
from texsr.pipeline.camera import Camera
from texsr.pipeline.capture import Photo, View
from texsr.pipeline.formats.images import write_image
from texsr.pipeline.formats.writing import copy_file
from texsr.pipeline.reduction import resized

WHOLLY_VALID = 254  # of 255: what a reduced pixel is made of is valid


def name_below_images(view: View, root: Path) -> str:
    """Give a photo's place below a capture's images/, with slashes; unique in the capture."""
    path = Path(os.path.relpath(view.photo_path, root))
    if ".." in path.parts:
        return path.name
    return (path.relative_to("images") if path.parts[0] == "images" else path).as_posix()


def write_small_photo(pixels: Photo, camera: Camera, capture: Path, name: str) -> bool:
    """Write a photo at the size of `camera`, as JPEG, and a mask where some pixels are no good.

    Returns:
        Whether a mask was written.

    Raises:
        OutputError: `capture` cannot be written.
    """
    size = {"height": camera.height_px, "width": camera.width_px}
    write_image(capture / "images" / name, ImageKind.JPEG, resized(pixels.color, **size))
    if pixels.valid.all():
        return False
    valid = resized(_levels(pixels.valid), **size)[..., 0] >= WHOLLY_VALID
    write_image(capture / "masks" / f"{name}.png", ImageKind.PNG, _levels(valid))
    return True


def write_full_photo(view: View, pixels: Photo, folder: Path, name: str) -> str:
    """Keep a photo as its file where it has no lens to remove, else as PNG; with its mask.

    Returns:
        The photo's name below `folder`/images: `name`, or `name` with another suffix.

    Raises:
        OutputError: `folder` cannot be written.
    """
    if view.lens.is_pinhole:
        copy_file(view.photo_path, folder / "images" / name)
    else:
        name = f"{name}.png"
        write_image(folder / "images" / name, ImageKind.PNG, pixels.color)
    if not pixels.valid.all():
        write_image(folder / "masks" / f"{name}.png", ImageKind.PNG, _levels(pixels.valid))
    return name


def _levels(mask: Bool[np.ndarray, "h w"]) -> np.ndarray:
    return np.where(mask, np.uint8(255), np.uint8(0))[..., None]
