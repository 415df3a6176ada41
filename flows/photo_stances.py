"""Photos that nothing aligns, laid as a picture lies before a model is given them.

A photo may be turned, mirrored, of another scale, or show several parts of a texture map that lie
in it at different turns: then it is given once for each of them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, UInt8
from torch import Tensor

from texsr.flows.progress import Progress
from texsr.models.standing import Way, ways_to_lay, windows_of
from texsr.pipeline.capture import Photo
from texsr.pipeline.color import to_float
from texsr.pipeline.pyramid import PhotoPyramid
from texsr.pipeline.references import Cropped
from texsr.pipeline.stages.reference import turned_crop, without_invalid
from texsr.pipeline.tile import Region
from texsr.pipeline.turn import Turn

STAGE = "stances"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoStance:
    """How a photo, or what it shows of a part of the picture, was found to lie beside it."""

    photo: int
    """Which one, counted from 0."""
    turned_deg: float
    """By how much the photo is turned against the picture, clockwise, (-180, 180]."""
    mirrored: bool
    px_per_texel: float
    """Its pixels to a texel of the result, along an axis."""
    explains: float
    """[0, 1]; share of the picture's detail that it shows like this, in the windows asked; 0: it
    was found nowhere, and is given as it is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LaidPhotos:
    """Photos as a model is given them."""

    references: Cropped
    stances: tuple[PhotoStance, ...] = ()
    """Parallel to the references; (): they are as they were."""


def photo_of(
    color: UInt8[np.ndarray, "h w 3"], opaque: Bool[np.ndarray, "h w"] | None = None
) -> Photo:
    """Make a photo of its pixels, and of where they hold colour: None for everywhere."""
    return Photo(color=color, valid=np.ones(color.shape[:2], bool) if opaque is None else opaque)


def as_they_are(photos: Sequence[Photo]) -> LaidPhotos:
    """Give photos as they are; pixels that hold nothing have the mean colour of the others."""
    return LaidPhotos(references=Cropped(photos=[_planes(photo) for photo in photos]))


def lay_photos(
    picture: Float32[Tensor, "3 h w"], photos: Sequence[Photo], scale: int, progress: Progress
) -> LaidPhotos:
    """Find how photos lie beside a picture, and lay them as it lies.

    Args:
        picture: of low texels, sRGB-encoded, [0, 1].
        photos: of any sizes.
        scale: high texels to a low one; a pixel of what is laid is one.
        progress: told of the windows of the picture that were asked, photo by photo.
    """
    laid, px, stances = list[Tensor](), list[float](), list[PhotoStance]()
    each = len(windows_of(picture))
    for index, photo in enumerate(photos):
        planes = _planes(photo)
        progress(STAGE, index * each, len(photos) * each)
        ways: list[Way] = []
        for done, found in enumerate(ways_to_lay(picture, planes, scale), 1):
            ways = found or ways
            progress(STAGE, min(index * each + done, (index + 1) * each), len(photos) * each)
        for way in ways:
            stances.append(_stance(index, way, scale))
            if way.linear is None:
                laid.append(planes)
                px.append(1.0)
            else:
                laid.append(_laid(photo, way.linear, way.around, scale))
                px.append(stances[-1].px_per_texel)
    return LaidPhotos(references=Cropped(photos=laid, px=tuple(px)), stances=tuple(stances))


def _planes(photo: Photo) -> Float32[Tensor, "3 h w"]:
    color = torch.from_numpy(to_float(photo.color)).permute(2, 0, 1)
    return without_invalid(color, torch.from_numpy(photo.valid)).contiguous()


def _laid(
    photo: Photo,
    linear: Float64[Tensor, "2 2"],
    around: Float64[Tensor, "2 n"] | None,
    scale: int,
) -> Float32[Tensor, "3 h w"]:
    """Resample a photo, or what is of use of it, so that it lies as the picture does."""
    turn = Turn(linear=np.linalg.inv(linear.numpy()) * scale, offset=np.zeros(2))
    height, width = photo.valid.shape
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], float)
    box = _box(turn.applied(corners))
    if around is not None:
        box = _box(turn.applied(around.numpy().T + 0.5)).intersected(box)
    return turned_crop(PhotoPyramid(photo), turn, box)


def _box(points: Float64[np.ndarray, "n 2"]) -> Region:
    start, end = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0))
    wide, tall = (int(side) for side in end - start)
    return Region(x=int(start[0]), y=int(start[1]), width=wide, height=tall)


def _stance(photo: int, way: Way, scale: int) -> PhotoStance:
    linear = np.eye(2) * scale if way.linear is None else way.linear.numpy()
    mirrored = bool(np.linalg.det(linear) < 0)
    upright = linear * np.array([[-1.0], [1.0]]) if mirrored else linear
    turned = math.degrees(math.atan2(upright[1, 0] - upright[0, 1], upright[0, 0] + upright[1, 1]))
    return PhotoStance(
        photo=photo,
        turned_deg=round(turned, 1),
        mirrored=mirrored,
        px_per_texel=round(math.sqrt(abs(float(np.linalg.det(linear)))) / scale, 3),
        explains=round(way.share, 3),
    )
