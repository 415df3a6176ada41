"""Losses by hand."""

import torch

from texsr.models.losses import LEAST_YARDSTICK, doubt_loss, relative_l1, tile_l1


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
    yardstick = torch.tensor([0.2, 0.02]) - LEAST_YARDSTICK
    torch.testing.assert_close(relative_l1(high, target, covered, yardstick), torch.tensor(0.5))


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
