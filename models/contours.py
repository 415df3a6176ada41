"""Contours: which texels lie along one edge, as far as a picture tells.

Where a picture has a direction, what is wrong with it is wrong all along: an edge is drawn too
soft, or beside its place, for many texels on end. The direction, and how far there is one, are
those of the structure tensor; its coherence is as in Weickert, "Coherence-Enhancing Diffusion
Filtering", IJCV 1999.
"""

import math
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float32, Int64
from torch import Tensor
from torch.nn import functional

from texsr.models.smoothing import blur

NUM_DIRECTIONS = 16  # over half a turn
LENGTHS = (1, 2, 3, 4, 6, 8, 10)  # texels at which a line is looked at, either way
STAND_FOR = (1.0, 1.0, 1.0, 1.5, 2.0, 2.0, 2.0)  # texels of it, each
FLAT = 3e-5  # squared slope per texel that gives no direction


@dataclass(frozen=True, slots=True, kw_only=True)
class ContourSettings:
    """What is taken for a contour. Lengths are in texels."""

    along: float = 5.0
    """Sigma over which texels of a contour are alike."""
    window: float = 1.5
    """Sigma of the window in which a direction is measured."""
    power: float = 4.0
    """Of the coherence, which makes how far a texel is on a contour."""
    least: float = 0.3
    """What it has to be more than, to be on a contour at all."""


@final
class Contours:
    """How alike texels are along contours, as a symmetric matrix.

    Blurred a little across it is a covariance, nearly: where contours bend sharply, lines that end
    leave eigenvalues below 0, small beside the largest.

    A direction lies between two of `NUM_DIRECTIONS`; lines along both count, by how near they are.
    All of it changes little by little with the picture: steps would show where tiles are cut.
    """

    def __init__(self, picture: Float32[Tensor, "H W"], settings: ContourSettings) -> None:
        """Find the contours of a picture.

        Args:
            picture: luma.
            settings: what is taken for a contour.
        """
        self._shape = picture.shape
        self._reach = max(LENGTHS)
        membership, angle = _directions(picture, settings)
        self.share: Float32[Tensor, "H W"] = membership.square()
        """[0, 1], how far each texel is on a contour; the diagonal of the matrix."""
        self._texels, self._neighbours, self._likeness = self._linked(membership, angle, settings)

    def along(self, plane: Float32[Tensor, "H W"]) -> Float32[Tensor, "H W"]:
        """Add up a plane along contours, by how alike texels are; 0 where there are none."""
        padded = self._padded(plane).reshape(-1)
        found = self.share.reshape(-1) * plane.reshape(-1)
        total = found.new_zeros(self._texels.shape)
        for place, likeness in zip(self._neighbours, self._likeness, strict=True):
            total.addcmul_(likeness, padded.index_select(0, place))
        return found.index_add_(0, self._texels, total).view(self._shape)

    def _padded(self, plane: Tensor) -> Tensor:
        return functional.pad(plane, (self._reach,) * 4)

    def _linked(
        self, membership: Tensor, angle: Tensor, settings: ContourSettings
    ) -> tuple[Int64[Tensor, " n"], list[Tensor], list[Tensor]]:
        """Give the texels on contours; step by step, their neighbours and how alike those are."""
        sides, parts = _split(membership, angle)
        table = membership.new_zeros(NUM_DIRECTIONS, *self._padded(membership).shape)
        inner = table[:, self._reach : -self._reach, self._reach : -self._reach]
        for side, part in zip(sides, parts, strict=True):
            inner.scatter_(0, side[None], part[None])
        size, width, flat = table[0].numel(), table.shape[2], table.reshape(-1)
        texels = torch.nonzero(membership.reshape(-1))[:, 0]
        row, column = texels // self._shape[1], texels % self._shape[1]
        own = (row + self._reach) * width + column + self._reach
        steps = _steps(width).to(own.device)
        neighbours, likeness = list[Tensor](), list[Tensor]()
        for side, part in zip(sides, parts, strict=True):
            direction, amount = side.take(texels), part.take(texels)
            here = direction * size + own
            for length, weight, along in zip(LENGTHS, STAND_FOR, steps, strict=True):
                fading = weight * math.exp(-0.5 * (length / settings.along) ** 2)
                faded, step = amount * fading, along.take(direction)
                for way in (step, -step):
                    neighbours.append((own + way).int())
                    likeness.append(faded * flat.take(here + way))
        return texels, neighbours, likeness


def _directions(
    picture: Float32[Tensor, "H W"], settings: ContourSettings
) -> tuple[Float32[Tensor, "H W"], Float32[Tensor, "H W"]]:
    """Tell how far texels are on contours, [0, 1], and where those run to, in directions."""
    padded = functional.pad(picture[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    x = (padded[1:-1, 2:] - padded[1:-1, :-2]) * 0.5
    y = (padded[2:, 1:-1] - padded[:-2, 1:-1]) * 0.5
    products = torch.stack([x * x, y * y, x * y])[None]
    xx, yy, xy = blur(products, settings.window)[0]
    coherence = torch.hypot(xx - yy, 2.0 * xy) / (xx + yy + FLAT)
    excess = coherence**settings.power - settings.least
    across = 0.5 * torch.atan2(2.0 * xy, xx - yy)
    angle = (across / math.pi + 0.5) * NUM_DIRECTIONS
    return excess.clamp_min(0.0) / (1.0 - settings.least), angle


def _split(
    membership: Float32[Tensor, "H W"], angle: Float32[Tensor, "H W"]
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Give the two directions that each texel lies between, and parts whose squares add up."""
    nearest = angle.floor()
    turn = (angle - nearest) * (math.pi / 2.0)
    first = nearest.long() % NUM_DIRECTIONS
    sides = first, (first + 1) % NUM_DIRECTIONS
    return sides, (membership * turn.cos(), membership * turn.sin())


def _steps(width: int) -> Int64[Tensor, "lengths directions"]:
    """Give how far on a flat plane the texels along each direction lie."""
    angle = torch.arange(NUM_DIRECTIONS) * (math.pi / NUM_DIRECTIONS)
    length = torch.tensor(LENGTHS)[:, None]
    down, right = (length * angle.sin()).round().long(), (length * angle.cos()).round().long()
    return down * width + right
