"""Grids of texels: Pillow's bicubic at any place, and what a reduction cannot see."""

import pytest
import torch
from torch.nn import functional

from texsr.models.grids import Grid, brought_to, unseen_by_low, whole_grid
from texsr.models.resample import make_consistent, reduce

LOW = (12, 15)


def noise(seed: int, height: int, width: int) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [(48, 60), (18, 30), (31, 99), (96, 120), (12, 15)])
def test_a_whole_grid_is_what_resizing_gives(size):
    image = noise(0, 48, 60)
    expected = functional.interpolate(image, size, mode="bicubic", antialias=True)
    ours = brought_to(whole_grid(LOW, size), image, LOW)
    torch.testing.assert_close(ours, expected, atol=5e-6, rtol=0)


def test_part_of_a_grid_is_that_part_of_the_image():
    image, grid = noise(0, 48, 60), whole_grid(LOW, (31, 99))
    part = Grid(grid.rows[3:20], grid.columns[40:71], grid.texel)
    whole = brought_to(grid, image, LOW)
    torch.testing.assert_close(brought_to(part, image, LOW), whole[:, :, 3:20, 40:71])


@pytest.mark.parametrize("size", [(18, 23), (30, 38), (48, 60), (76, 90), (96, 120)])
def test_what_is_left_reduces_to_nothing(size):
    left = unseen_by_low(whole_grid(LOW, size), noise(0, *size), LOW)
    reduced = functional.interpolate(left, LOW, mode="bicubic", antialias=True)
    assert float(reduced.abs().max()) < 2e-6
    assert float(left.abs().mean()) > 0.05
    again = unseen_by_low(whole_grid(LOW, size), left, LOW)
    torch.testing.assert_close(again, left, atol=5e-6, rtol=0)


def test_away_from_the_border_that_is_what_makes_a_result_true_to_its_low_tile():
    image, low = noise(0, 160, 160), (40, 40)
    ours = unseen_by_low(whole_grid(low, (160, 160)), image, low)
    theirs = make_consistent(image, torch.zeros_like(reduce(image, 4)), 4)
    inside = (..., slice(60, 100), slice(60, 100))
    torch.testing.assert_close(ours[inside], theirs[inside], atol=2e-3, rtol=0)
