"""What AMRSR learns by, beside the L1: features, texture, and a critic.

Source: the paper's supplement (see `amrsr`); the forms are those of SRNTT (Zhang, Wang, Lin, Qi,
"Image Super-Resolution by Neural Texture Transfer", CVPR 2019), on which it is built. In SRNTT's
code good matches weigh *less* in the texture loss; here, as TTSR has it, they weigh more.

Two stages: 5 epochs of L1 alone, then 100 epochs of everything; or, for what is right rather than
what pleases, 100 epochs of L1 alone. Adam, 1e-4.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import final

import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional

from texsr.models.amrsr import Swapped

WIDTHS = (32, 64, 128, 256, 512)  # of the critic
CRITIC_SIDE = 5  # of its last map; pictures of 160 px come to that
SLOPE = 0.2
TEXTURE_CHANNELS = (1024, 512, 256)  # as SRNTT counts them, finest level first


@dataclass(frozen=True, slots=True, kw_only=True)
class AmrsrWeights:
    """Of each loss beside the L1, which has 1; the defaults are as published."""

    perceptual: float = 1e-4
    adversarial: float = 1e-6
    texture: float = 1e-4
    penalty: float = 10.0
    """Of the critic's gradient, where it is not 1."""


def texture_loss(
    shown: Sequence[Float32[Tensor, "_ _ _"]], swapped: Swapped
) -> Float32[Tensor, ""]:
    """Compare the textures of a result with those that references held.

    Args:
        shown: features of the result, finest first.
        swapped: what was taken from references, of the same sizes; similar places weigh more.
    """
    weight = torch.sigmoid(swapped.weight)[None, None]
    apart: list[Tensor] = []
    for channels, ours, theirs in zip(TEXTURE_CHANNELS, shown, swapped.levels, strict=True):
        heed = functional.interpolate(weight, ours.shape[1:], mode="bilinear")[0]
        size = ours.shape[1] * ours.shape[2] * channels
        difference = _gram(ours * heed) - _gram(theirs * heed)
        apart.append(difference.square().mean() / (4.0 * float(size) ** 2))
    return torch.stack(apart).mean()


def _gram(features: Float32[Tensor, "c h w"]) -> Float32[Tensor, "c c"]:
    flat = features.flatten(1)
    return flat @ flat.T


@final
class Critic(nn.Module):
    """SRNTT's discriminator; pictures of any size are brought to its last map by averaging."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for into, out in pairwise((3, *WIDTHS)):
            for inner, stride in ((into, 1), (out, 2)):
                layers += [
                    nn.Conv2d(inner, out, 3, stride=stride, padding=1),
                    nn.BatchNorm2d(out),
                    nn.LeakyReLU(SLOPE),
                ]
        self.looks = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(CRITIC_SIDE), nn.Flatten())
        self.verdict = nn.Sequential(
            nn.Linear(WIDTHS[-1] * CRITIC_SIDE**2, 1024), nn.LeakyReLU(SLOPE), nn.Linear(1024, 1)
        )

    def forward(self, picture: Float32[Tensor, "b 3 h w"]) -> Float32[Tensor, "b 1"]:
        """Score pictures, sRGB-encoded in [0, 1]; high says "true"."""
        return self.verdict(self.looks(2.0 * picture - 1.0))


def penalised_critic_loss(
    critic: Callable[[Tensor], Tensor],
    true: Float32[Tensor, "b 3 h w"],
    made: Float32[Tensor, "b 3 h w"],
    generator: torch.Generator,
    *,
    penalty: float = 10.0,
) -> Float32[Tensor, ""]:
    """Give what the critic minimises: a Wasserstein distance, its gradient held to 1.

    The penalty is that of Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017,
    between truths and results.
    """
    share = torch.rand(len(true), 1, 1, 1, generator=generator).to(true)
    between = torch.lerp(made.detach(), true, share).requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    excess = (slope.flatten(1).norm(dim=1) - 1.0).square().mean()
    return critic(made.detach()).mean() - critic(true).mean() + penalty * excess
