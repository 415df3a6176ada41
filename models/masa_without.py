"""MASA-SR without one of its parts: what stands in the place of SAM and of DRAM in ablations."""

from typing import final

import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional


@final
class AsItIs(nn.Module):
    """In the place of `Sam`: a reference is taken with the contrast that it has."""

    def forward(self, low: Tensor, taken: Tensor, texel_px: int) -> Float32[Tensor, "b c h w"]:
        return taken


@final
class Joint(nn.Module):
    """In the place of `Dram`: one convolution takes the enlarged low image and the reference."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.merge = nn.Conv2d(2 * width, width, 3, padding=1)

    def forward(
        self, low: Float32[Tensor, "b c h w"], taken: Float32[Tensor, "b c 2*h 2*w"]
    ) -> Float32[Tensor, "b c 2*h 2*w"]:
        return functional.relu(self.merge(torch.cat([doubled(low), taken], dim=1)))


def doubled(x: Float32[Tensor, "b c h w"]) -> Float32[Tensor, "b c 2*h 2*w"]:
    """Enlarge features bilinearly."""
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
