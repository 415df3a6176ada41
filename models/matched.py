"""References that no geometry aligns, brought to a tile by matching what they show.

Every patch of a low tile takes the most similar patch of each photo, reduced to the tile's size.
Where these matches lie on a smooth flow (`texsr.models.flow`), as they do where both show the same
surface, the photo is carried along it and becomes what a warped one is. Elsewhere the photo's own
texels come patch by patch, weighed by how similar they are: the eighth power of the similarity, so
that what is alike by chance counts next to nothing. Whatever takes warped references takes them.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, final

import torch
from jaxtyping import Float32, Int64
from torch import Tensor
from torch.nn import functional

from texsr.models.affine_maps import POWER
from texsr.models.alignment import spread
from texsr.models.flow import carried, flow_of, in_parts_of_a_site, px_along, sureness
from texsr.models.looking import LEAST_SITES, Window
from texsr.models.matching import REACH, match
from texsr.models.protocol import CroppedReferences, PhotoSight, SightedReferences
from texsr.models.resample import reduce
from texsr.models.transfer import Carried

SURE_ENOUGH = 0.3  # of a flow, for a texel to be carried along it
Features = Callable[[Float32[Tensor, "1 3 h w"]], Float32[Tensor, "1 c h w"]]


class Matched(NamedTuple):
    """Warped references, by structure."""

    color: Float32[Tensor, "b k 3 H W"]
    weight: Float32[Tensor, "b k H W"]
    prior: Float32[Tensor, "b k 2 h w"]  # as if seen from straight ahead
    trust: Float32[Tensor, "b k"]


class Known(NamedTuple):
    """A photo, looked at once: tiles are matched with it one after the other."""

    photo: Float32[Tensor, "3 _ _"]
    """Of whole low texels."""
    features: Float32[Tensor, "c _ _"]
    """Of the photo, reduced; less their mean."""
    middle: Float32[Tensor, "c 1 1"]
    """What was taken off, of tiles' features too."""


class Sight(NamedTuple):
    """Where a photo shows a tile; a `PhotoSight`."""

    patch: Int64[Tensor, "p q"]
    similarity: Float32[Tensor, "p q"]
    flow: Float32[Tensor, "2 h w"]


class _Brought(NamedTuple):
    """A photo at the high texels of a tile, not clipped."""

    color: Float32[Tensor, "3 H W"]
    weight: Float32[Tensor, "H W"]


def whole_photo(photo: Float32[Tensor, "3 _ _"], scale: int) -> Float32[Tensor, "3 _ _"]:
    """Repeat the last row and column until low texels are whole, and as many as a patch has."""
    whole = _at_least(photo[None], LEAST_SITES * scale)
    lack = [-size % scale for size in whole.shape[2:]]
    return functional.pad(whole, (0, lack[1], 0, lack[0]), mode="replicate")[0]


def know(photo: Float32[Tensor, "3 _ _"], features: Features, scale: int) -> Known:
    """Look at a photo.

    Args:
        photo: of any size, about as sharp as the answer should be.
        features: of images of low texels, by which they are compared.
        scale: texels of the answer to a low one.
    """
    whole = whole_photo(photo, scale)
    found = features(reduce(whole[None], scale))[0]
    middle = found.mean((1, 2), keepdim=True)
    return Known(whole, found - middle, middle)


def sights_of(
    low: Float32[Tensor, "1 3 h w"], known: Sequence[Known], features: Features, scale: int
) -> list[Sight]:
    """Find where photos show a tile, or a whole picture.

    Args:
        low: sRGB-encoded, [0, 1]. One that is less than 3 texels high or wide is taken for one that
            is, its last ones repeated.
        known: the photos.
        features: those that the photos were looked at by.
        scale: texels of the answer to one of `low`.
    """
    low = _at_least(low, LEAST_SITES)
    told = features(low)[0]
    sights: list[Sight] = []
    for photo, shown, middle in known:
        asked = told - middle
        found = match(asked, shown)
        flow = in_parts_of_a_site(low, photo, flow_of(asked, shown, found), scale)
        sights.append(Sight(found.patch[0], found.similarity[0], flow))
    return sights


