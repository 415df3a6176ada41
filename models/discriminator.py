"""A small critic of texture: tells results from truths, patch by patch.

After Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017:
it sees the base that was given beside what was added to it, and judges patches of 22 texels. Its
weights are bounded as in Miyato et al., "Spectral Normalization for Generative Adversarial
Networks", ICLR 2018, so that it stays light.
"""

from itertools import pairwise
from typing import final

import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

DETAIL_GAIN = 4.0  # what is added is small beside the base
SLOPE = 0.2


@final
class PatchDiscriminator(nn.Module):
    """The critic; high scores say "true"."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        channels = (6, width, 2 * width, 4 * width)
        self.looks = nn.ModuleList(
            spectral_norm(nn.Conv2d(into, out, 4, stride=2, padding=1))
            for into, out in pairwise(channels)
        )
        self.verdict = spectral_norm(nn.Conv2d(channels[-1], 1, 1))

    def forward(
        self, base: Float32[Tensor, "b 3 H W"], high: Float32[Tensor, "b 3 H W"]
    ) -> Float32[Tensor, "b 1 h w"]:
        """Score patches of pictures, which may be those of a result or of the truth.

        Args:
            base: the faithful enlargement of the low tile.
            high: sRGB-encoded, [0, 1]; at least 8 texels on a side.
        """
        x = torch.cat([base - 0.5, DETAIL_GAIN * (high - base)], dim=1)
        for look in self.looks:
            x = functional.leaky_relu(look(x), SLOPE)
        return self.verdict(x)


def critic_loss(true: Tensor, made: Tensor) -> Float32[Tensor, ""]:
    """What the critic minimises (hinge): truths above 1, results below -1."""
    return functional.relu(1.0 - true).mean() + functional.relu(1.0 + made).mean()
