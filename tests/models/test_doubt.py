"""The error to expect at a texel."""

import pytest
import torch

from texsr.models.alignment import without_references
from texsr.models.doubt import (
    BENT_TOWARDS,
    LEAST_EXPECTED,
    RAISED,
    SURE,
    anticipated_error,
    contrast_share,
    evened_out,
)
from texsr.models.smoothing import blur

SCALE = 4


def test_large_errors_are_expected_to_be_smaller_and_keep_their_order():
    error = torch.logspace(-2.8, 0.5, 50)
    found = evened_out(error[:, None, None, None].expand(50, 1, 8, 8), SCALE)[:, 0, 3, 3]
    assert bool((found.diff() > 0).all())
    assert bool((found < error).all())
    assert float(found.max()) < RAISED * (BENT_TOWARDS - SURE)
    assert float((found / error).max()) > 0.8
    least = evened_out(torch.full((1, 1, 8, 8), 1e-6), SCALE)
    torch.testing.assert_close(least, torch.full_like(least, LEAST_EXPECTED))


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_what_repeats_from_low_texel_to_low_texel_is_not_expected(scale):
    told = torch.rand(1, 1, scale, scale, generator=torch.manual_seed(0)).repeat(1, 1, 10, 10)
    found = evened_out(0.01 * (1.0 + told), scale)
    inner = found[..., 3 * scale : -3 * scale, 3 * scale : -3 * scale]
    assert float(inner.std() / inner.mean()) < 0.05 * float(told.std() / (1.0 + told.mean()))
    plain = evened_out(torch.full_like(found, 0.01 * (1.0 + float(told.mean()))), scale)
    assert float(inner.mean()) == pytest.approx(float(plain.mean()), rel=0.02)


def test_a_pattern_of_texels_is_less_of_a_contrast_than_a_wave():
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    board, wave = torch.cos(torch.pi * (x + y)), torch.cos(torch.pi * x / 4.0)

    def anticipated(plane):
        contrast = (plane - blur(plane[None, None], 1.0)[0, 0]).abs().mean()
        high = (0.5 + 0.05 * plane / contrast).expand(1, 3, 64, 64)
        share = contrast_share(without_references(high, SCALE), SCALE)
        return float(anticipated_error(high, share).mean())

    assert anticipated(board) < 0.5 * anticipated(wave)
