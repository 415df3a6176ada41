"""Residual blocks whose channels are modulated by what lies around a place.

Convolutions of three by three see a few texels: to them a stripe of a pattern is an edge like any
other. Here some channels are multiplied by gates, said for cells of eight by eight texels: by these
channels' own maxima in a cell and its neighbours, and by how much they vary around it.

The blocks are those of Zheng et al., "SMFANet: A Lightweight Self-Modulation Feature Aggregation
Network for Efficient Image Super-Resolution", ECCV 2024, so that they can learn from its blocks one
by one. We differ where tiles would show: variance is that of a surrounding, not of all of an input,
and gates change smoothly from cell to cell. And we differ where time is lost: convolutions that are
followed by nothing but sums are one, dense where theirs are depthwise, which processors do faster.
"""

from typing import final

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn import functional

from texsr.models.port import silence
from texsr.models.surroundings import drawn_out, moments_around

CELL_TX = 8
AROUND = 3  # cells on every side of one, over which its channels' variance is taken
NORM_EPS = 1e-6


@final
class ModulatedBlock(nn.Module):
    """Adds modulated channels to features, then mixed ones; silent at the start."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.modulation = SelfModulation(width)
        self.mixing = PartialMixing(width)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Add to features.

        Args:
            x: sides are multiples of `CELL_TX`.
        """
        x = x + self.modulation(x)
        return x + self.mixing(x)


@final
class SelfModulation(nn.Module):
    """Channels multiplied by gates that they open themselves, beside a few texels' detail."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gated = nn.Conv2d(width, width, 1)
        self.peaks = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.variance = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.mix = nn.Conv2d(width, width, 1)
        self.plain = nn.Conv2d(width, width, 1)
        self.near = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.detail = nn.Conv2d(2 * width, width, 1)
        self.out = nn.Conv2d(width, width, 1)
        silence(self.out.weight, self.out.bias)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Give what to add to features."""
        level = at_one_norm(x)
        gated = self.gated(level)
        detail = self.detail(functional.gelu(self.near(self.plain(level))))
        return self.out(gated * self.gates(gated) + detail)

    def gates(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Give what channels are multiplied by, from their maxima and variances around a place."""
        with torch.autocast(x.device.type, enabled=False):  # variances of bf16 are not worth much
            told = self.peaks(functional.max_pool2d(x, CELL_TX).float())
            around = moments_around(x.float(), cell_tx=CELL_TX, reach=AROUND)
            told = told + self.variance * around.variance
            return drawn_out(functional.gelu(self.mix(told)), CELL_TX).to(x.dtype)


@final
class PartialMixing(nn.Module):
    """Mixes channels texel by texel, and a quarter of the hidden ones with their neighbours'."""

    def __init__(self, width: int) -> None:
        super().__init__()
        part = width // 2
        self.first = nn.Conv2d(width, part, 1)
        self.near = nn.Conv2d(part, part, 3, padding=1)
        self.first_out = nn.Conv2d(part, width, 1)
        self.rest = nn.Conv2d(width, 2 * width - part, 1)
        self.rest_out = nn.Conv2d(2 * width - part, width, 1, bias=False)
        silence(self.first_out.weight, self.first_out.bias, self.rest_out.weight)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Give what to add to features."""
        level = at_one_norm(x)
        near = functional.gelu(self.near(functional.gelu(self.first(level))))
        return self.first_out(near) + self.rest_out(functional.gelu(self.rest(level)))


def at_one_norm(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Scale every texel's features to norm 1, in which blocks look at them.

    Gates multiply what they are made of: otherwise whatever is unlike everything learnt would grow
    from block to block without a bound.
    """
    return functional.normalize(x, dim=1, eps=NORM_EPS)


def in_whole_cells(plane: Float32[Tensor, "b c h w"]) -> Float32[Tensor, "b c p q"]:
    """Repeat the last row and column until sides are multiples of a cell."""
    height, width = plane.shape[2:]
    return functional.pad(plane, (0, -width % CELL_TX, 0, -height % CELL_TX), mode="replicate")
