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


def match_photos(
    low: Float32[Tensor, "1 3 h w"],
    photos: Sequence[Float32[Tensor, "3 _ _"]],
    features: Features,
    scale: int,
) -> Matched:
    """Bring photos to a tile.

    Args:
        low: sRGB-encoded, [0, 1], of any size.
        photos: of any number and sizes, about as sharp as the answer should be.
        features: of images of the size of `low`, by which they are compared; their mean over the
            tile is taken off.
        scale: texels of the answer to one of `low`.
    """
    height, width = low.shape[2:]
    asked = features(_at_least(low, LEAST_SITES))[0]
    middle = asked.mean((1, 2), keepdim=True)
    colors: list[Tensor] = []
    weights: list[Tensor] = []
    for photo in photos:
        whole = _whole(photo[None], scale)
        known = features(reduce(whole, scale))[0]
        found = match(asked - middle, known - middle)
        carried = Carried(asked.shape[1], asked.shape[2], [3 * scale**2], asked)
        carried.fetch(found.patch[0], _Laid(functional.pixel_unshuffle(whole[0], scale)))
        similarity = functional.pad(found.similarity[None], (1, 1, 1, 1), mode="replicate")[0, 0]
        weight = similarity.clamp(0.0, 1.0) ** POWER
        colors.append(functional.pixel_shuffle(carried.levels()[0], scale))
        weights.append(weight.repeat_interleave(scale, 0).repeat_interleave(scale, 1))
    high = slice(0, height * scale), slice(0, width * scale)
    return Matched(
        torch.stack(colors)[None, :, :, *high].clamp(0.0, 1.0),
        torch.stack(weights)[None, :, *high],
        low.new_ones(1, len(photos), 2, height, width),
        low.new_ones(1, len(photos)),
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
