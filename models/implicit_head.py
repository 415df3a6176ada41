"""A head for any scale on the default network: what it adds is asked for point by point.

Source: the implicit attention of Cao et al., "CiaoSR: Continuous Implicit Attention-in-Attention
Network for Arbitrary-Scale Image Super-Resolution", CVPR 2023 (`texsr.models.ciaosr`), asked of the
features that the network answers from, references and all. We differ in three ways:

- A colour is the network's own answer, brought to the texels that are wanted, and what the head
  adds. An untrained head adds nothing.
- The inner attention, over the whole image, is left out for a convolution: what a texel gets must
  not depend on where a tile is cut. For the same reason the neighbours of a point are told by its
  place among them alone.
- The head is small: features are narrowed before it.
"""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional

from texsr.models.ciaosr import NUM_TAPS, CiaoHead, Known, Points
from texsr.models.port import silence

REACH_TX = 6  # low texels around a point that have a say, those of the low image included
LIVELY = 8.0  # brings the network's features to the order of one
LITTLE = 0.1
POINTS = 1024  # asked at once: more take twice the time, for they leave the processor's cache


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadConfig:
    """The size of a head, and what it goes with."""

    width: int = 24
    """Channels that features are narrowed to."""
    hidden: int = 32
    """Channels inside its three small networks."""
    features: int = 48
    """Channels of the network's features."""
    native: int = 4
    """Scale of the network's that it is asked at."""
    model: str = ""
    """Name of the checkpoint that it was trained for."""
    sha256: str = ""
    """Of that checkpoint's network: `texsr.models.checkpoint.digest_of`."""


@final
class ImplicitHead(nn.Module):
    """The head alone; the network that it goes with is not part of it."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.config = config
        self.narrow = nn.Conv2d(config.features, config.width, 1)
        around = nn.Conv2d(config.width, config.width, 3, padding=1)
        self.head = CiaoHead(config.width, config.hidden, around)
        keyed = NUM_TAPS * config.width
        for perceptron, start in (
            (self.head.key, 1.0 / keyed),
            (self.head.value, 1.0),
            (self.head.color, 0.0),
        ):
            _begin(perceptron, start)
        silence(*self.head.color[-1].parameters())

    def know(self, low: Float32[Tensor, "b 3 h w"], features: Float32[Tensor, "b c h w"]) -> Known:
        """Look at features once, so that points can be asked of them."""
        narrow = self.narrow(features * LIVELY)
        around = functional.unfold(narrow, 3, padding=1).mT.contiguous()
        return self.head.know(low, narrow)._replace(local=True, around=around)

    def forward(
        self,
        low: Float32[Tensor, "b 3 h w"],
        features: Float32[Tensor, "b c h w"],
        points: Points,
    ) -> Float32[Tensor, "b 3 n"]:
        """Give what is added to the network's own answer at some points of tiles."""
        return self.head.residual(self.know(low, features), points, POINTS)


@torch.no_grad()
def _begin(perceptron: nn.Sequential, start: float) -> None:
    """Let what goes in come through: at first all that comes out is near `start`.

    As PyTorch begins such layers, five in a row forget what went into the first.
    """
    layers = [layer for layer in perceptron if isinstance(layer, nn.Linear)]
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    layers[-1].weight.mul_(LITTLE * abs(start))
    layers[-1].bias.fill_(start)


def chosen_points(points: Points, count: int, seed: int) -> tuple[Points, Tensor]:
    """Choose some points at random, always the same for a seed; and tell which."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(points.y), generator=generator)[:count].to(points.y.device)
    return Points(points.y[order], points.x[order], points.cell), order
