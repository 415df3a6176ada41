"""The default network at a size for tests, and smooth pictures and photos for it."""

import torch
from torch import Tensor

from texsr.models.texsr import Texsr, TexsrConfig
from texsr.pipeline.references import Warped

SCALE, SIDE = 4, 24
SMALL = TexsrConfig(width=8, prior_blocks=1, fusion_blocks=1, reference_width=6)


def picture(seed: int) -> Tensor:
    """1 3 H W: smooth noise with detail down to a few high texels."""
    draw = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, SIDE * SCALE // 2, SIDE * SCALE // 2, generator=draw)
    fine = torch.nn.functional.interpolate(coarse, scale_factor=2.0, mode="bicubic")
    return (0.5 + 0.4 * (fine - 0.5)).clamp(0, 1)


def warped(*photos: Tensor, weight: Tensor | None = None) -> Warped:
    """Photos (1 3 H W) seen alike, or by a weight (k H W)."""
    k, side = len(photos), photos[0].shape[-1]
    seen = torch.ones(k, side, side) if weight is None else weight
    return Warped(
        color=torch.cat(photos)[None] * (seen[None, :, None] > 0),
        weight=seen[None],
        prior=torch.ones(1, k, 2, side // SCALE, side // SCALE),
        trust=torch.ones(1, k),
    )


def noisy(truth: Tensor, seed: int, *, noise: float = 0.03) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return (truth * 0.9 + noise * torch.randn(truth.shape, generator=draw)).clamp(0, 1)


def shaken(network: Texsr, seed: int = 0) -> Texsr:
    """Give every parameter, the heads that start at zero too, something to do."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=draw))
    return network
