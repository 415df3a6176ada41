"""Losses by hand."""

import pytest
import torch

from texsr.models.losses import (
    LEAST_YARDSTICK,
    Yardstick,
    doubt_loss,
    relative_error,
    tile_l1,
    tile_rms,
    yardstick_of,
)


def test_the_error_of_a_tile_is_over_its_covered_texels():
    high, target = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    high[0, :, 0] = 0.5
    high[1] = 9.0
    covered = torch.zeros(2, 1, 4, 4)
    covered[0, :, :2] = 1.0  # half of it is wrong by 0.5; nothing of the other tile counts
    torch.testing.assert_close(tile_l1(high, target, covered), torch.tensor([0.25, 0.0]))


def test_tiles_weigh_alike_in_shares():
    target, covered = torch.zeros(2, 3, 4, 4), torch.ones(2, 1, 4, 4)
    high = torch.full_like(target, 0.1)
    high[1] = 0.01
    simple = torch.tensor([0.2, 0.02]) - LEAST_YARDSTICK
    found = relative_error(high, target, covered, Yardstick(simple, 2.0 * simple))
    torch.testing.assert_close(found, torch.tensor(0.5))


def test_the_root_of_the_mean_square_is_over_covered_texels():
    high, target = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    high[0, :, 0] = 0.5
    high[1] = 9.0
    covered = torch.zeros(2, 1, 4, 4)
    covered[0, :, :2] = 1.0
    found = tile_rms(high, target, covered)
    torch.testing.assert_close(found, torch.tensor([0.125**0.5, 0.0]), atol=5e-4, rtol=0.0)


@pytest.mark.parametrize("rms_share", [0.0, 0.3, 1.0])
def test_the_simple_answer_is_told_as_the_whole(rms_share: float):
    torch.manual_seed(0)
    target, covered = torch.rand(2, 3, 8, 8), torch.ones(2, 1, 8, 8)
    simple = target + torch.tensor([0.5, 0.3]).reshape(2, 1, 1, 1) * torch.randn_like(target)
    found = relative_error(
        simple, target, covered, yardstick_of(simple, target, covered), rms_share
    )
    assert float(found) == pytest.approx(1.0, abs=0.01)


def test_an_outlier_costs_more_of_the_square():
    target, covered = torch.zeros(1, 3, 8, 8), torch.ones(1, 1, 8, 8)
    even, outlier = torch.full_like(target, 0.1), torch.zeros_like(target)
    outlier[..., 0, 0] = 6.4  # the same mean absolute error
    simple = yardstick_of(even, target, covered)
    losses = [relative_error(outlier, target, covered, simple, share) for share in (0.0, 0.5, 1.0)]
    assert losses[0] == pytest.approx(1.0, abs=0.03)
    assert losses[0] < losses[1] < losses[2]


def test_a_perfect_answer_has_finite_slopes():
    high = torch.zeros(1, 3, 4, 4, requires_grad=True)
    target, covered = torch.zeros(1, 3, 4, 4), torch.ones(1, 1, 4, 4)
    simple = Yardstick(torch.ones(1), torch.ones(1))
    relative_error(high, target, covered, simple, 1.0).backward()
    assert high.grad is not None
    assert bool(torch.isfinite(high.grad).all())


def test_the_likeliest_doubt_is_the_mean_error():
    torch.manual_seed(0)
    target, covered = torch.zeros(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
    high = torch.randn_like(target) * 0.1
    true = float(high.abs().mean())
    said = {share: torch.full_like(covered, share * true) for share in (0.8, 1.0, 1.25)}
    losses = {
        share: float(doubt_loss(doubt, high, target, covered)) for share, doubt in said.items()
    }
    assert losses[1.0] < min(losses[0.8], losses[1.25])
