"""Tiles of waves with their answers, photos of them, and what fusing these gains."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from texsr.models.projection import Projection
from texsr.models.resample import reduce
from texsr.pipeline.references import Warped

SCALE, SIDE = 4, 32
INNER = slice(8 * SCALE, -8 * SCALE)  # away from the border of a tile, which overlaps cover


def texture(seed: int = 0, side: int = SIDE, *, finest: float = 0.35) -> Tensor:
    """1 3 H W in [0, 1]: waves of all lengths down to `finest` cycles a high texel."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : side * SCALE, 0 : side * SCALE].astype(np.float64)
    plane = np.zeros((3, side * SCALE, side * SCALE))
    for _ in range(60):
        cycles, angle = finest * rng.uniform(0.03, 1.0), rng.uniform(0, 2 * np.pi)
        phase = 2 * np.pi * cycles * (np.cos(angle) * x + np.sin(angle) * y)
        plane += rng.uniform(0.3, 1.0, (3, 1, 1)) * np.sin(phase + rng.uniform(0, 2 * np.pi))
    plane = 0.5 + 0.12 * plane / plane.std()
    return torch.from_numpy(np.clip(plane, 0, 1).astype(np.float32))[None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tile:
    """A tile with its answer."""

    truth: Tensor

    @property
    def low(self) -> Tensor:
        return reduce(self.truth, SCALE)

    def references(self, *photos: Tensor, weight: Tensor | None = None, trust=None) -> Warped:
        """Photos (1 3 H W) all seen alike, unless a weight (k H W) says otherwise."""
        k, side = len(photos), self.truth.shape[-1]
        seen = torch.ones(k, side, side) if weight is None else weight
        color = torch.stack([photo[0] for photo in photos]) * (seen[:, None] > 0)
        return Warped(
            color=color[None],
            weight=seen[None],
            prior=torch.ones(1, k, 2, side // SCALE, side // SCALE),
            trust=torch.ones(1, k) if trust is None else torch.tensor([trust]),
        )

    def psnr(self, high: Tensor, region: slice = INNER) -> float:
        error = (high - self.truth)[..., region, region]
        return float(-10 * torch.log10((error**2).mean()))


def noisy(image: Tensor, sigma: float, seed: int) -> Tensor:
    return image + sigma * torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))


def fused(tile: Tile, references: Warped | None, upscaler: Projection | None = None) -> Tensor:
    return (upscaler or Projection())(tile.low, references, SCALE).high
