"""Turns of a tile: eight different ones, undone exactly, averaged as they were."""

import pytest
import torch

from texsr.models.ensemble import ALL_TURNS, Turns, turned_back


@pytest.fixture
def plane() -> torch.Tensor:
    return torch.rand(1, 3, 6, 9, generator=torch.Generator().manual_seed(0))


def test_eight_turns_are_eight_different_ones_and_are_undone(plane):
    views = Turns(ALL_TURNS).each(plane)
    assert {view.shape for view in views} == {(1, 3, 6, 9), (1, 3, 9, 6)}
    assert len({tuple(view.flatten().tolist()) for view in views}) == ALL_TURNS
    for index, view in enumerate(views):
        assert torch.equal(turned_back(view, index), plane)


@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_the_mean_of_turns_is_the_plane_itself(plane, count):
    turns = Turns(count)
    torch.testing.assert_close(turns.mean(turns.each(plane)), plane, atol=1e-6, rtol=0)


def test_the_mean_is_taken_place_by_place(plane):
    turns = Turns(2)
    one, other = turns.each(plane)
    torch.testing.assert_close(turns.mean([one, other + 1.0]), plane + 0.5)


@pytest.mark.parametrize("count", [0, 9])
def test_there_are_eight_turns(count):
    with pytest.raises(ValueError, match=f"found {count}"):
        Turns(count)
