"""Photos resampled for a tile: one, and all of a tile together."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float32, Int64, Num
from torch import Tensor

from texsr.pipeline.tile import Region


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PhotoPart:
    """The pixels of a photo that show a tile, and where on them its texels lie."""

    pixels: Num[Tensor, "3 p q"]  # sRGB-encoded, 0 to 255, as stored
    px: Float32[Tensor, "2 H W"]  # (x, y); pixel (0, 0) is centred at (0.5, 0.5); 0 where unseen

    def to(self, device: str) -> "PhotoPart":
        """The same on another device."""
        return PhotoPart(pixels=self.pixels.to(device), px=self.px.to(device))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reference:
    """A photo resampled for one tile, at the high resolution."""

    view_index: int
    color: Float32[Tensor, "3 H W"]  # sRGB-encoded, [0, 1]; 0 where the weight is 0
    weight: Float32[Tensor, "H W"]  # [0, 1], 0 = unseen
    prior: Float32[Tensor, "2 h w"]  # low texels: cosine of the view angle; photo px per high texel
    part: PhotoPart


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Warped:
    """The references of a tile, in its own texels, at the high resolution."""

    color: Float32[Tensor, "b k 3 H W"]  # sRGB-encoded, [0, 1]; 0 where the weight is 0
    weight: Float32[Tensor, "b k H W"]  # [0, 1], 0 = unseen
    prior: Float32[
        Tensor, "b k 2 h w"
    ]  # low texels: cosine of the view angle; photo px per high texel
    trust: Float32[Tensor, "b k"]  # [0, 1], agreement of the whole view with the atlas
    parts: tuple[PhotoPart, ...] = ()  # of the references of a single tile; (): not known

    def to(self, device: str) -> "Warped":
        """The same on another device."""
        return Warped(
            color=self.color.to(device),
            weight=self.weight.to(device),
            prior=self.prior.to(device),
            trust=self.trust.to(device),
            parts=tuple(part.to(device) for part in self.parts),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sight:
    """Where a photo shows a tile, as an upscaler that found it tells."""

    patch: Int64[Tensor, "p q"]  # of the photo, for each patch of 3 x 3 low texels of the tile
    similarity: Float32[Tensor, "p q"]  # of the two, [-1, 1]; -1 where it was not looked for
    flow: Float32[Tensor, "2 h w"]  # from a low texel to its place on the photo; x, y, low texels

    def to(self, device: str) -> "Sight":
        """The same on another device."""
        parts = self.patch, self.similarity, self.flow
        patch, similarity, flow = (part.to(device) for part in parts)
        return Sight(patch=patch, similarity=similarity, flow=flow)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cropped:
    """The references of a tile as cut from their photos, for matching without geometry."""

    photos: list[Float32[Tensor, "3 _ _"]]
    px: tuple[float, ...] = ()  # of each as it was taken, to a pixel of it here, an axis; (): 1
    sights: tuple[Sight, ...] = ()  # of a single tile, one a photo; (): not known
    regions: tuple[Region | None, ...] = ()  # low texels of a picture that each is for; None: all

    def part_for(self, index: int, region: Region) -> Region:
        """Give the part of a region that a photo is for."""
        own = self.regions[index] if self.regions else None
        return region if own is None else own.intersected(region)

    def kept_over(self, region: Region) -> list[int]:
        """Tell which are for some of a region."""
        return [at for at in range(len(self.photos)) if self.part_for(at, region).area]

    def of(self, kept: Sequence[int]) -> "Cropped":
        """Give some of them, of all of the picture; where they show a tile is not told."""
        px = tuple(self.px[index] for index in kept) if self.px else ()
        return Cropped(photos=[self.photos[index] for index in kept], px=px)

    def to(self, device: str) -> "Cropped":
        """The same on another device."""
        return Cropped(
            photos=[photo.to(device) for photo in self.photos],
            px=self.px,
            sights=tuple(sight.to(device) for sight in self.sights),
            regions=self.regions,
        )


def stack(references: list[Reference], trust: list[float]) -> Warped | None:
    """Put the references of one tile together; None where there are none."""
    if not references:
        return None
    return Warped(
        color=torch.stack([r.color for r in references])[None],
        weight=torch.stack([r.weight for r in references])[None],
        prior=torch.stack([r.prior for r in references])[None],
        trust=torch.tensor(trust, dtype=torch.float32)[None],
        parts=tuple(r.part for r in references),
    )
