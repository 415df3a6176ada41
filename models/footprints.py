"""Which texels lie on which pixels of a photo, and how much of each pixel they make up.

A texel is taken for a square of the area that it has on the photo, upright there: for texels that
are not larger than pixels that is what a sensor adds up, to a few hundredths of a pixel.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from texsr.models.alignment import LUMA_WEIGHTS
from texsr.models.protocol import PhotoPart

APART_TEXELS = 24  # texels so far apart, along an axis, lie on one pixel only across a seam


class Box(NamedTuple):
    """A part of a tile, in texels."""

    rows: slice
    columns: slice

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        rows, columns = self
        return rows.stop - rows.start, columns.stop - columns.start


class Footprints(NamedTuple):
    """Which pixels see which texels of a tile: n texels, m pixels."""

    box: Box  # all that the photo sees lies within
    texel: Int64[Tensor, " n"]  # flat indices on the box
    pixel: Int64[Tensor, "4 n"]  # those that it lies on
    share: Float32[Tensor, "4 n"]  # of the pixel; a pixel's shares add up to 1
    value: Float32[Tensor, " m"]  # luma of the pixels
    total: Float32[Tensor, " m"]  # share of a pixel's area that is covered
    counts: Float32[Tensor, " m"]  # [0, 1], how far that is enough
    px: Float32[Tensor, " n"]  # photo px per texel

    def averaged(self, texels: Float32[Tensor, " n"]) -> Float32[Tensor, " m"]:
        """Average the texels on each pixel, as the photo did."""
        out = torch.zeros_like(self.value)
        for pixel, share in zip(self.pixel, self.share, strict=True):
            out.scatter_add_(0, pixel, texels * share)
        return out

    def over(self, plane: Float32[Tensor, "H W"]) -> Float32[Tensor, " m"]:
        """Average the texels of a whole tile on each pixel."""
        return self.averaged(self.of(plane))

    def within(self, plane: Float32[Tensor, "p q"]) -> Float32[Tensor, " m"]:
        """Average the texels of the box on each pixel."""
        return self.averaged(plane.reshape(-1).index_select(0, self.texel))

    def of(self, plane: Float32[Tensor, "H W"]) -> Float32[Tensor, " n"]:
        """Take the texels that the photo sees from a whole tile."""
        return plane[self.box].reshape(-1).index_select(0, self.texel)

    def placed(self, texels: Float32[Tensor, "c n"]) -> Float32[Tensor, "c p q"]:
        """Put texels in their places on the box, among zeros."""
        height, width = self.box.shape
        plane = texels.new_zeros(len(texels), height * width)
        return plane.index_copy_(1, self.texel, texels).view(len(texels), height, width)

    def seen(self, pixels: Float32[Tensor, " m"]) -> Float32[Tensor, " n"]:
        """Give each texel what its pixels give it; the transpose of `averaged`."""
        out = torch.zeros_like(self.px)
        for pixel, share in zip(self.pixel, self.share, strict=True):
            out.addcmul_(share, pixels.index_select(0, pixel))
        return out

    def shown(self, pixels: Float32[Tensor, " m"]) -> Float32[Tensor, " n"]:
        """Average the pixels that each texel lies on, each as far as it counts."""
        return self.seen(pixels * self.counts) / self.seen(self.counts).clamp_min(1e-6)

    def counted(self) -> Float32[Tensor, " n"]:
        """Tell how far the pixels that each texel lies on count, [0, 1]."""
        return self.seen(self.counts * self.total) / self.seen(self.total).clamp_min(1e-6)


def footprints(
    part: PhotoPart,
    box: Box,
    weight: Float32[Tensor, "p q"],
    shift: Float32[Tensor, "2 p q"],
    sampling: tuple[float, float],
    covered: tuple[float, float],
) -> Footprints | None:
    """Find which pixels of a photo see which texels.

    A texel is a square of the area that it has on the photo; texels at the border of what is seen
    are left out.

    Args:
        part: the photo.
        box: where on the tile it is looked at.
        weight: over the box; 0 where the view sees nothing.
        shift: how far, in texels, from its own place a texel is found on the photo.
        sampling: how many texels a pixel may be long, and photo px per texel up to which a texel is
            of use.
        covered: shares of a pixel's area from which it begins to count, and counts fully. (A step
            would show tiles: shares move by a rounding where tiles are cut otherwise.)

    Returns:
        None: there are none of use.
    """
    px = part.px[:, *box]
    along_x, along_y = torch.zeros_like(px), torch.zeros_like(px)
    along_x[..., 1:-1] = (px[..., 2:] - px[..., :-2]) * 0.5
    along_y[..., 1:-1, :] = (px[..., 2:, :] - px[..., :-2, :]) * 0.5
    area = (along_x[0] * along_y[1] - along_x[1] * along_y[0]).abs()
    side = area.sqrt()
    # A pixel is so many texels long, or less by a factor of up to the root of two.
    length = (along_x.square() + along_y.square()).sum(0).sqrt() / area.clamp_min(1e-9)
    useful = (length < sampling[0]) & (side < sampling[1]) & _surrounded(weight > 0)
    texel = torch.nonzero(useful.reshape(-1))[:, 0]
    if len(texel) == 0:
        return None
    planes = px, along_x, along_y, shift
    at, x, y, shift = (plane.reshape(2, -1).index_select(1, texel) for plane in planes)
    area, side = (plane.reshape(-1).index_select(0, texel) for plane in (area, side))
    at = at + x * shift[0] + y * shift[1]
    height, width = part.pixels.shape[1:]
    limits = at.new_tensor([[width], [height]])
    at = torch.minimum(at, limits - 0.51).clamp_min(0.5)
    first = (at - 0.5).floor()
    column, row = first.long()
    corner = row * width + column
    pixel = torch.stack([corner, corner + 1, corner + width, corner + width + 1])
    share = _quarters(at - first, side) * area
    return _numbered(part, (box, texel), pixel, share, side, covered)


def _quarters(at: Float32[Tensor, "2 n"], side: Float32[Tensor, " n"]) -> Float32[Tensor, "4 n"]:
    """Part squares among four pixels, the first of which reaches to 1 along both axes."""
    half = (side * 0.5).clamp_max(0.5)
    before = ((1.0 - at + half) / (2.0 * half)).clamp(0.0, 1.0)
    (x, y), (beyond_x, beyond_y) = before, 1.0 - before
    return torch.stack([x * y, beyond_x * y, x * beyond_y, beyond_x * beyond_y])


def _numbered(
    part: PhotoPart,
    texels: tuple[Box, Tensor],
    pixel: Tensor,
    share: Tensor,
    side: Tensor,
    covered: tuple[float, float],
) -> Footprints:
    """Count the pixels that are looked at, and share them out."""
    used = torch.zeros(part.pixels.shape[1] * part.pixels.shape[2], dtype=torch.bool)
    used = used.to(pixel.device).index_fill_(0, pixel.reshape(-1), True)
    chosen = torch.nonzero(used)[:, 0]
    pixel = (torch.cumsum(used, 0) - 1).take(pixel)
    pixel, stands_for = _parted(*texels, pixel, len(chosen))
    chosen = chosen[stands_for]
    total = share.new_zeros(len(chosen)).scatter_add_(0, pixel.reshape(-1), share.reshape(-1))
    share = share / total.clamp_min(1e-6).take(pixel)
    weights = share.new_tensor(LUMA_WEIGHTS) / 255.0
    value = weights @ part.pixels.reshape(3, -1)[:, chosen].float()
    begins, full = covered
    counts = ((total - begins) / (full - begins)).clamp(0.0, 1.0)
    return Footprints(*texels, pixel, share, value, total, counts, side)


def _parted(
    box: Box, texel: Int64[Tensor, " n"], pixel: Int64[Tensor, "4 n"], count: int
) -> tuple[Int64[Tensor, "4 n"], Int64[Tensor, " m"]]:
    """Give pixels that see several places of an atlas, across seams, a number for each of them.

    Whether the other places lie on the same tile must not matter.

    Returns:
        The numbers of pixels, and which pixel each number stands for.
    """
    width, texels, numbers = box.shape[1], texel.repeat(4), pixel.flatten().clone()
    stands_for = torch.arange(count, device=pixel.device)
    left = torch.arange(len(numbers), device=pixel.device)
    while len(left):
        seen, number = texels[left], numbers[left]
        first = texels.new_full((len(stands_for),), int(texel[-1]))
        first = first.scatter_reduce_(0, number, seen, "amin").take(number)
        down = (seen // width - first // width).abs()
        across = (seen % width - first % width).abs()
        apart = (down > APART_TEXELS) | (across > APART_TEXELS)
        left = left[apart]
        again, number = torch.unique(number[apart], return_inverse=True)
        numbers[left] = len(stands_for) + number
        stands_for = torch.cat([stands_for, stands_for[again]])
    return numbers.view_as(pixel), stands_for


def _surrounded(seen: Tensor) -> Tensor:
    """Whether a texel and its four neighbours are seen."""
    inside = torch.zeros_like(seen)
    inside[1:-1, 1:-1] = (
        seen[1:-1, 1:-1] & seen[:-2, 1:-1] & seen[2:, 1:-1] & seen[1:-1, :-2] & seen[1:-1, 2:]
    )
    return inside
