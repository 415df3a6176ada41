"""Planes drawn for tests, and photos of them that are turned, mirrored, larger or slanted."""

import math

import torch
from torch import Tensor

from tests.pictures import printed
from texsr.models.planar_maps import Laid, canvas_of, filled, inverse, resampled
from texsr.models.resample import reduce


def drawn(seed: int, height: int, width: int) -> Tensor:
    """Draw spots of two sizes: there is something to go by at every scale."""
    return printed(seed, height, width, 24) * 0.6 + printed(seed + 50, height, width, 7) * 0.4


def low_of(truth: Tensor) -> Tensor:
    """Reduce by 4."""
    return reduce(truth[None], 4)[0].clamp(0, 1)


def linear_of(degrees: float, mirrored: bool, px: float, squeezed: float = 1.0) -> Tensor:
    """From high texels to pixels of a photo."""
    angle = math.radians(degrees)
    turn = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    linear = torch.tensor(turn, dtype=torch.float64) * px
    linear[:, 1] *= squeezed
    return linear * torch.tensor([[-1.0], [1.0]]) if mirrored else linear


def photo_along(truth: Tensor, linear: Tensor) -> tuple[Tensor, Tensor]:
    """Photograph a plane; give the photo, and the map from the plane to it."""
    seen = canvas_of(truth, torch.linalg.inv(linear))
    color, inside = resampled(Laid(truth), seen.map, seen.size)
    return filled(color, inside).clamp(0, 1), inverse(seen.map)
