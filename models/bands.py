"""The fine bands of what photos add, each weighed: up where lenses blur, down where noise is."""

import torch
from jaxtyping import Float
from torch import Tensor

from texsr.models.smoothing import blur

BAND_SIGMAS = (0.6, 0.9, 1.4)  # high texels; of the Gaussians that part the bands
NUM_BANDS = len(BAND_SIGMAS)


def balanced(
    departure: Float[Tensor, "b 3 H W"], gains: Float[Tensor, "b n H W"]
) -> Float[Tensor, "b 3 H W"]:
    """Give what to add to a departure so that its fine bands count 1 + gain, finest first."""
    departure = departure.contiguous()  # planes are blurred, not pixels
    added = torch.zeros_like(departure)
    finer = departure
    for gain, sigma in zip(gains.split(1, dim=1), BAND_SIGMAS, strict=True):
        coarser = blur(departure, sigma)
        added = torch.addcmul(added, finer - coarser, gain)
        finer = coarser
    return added
