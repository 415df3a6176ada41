"""Photos that nothing aligns, laid as a picture lies before a model is given them.

A photo may be turned, mirrored, of another scale, or show several parts of a texture map that lie
in it at different turns: then it is given once for each of them.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from threading import Lock
from typing import final

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, UInt8
from torch import Tensor

from texsr.flows.progress import Counted, Progress
from texsr.flows.workers import worked_off
from texsr.models.standing import AS_IT_IS, Box, Part, Standing, Way, Window, windows_of
from texsr.pipeline.capture import Photo
from texsr.pipeline.color import to_float
from texsr.pipeline.pyramid import PhotoPyramid
from texsr.pipeline.references import Cropped
from texsr.pipeline.stages.reference import turned_crop, without_invalid
from texsr.pipeline.tile import Region
from texsr.pipeline.turn import Turn

STAGE = "stances"
MOST_KNOWN = 64  # photos whose ways are remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoStance:
    """How a photo, or what it shows of a part of the picture, was found to lie beside it."""

    photo: int
    """Which one, counted from 0."""
    found: bool
    """Where it is not found, it is given as it is."""
    as_it_is: bool
    """It is given as it was: it lies as the picture does, nearly, or was found nowhere."""
    turned_deg: float
    """By how much the photo is turned against the picture, clockwise, (-180, 180]."""
    mirrored: bool
    px_per_texel: float
    """Its pixels to a texel of the result, along an axis; as it is, 1."""
    explains: float
    """[0, 1]; about the share of the picture's detail that it shows like this, in the windows that
    were asked."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LaidPhotos:
    """Photos as a model is given them."""

    references: Cropped
    stances: tuple[PhotoStance, ...] = ()
    """Photo by photo, what explains most first; (): they are as they were."""


@final
class KnownWays:
    """How photos lie beside pictures, of those found last: one model after the other asks about the
    same ones, and one number of them after the other."""

    def __init__(self) -> None:
        self._found, self._lock = OrderedDict[bytes, list[Way]](), Lock()

    def of(self, asked: bytes) -> list[Way] | None:
        """Give what was found for a question; None: it is not known."""
        return self._found.get(asked)

    def keep(self, asked: bytes, found: list[Way]) -> None:
        """Remember what was found, and forget what was so first."""
        with self._lock:
            self._found[asked] = found
            while len(self._found) > MOST_KNOWN:
                self._found.popitem(last=False)


KNOWN = KnownWays()


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
        progress: told of the windows of the picture that were asked, for one photo or another.
    """
    laid, stances, windows = list[Tensor](), list[PhotoStance](), windows_of(picture)
    regions, px = list[Region | None](), list[float]()
    counted = Counted(progress, STAGE, len(photos) * len(windows))
    found = worked_off(partial(_ways, picture, windows, scale, counted), photos)
    for index, (photo, ways) in enumerate(zip(photos, found, strict=True)):
        pyramid = PhotoPyramid(photo)
        for way in ways:
            stances.append(_stance(index, way, scale))
            for part in way.parts or [None]:
                regions.append(None if part is None else _region(part.box))
                as_it_is = way.linear is None
                laid.append(_planes(photo) if as_it_is else _laid(pyramid, way, part, scale))
                px.append(stances[-1].px_per_texel)
    references = Cropped(photos=laid, px=tuple(px), regions=tuple(regions))
    return LaidPhotos(references=references, stances=tuple(stances))


def _ways(
    picture: Float32[Tensor, "3 h w"],
    windows: Sequence[Window],
    scale: int,
    counted: Counted,
    photo: Photo,
) -> list[Way]:
    """Ask all windows of a picture how a photo stands beside it, if that is not known."""
    question = _question(picture, photo, scale)
    known = KNOWN.of(question)
    if known is not None:
        counted.add(len(windows))
        return known
    standing = Standing(_planes(photo), scale)
    for window in windows:
        standing.look_at(window)
        counted.add()
    found = standing.ways()
    KNOWN.keep(question, found)
    return found


def _planes(photo: Photo) -> Float32[Tensor, "3 h w"]:
    color = torch.from_numpy(to_float(photo.color)).permute(2, 0, 1)
    return without_invalid(color, torch.from_numpy(photo.valid)).contiguous()


def _laid(
    pyramid: PhotoPyramid, way: Way, part: Part | None, scale: int
) -> Float32[Tensor, "3 h w"]:
    """Resample a photo, or what is of use of it, so that it lies as the picture does."""
    turn = Turn(linear=np.linalg.inv(_linear(way, scale)) * scale, offset=np.zeros(2))
    height, width = pyramid.valid.shape
    frame = Region(x=0, y=0, width=width, height=height)
    box = Region.around(turn.applied(frame.corners))
    if part is not None:
        box = Region.around(turn.applied(part.around.numpy().T + 0.5)).intersected(box)
    return turned_crop(pyramid, turn, box)


def _question(picture: Tensor, photo: Photo, scale: int) -> bytes:
    told = sha256(f"{tuple(picture.shape)} {photo.color.shape} {scale}".encode())
    for array in (picture.numpy(), photo.color, photo.valid):
        told.update(array.tobytes())
    return told.digest()


def _region(box: Box) -> Region:
    top, left, bottom, right = box
    return Region(x=left, y=top, width=right - left, height=bottom - top)


def _linear(way: Way, scale: int) -> Float64[np.ndarray, "2 2"]:
    return np.eye(2) * scale if way.linear is None else way.linear.numpy()


def _stance(photo: int, way: Way, scale: int) -> PhotoStance:
    linear = _linear(way, scale)
    mirrored = bool(np.linalg.det(linear) < 0)
    upright = linear * np.array([[-1.0], [1.0]]) if mirrored else linear
    turned = math.degrees(math.atan2(upright[1, 0] - upright[0, 1], upright[0, 0] + upright[1, 1]))
    return PhotoStance(
        photo=photo,
        found=way is not AS_IT_IS,
        as_it_is=way.linear is None,
        turned_deg=round(turned, 1),
        mirrored=mirrored,
        px_per_texel=round(math.sqrt(abs(float(np.linalg.det(linear)))) / scale, 3),
        explains=round(way.share, 3),
    )
