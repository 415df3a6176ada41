"""Affine maps of the plane from one image to another, and images laid along them.

A map is 2 x 3: from a place of one image to one of the other, x and y, both counted from the middle
of their upper left texel or pixel.
"""

from typing import NamedTuple, final

import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor
from torch.nn import functional

from texsr.models.resample import resize
from texsr.models.smoothing import blur

WEIGHT_SIGMA, STIFFNESS = 2.0, 400.0  # of a map fitted to a flow
EMPTY = 1e-9


class Canvas(NamedTuple):
    """A canvas that holds all of an image."""

    map: Float64[Tensor, "2 3"]  # to the image
    size: tuple[int, int]


@final
class Laid:
    """A photo that is asked for at one size after another."""

    def __init__(self, photo: Float32[Tensor, "3 h w"]) -> None:
        self.photo = photo
        self._reduced: dict[tuple[int, int], Tensor] = {}

    def at(self, px: float) -> Float32[Tensor, "3 _ _"]:
        """Give the photo with `px` of its pixels in one, but no larger than it is."""
        height, width = self.photo.shape[1:]
        size = min(height, max(1, round(height / px))), min(width, max(1, round(width / px)))
        if size == (height, width):
            return self.photo
        if size not in self._reduced:
            self._reduced[size] = resize(self.photo[None], size)[0]
        return self._reduced[size]


def resampled(
    laid: Laid, map_: Float64[Tensor, "2 3"], size: tuple[int, int]
) -> tuple[Float32[Tensor, "3 h w"], Float32[Tensor, "h w"]]:
    """Sample a photo on a canvas, reduced first to about its resolution.

    Args:
        laid: the photo.
        map_: from the canvas to it.
        size: height and width of the canvas.

    Returns:
        Colours, and 1 where the photo holds them.
    """
    photo = laid.at(max(1.0, float(torch.linalg.svdvals(map_[:, :2])[-1])))
    map_ = chained(between(laid.photo.shape[1:], photo.shape[1:]), map_)
    x, y = torch.einsum("dk,khw->dhw", map_, _places(size))
    tall, wide = photo.shape[1:]
    inside = (x >= -0.5) & (x <= wide - 0.5) & (y >= -0.5) & (y <= tall - 0.5)
    return looked_up(photo, x, y, "bicubic"), inside.float()


def looked_up(
    planes: Float32[Tensor, "c _ _"], x: Float[Tensor, "h w"], y: Float[Tensor, "h w"], mode: str
) -> Float32[Tensor, "c h w"]:
    """Sample planes at places; the border is repeated. Modes are those of PyTorch's sampler."""
    tall, wide = planes.shape[1:]
    grid = torch.stack([(x + 0.5) * (2.0 / wide) - 1.0, (y + 0.5) * (2.0 / tall) - 1.0], -1)
    return functional.grid_sample(
        planes[None], grid[None].to(planes.dtype), mode, "border", align_corners=False
    )[0]


def fitted_map(
    offset: Float32[Tensor, "2 h w"], weight: Float32[Tensor, "h w"]
) -> Float64[Tensor, "2 3"]:
    """Fit a map to offsets; its slopes shrink towards none where there is little to go by."""
    places = _places((weight.shape[0], weight.shape[1])).flatten(1)
    smooth = blur(weight[None, None], WEIGHT_SIGMA)[0, 0].flatten().double()
    told = places * (smooth / smooth.mean().clamp_min(EMPTY))
    stiff = torch.diag(places.new_tensor([STIFFNESS, STIFFNESS, EMPTY]))
    fit = torch.linalg.solve(told @ places.T + stiff, told @ offset.flatten(1).double().T).T
    fit[:, :2] += torch.eye(2, dtype=torch.float64)
    return fit


def offsets_by(map_: Float64[Tensor, "2 3"], size: tuple[int, int]) -> Float32[Tensor, "2 h w"]:
    """Give how far a map takes each texel of an image."""
    places = _places(size)
    return (torch.einsum("dk,khw->dhw", map_, places) - places[:2]).float()


def canvas_of(image: Tensor, linear: Float64[Tensor, "2 2"]) -> Canvas:
    """Give the smallest canvas on which all of an image lies, by the linear part of its map."""
    height, width = image.shape[1:]
    corners = linear.new_tensor([[0, width, 0, width], [0, 0, height, height]]) - 0.5
    spread = torch.linalg.inv(linear) @ corners
    first, last = spread.amin(1), spread.amax(1)
    wide, tall = (max(1, round(float(side))) for side in last - first)
    middle = (first + last) / 2 - linear.new_tensor([(wide - 1) / 2, (tall - 1) / 2])
    return Canvas(torch.cat([linear, (linear @ middle)[:, None]], 1), (tall, wide))


def between(
    size: torch.Size | tuple[int, ...], other: torch.Size | tuple[int, ...]
) -> Float64[Tensor, "2 3"]:
    """Give the map from an image to the same image of another size; heights and widths."""
    y, x = (theirs / own for own, theirs in zip(size, other, strict=True))
    shift = [[x, 0.0, (x - 1) / 2], [0.0, y, (y - 1) / 2]]
    return torch.tensor(shift, dtype=torch.float64)


def chained(outer: Float64[Tensor, "2 3"], inner: Float64[Tensor, "2 3"]) -> Float64[Tensor, "2 3"]:
    """Give the map that an inner one and then an outer one make."""
    linear = outer[:, :2] @ inner
    linear[:, 2] += outer[:, 2]
    return linear


def inverse(map_: Float64[Tensor, "2 3"]) -> Float64[Tensor, "2 3"]:
    """Give the map back."""
    linear = torch.linalg.inv(map_[:, :2])
    return torch.cat([linear, -linear @ map_[:, 2:]], 1)


def filled(color: Float32[Tensor, "3 h w"], inside: Float32[Tensor, "h w"]) -> Tensor:
    """Give what is outside the mean colour of what is inside."""
    mean = (color * inside).sum((1, 2)) / inside.sum().clamp_min(1.0)
    return torch.where(inside > 0, color, mean[:, None, None])


def _places(size: tuple[int, int]) -> Float64[Tensor, "3 h w"]:
    """Give x, y and 1 of each texel."""
    y = torch.arange(size[0], dtype=torch.float64)[:, None].expand(size)
    x = torch.arange(size[1], dtype=torch.float64)[None].expand(size)
    return torch.stack([x, y, torch.ones_like(x)])
