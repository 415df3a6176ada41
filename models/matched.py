"""References that no geometry aligns, brought to a tile by matching what they show.

Every patch of a low tile takes the most similar patch of each photo, reduced to the tile's size,
and the photo's own texels come from there. So a photo becomes what a warped one is, weighed by how
similar it is, and whatever takes warped references takes it. The weight is the eighth power of the
similarity: what is alike by chance counts next to nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, final

import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional

from texsr.models.looking import LEAST_SITES, Window
from texsr.models.matching import match
from texsr.models.resample import reduce
from texsr.models.transfer import Carried

POWER = 8.0  # of the similarity
Features = Callable[[Float32[Tensor, "1 3 h w"]], Float32[Tensor, "1 c h w"]]


class Matched(NamedTuple):
    """Warped references, by structure."""

    color: Float32[Tensor, "b k 3 H W"]
    weight: Float32[Tensor, "b k H W"]
    prior: Float32[Tensor, "b k 2 h w"]  # as if seen from straight ahead, a px to a texel
    trust: Float32[Tensor, "b k"]


class Known(NamedTuple):
    """Photos, looked at once: tiles are matched with them one after the other."""

    photos: list[Float32[Tensor, "3 _ _"]]
    """Of whole low texels."""
    features: list[Float32[Tensor, "c _ _"]]
    """Of the photos, reduced; less their mean."""
    middle: Float32[Tensor, "c 1 1"]
    """What was taken off: the mean over all photos, the same for every tile."""


def know(photos: Sequence[Float32[Tensor, "3 _ _"]], features: Features, scale: int) -> Known:
    """Look at photos.

    Args:
        photos: one or more, of any sizes, about as sharp as the answer should be.
        features: of images of low texels, by which they are compared.
        scale: texels of the answer to a low one.
    """
    whole = [_whole(photo[None], scale) for photo in photos]
    found = [features(reduce(one, scale))[0] for one in whole]
    middle = torch.stack([one.mean((1, 2)) for one in found]).mean(0)[:, None, None]
    return Known([one[0] for one in whole], [one - middle for one in found], middle)


def match_photos(
    low: Float32[Tensor, "1 3 h w"], known: Known, features: Features, scale: int
) -> Matched:
    """Bring photos to a tile.

    Args:
        low: sRGB-encoded, [0, 1], of any size.
        known: the photos.
        features: those that the photos were looked at by.
        scale: texels of the answer to one of `low`.
    """
    height, width = low.shape[2:]
    asked = features(_at_least(low, LEAST_SITES))[0] - known.middle
    colors: list[Tensor] = []
    weights: list[Tensor] = []
    for photo, shown in zip(known.photos, known.features, strict=True):
        found = match(asked, shown)
        carried = Carried(asked.shape[1], asked.shape[2], [3 * scale**2], asked)
        carried.fetch(found.patch[0], _Laid(functional.pixel_unshuffle(photo, scale)))
        similarity = functional.pad(found.similarity[None], (1, 1, 1, 1), mode="replicate")[0, 0]
        weight = similarity.clamp(0.0, 1.0) ** POWER
        colors.append(functional.pixel_shuffle(carried.levels()[0], scale))
        weights.append(weight.repeat_interleave(scale, 0).repeat_interleave(scale, 1))
    high = slice(0, height * scale), slice(0, width * scale)
    return Matched(
        torch.stack(colors)[None, :, :, *high].clamp(0.0, 1.0),
        torch.stack(weights)[None, :, *high],
        low.new_ones(1, len(known.photos), 2, height, width),
        low.new_ones(1, len(known.photos)),
    )


@final
class _Laid:
    """A map of sites that is there as a whole, at one level."""

    def __init__(self, sites: Float32[Tensor, "c h w"]) -> None:
        self.sites = sites
        self.height, self.width = sites.shape[1:]
        self.window_sites = max(self.height, self.width)

    def windows(self, tall: int, wide: int) -> Iterator[Window]:
        yield Window(0, self.height, 0, self.width)

    def within(self, window: Window) -> list[Float32[Tensor, "c p q"]]:
        return [self.sites]


def _at_least(image: Float32[Tensor, "1 c h w"], side: int) -> Tensor:
    lack = [max(0, side - size) for size in image.shape[2:]]
    return functional.pad(image, (0, lack[1], 0, lack[0]), mode="replicate")


def _whole(photo: Float32[Tensor, "1 3 h w"], scale: int) -> Tensor:
    """Repeat the last row and column until low texels are whole, and as many as a patch has."""
    photo = _at_least(photo, LEAST_SITES * scale)
    lack = [-size % scale for size in photo.shape[2:]]
    return functional.pad(photo, (0, lack[1], 0, lack[0]), mode="replicate")
