"""Bands of a departure: none weighed changes nothing, all gone leaves what is coarse."""

import torch

from texsr.models.bands import BAND_SIGMAS, NUM_BANDS, balanced
from texsr.models.smoothing import blur


def departure() -> torch.Tensor:
    return torch.rand(1, 3, 40, 32, generator=torch.Generator().manual_seed(0)) - 0.5


def gains(*values: float) -> torch.Tensor:
    return torch.tensor(values).view(1, NUM_BANDS, 1, 1).expand(1, NUM_BANDS, 40, 32)


def test_a_gain_of_nothing_adds_nothing():
    assert not balanced(departure(), gains(0.0, 0.0, 0.0)).any()


def test_all_bands_gone_leave_the_coarsest_blur():
    left = departure() + balanced(departure(), gains(-1.0, -1.0, -1.0))
    torch.testing.assert_close(left, blur(departure(), BAND_SIGMAS[-1]), atol=1e-6, rtol=0)


def test_the_first_gain_is_that_of_the_finest_band():
    left = departure() + balanced(departure(), gains(-1.0, 0.0, 0.0))
    torch.testing.assert_close(left, blur(departure(), BAND_SIGMAS[0]), atol=1e-6, rtol=0)