def brought(
    low: Float32[Tensor, "1 3 h w"],
    photos: Sequence[Float32[Tensor, "3 _ _"]],
    sights: Sequence[PhotoSight],
    scale: int,
    px: Sequence[float] = (),
) -> Matched:
    """Bring photos to a tile.

    Args:
        low: sRGB-encoded, [0, 1], of any size.
        photos: of whole low texels, as `whole_photo` makes them.
        sights: where each shows the tile.
        scale: texels of the answer to one of `low`.
        px: of each as it was taken, to one of it here; empty: one each.
    """
    height, width = low.shape[2:]
    tile = _at_least(low, LEAST_SITES)
    found: list[_Brought] = []
    for photo, sight in zip(photos, sights, strict=True):
        color, inside = carried(photo, sight.flow, scale)
        sure = sureness(tile, color, inside, scale) * _looked_for(sight)
        along = _Brought(color, spread(sure[None, None], scale)[0, 0] * inside)
        found.append(_either(along, _by_patches(photo, sight, scale)))
    px_there = [
        px_along(sight.flow, own)[:height, :width]
        for sight, own in zip(sights, px or [1.0] * len(sights), strict=True)
    ]
    colors, weights = (torch.stack(parts)[None] for parts in zip(*found, strict=True))
    high = slice(0, height * scale), slice(0, width * scale)
    return Matched(
        colors[:, :, :, *high].clamp(0.0, 1.0),
        weights[:, :, *high],
        torch.stack([torch.stack([torch.ones_like(px), px]) for px in px_there])[None],
        low.new_ones(1, len(photos)),
    )


@final
class PhotoMatcher:
    """Matches one tile after another with photos; those of the last tile it knows still."""

    def __init__(self) -> None:
        self._last: list[tuple[Tensor, int, Known]] = []

    def sights(
        self,
        low: Float32[Tensor, "1 3 h w"],
        photos: list[Float32[Tensor, "3 _ _"]],
        features: Features,
        scale: int,
    ) -> list[Sight]:
        """Find where photos show a tile, or a whole picture; arguments as of `sights_of`."""
        return sights_of(low, self._known(photos, features, scale), features, scale)

    def matched(
        self,
        low: Float32[Tensor, "b 3 h w"],
        references: CroppedReferences,
        features: Features,
        scale: int,
    ) -> Matched | None:
        """Bring photos to tiles; where they show a single one may be known already.

        Returns:
            None: there are no photos.
        """
        if not references.photos:
            return None
        ahead = references.sights if isinstance(references, SightedReferences) else ()
        photos = [whole_photo(photo, scale) for photo in references.photos]
        tiles = [
            brought(
                one,
                photos,
                ahead or self.sights(one, references.photos, features, scale),
                scale,
                references.px,
            )
            for one in low.split(1)
        ]
        return Matched(*(torch.cat(part) for part in zip(*tiles, strict=True)))

    def _known(self, photos: list[Tensor], features: Features, scale: int) -> list[Known]:
        last, found = self._last, list[tuple[Tensor, int, Known]]()
        for photo in photos:
            same = (one for one in last if one[0] is photo and one[1] == scale)
            found.append(next(same, None) or (photo, scale, know(photo, features, scale)))
        self._last = found  # tiles in flight may overwrite each other's
        return [known for _, _, known in found]


def _by_patches(photo: Float32[Tensor, "3 _ _"], sight: PhotoSight, scale: int) -> _Brought:
    """Bring a photo patch by patch; where patches overlap, to the mean."""
    rows, columns = (side + REACH for side in sight.patch.shape)
    fetched = Carried(rows, columns, [3 * scale**2], photo)
    fetched.fetch(sight.patch, _Laid(functional.pixel_unshuffle(photo, scale)))
    weight = _at_sites(sight.similarity).clamp(0.0, 1.0) ** POWER
    return _Brought(
        functional.pixel_shuffle(fetched.levels()[0], scale),
        weight.repeat_interleave(scale, 0).repeat_interleave(scale, 1),
    )


def _looked_for(sight: PhotoSight) -> Float32[Tensor, "h w"]:
    """1 where a photo was looked for."""
    return (_at_sites(sight.similarity) > -1.0).to(sight.similarity.dtype)


def _at_sites(of_patches: Float32[Tensor, "p q"]) -> Float32[Tensor, "h w"]:
    return functional.pad(of_patches[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]


def _either(one: _Brought, other: _Brought) -> _Brought:
    """Take the first where it is sure enough, else the other: their mean would be of neither."""
    sure = one.weight > SURE_ENOUGH
    return _Brought(
        torch.where(sure, one.color, other.color),
        torch.where(sure, one.weight, other.weight),
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
