"""Networks to hold the speed of ours against, of the sizes that are known; their weights are drawn.

`rrdb`: the generator of Wang et al., "ESRGAN", ECCVW 2018, by its sizes. `plain`: convolutions at
the low resolution, nothing else.
"""

from collections import OrderedDict
from typing import final

import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional

RRDB_WIDTH, RRDB_GROWTH, RRDB_BLOCKS = 64, 32, 23
PLAIN_WIDTH, PLAIN_LAYERS = 64, 13
RESIDUAL = 0.2


def rrdb() -> nn.Module:
    """Build the network of ESRGAN, x4: 16.7 M parameters."""
    width = RRDB_WIDTH
    return nn.Sequential(
        OrderedDict(
            first=_conv(3, width),
            trunk=_Residual(*(_DenseBlocks() for _ in range(RRDB_BLOCKS)), _conv(width, width)),
            two=nn.Sequential(nn.Upsample(scale_factor=2), _conv(width, width), _leaky()),
            four=nn.Sequential(nn.Upsample(scale_factor=2), _conv(width, width), _leaky()),
            last=nn.Sequential(_conv(width, width), _leaky(), _conv(width, 3)),
        )
    ).eval()


def plain(scale: int) -> nn.Module:
    """Build a stack of convolutions at the low resolution: 0.5 M parameters at x4."""
    width = PLAIN_WIDTH
    layers: list[nn.Module] = [_conv(3, width), nn.ReLU(inplace=True)]
    for _ in range(PLAIN_LAYERS):
        layers += [_conv(width, width), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, _conv(width, 3 * scale**2), nn.PixelShuffle(scale)).eval()


def num_parameters(network: nn.Module) -> int:
    """Count the numbers that training would set."""
    return sum(each.numel() for each in network.parameters())


def _conv(into: int, out: int) -> nn.Conv2d:
    return nn.Conv2d(into, out, 3, padding=1)


def _leaky() -> nn.LeakyReLU:
    return nn.LeakyReLU(RESIDUAL, inplace=True)


@final
class _Residual(nn.Sequential):
    """A sequence with a shortcut around it."""

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


@final
class _DenseBlocks(nn.Module):
    """Three dense blocks with a shortcut around them (RRDB)."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(_Dense() for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.blocks(x) * RESIDUAL


@final
class _Dense(nn.Module):
    """Five convolutions, each of which sees what all before it gave."""

    def __init__(self) -> None:
        super().__init__()
        grown = [RRDB_WIDTH + number * RRDB_GROWTH for number in range(5)]
        self.grow = nn.ModuleList(_conv(width, RRDB_GROWTH) for width in grown[:-1])
        self.last = _conv(grown[-1], RRDB_WIDTH)

    def forward(self, x: Float32[Tensor, "b c h w"]) -> Float32[Tensor, "b c h w"]:
        seen = x
        for conv in self.grow:
            seen = torch.cat([seen, functional.leaky_relu(conv(seen), RESIDUAL)], dim=1)
        return x + self.last(seen) * RESIDUAL
