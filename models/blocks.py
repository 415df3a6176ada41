"""The residual block that all our networks are built of."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


@final
class ResidualBlock(nn.Module):
    """Two convolutions of three by three, a ReLU between them, and a shortcut; no normalisation."""

    def __init__(self, width: int, *, starts: tuple[float, float] = (1.0, 1.0)) -> None:
        """Take the channels, and what the first weights of both convolutions are multiplied by."""
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            for conv, start in zip((self.first, self.second), starts, strict=True):
                conv.weight.mul_(start)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return x + self.second(functional.relu(self.first(x)))


def residual_blocks(
    width: int, count: int, *, starts: tuple[float, float] = (1.0, 1.0)
) -> nn.Sequential:
    """Give so many in a row."""
    return nn.Sequential(*(ResidualBlock(width, starts=starts) for _ in range(count)))
