"""Matching: the same as comparing all patches one by one, however the keys come."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.oracles.matching import similarities
from texsr.models import matching
from texsr.models.matching import TIE, RunningMatch, match

SIDES = st.integers(3, 9)


def features(seed: int, channels: int, height: int, width: int) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(channels, height, width, generator=rng).relu()


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch):
    monkeypatch.setattr(matching, "CPU_TILES", ((3, 2), (2, 4)))


def check(index: Tensor, similarity: Tensor, table: Tensor) -> None:
    """Hold what was found against the whole table of likenesses."""
    count = index.shape[0]
    values, order = table.sort(dim=1, descending=True, stable=True)
    expected = values[:, :count].T
    torch.testing.assert_close(similarity.flatten(1).double(), expected, atol=1e-6, rtol=0)
    clear = torch.ones_like(expected, dtype=torch.bool)
    for rank in range(count):
        for other in (rank - 1, rank + 1):
            if 0 <= other < values.shape[1]:
                clear[rank] &= (values[:, rank] - values[:, other]).abs() > 1e-5
    assert torch.equal(index.flatten(1)[clear], order[:, :count].T[clear])


@settings(deadline=None)
@given(st.integers(0, 99), SIDES, SIDES, SIDES, SIDES, st.integers(1, 3))
def test_it_finds_what_comparing_all_finds(seed, h, w, h2, w2, count):
    count = min(count, (h2 - 2) * (w2 - 2))
    query, keys = features(seed, 4, h, w), features(seed + 1, 4, h2, w2)
    found = match(query, keys, count=count)
    check(found.patch, found.similarity, similarities(query, keys))


@settings(deadline=None)
@given(st.integers(0, 99), st.lists(SIDES, min_size=1, max_size=4), st.integers(1, 2))
def test_keys_may_come_one_after_the_other_in_any_sizes(seed, widths, count):
    query = features(seed, 4, 5, 4)
    parts = [features(seed + 1 + i, 4, 6, width) for i, width in enumerate(widths)]
    running = RunningMatch(query, count=count)
    for part in parts:
        running.look_at(part)
    table = torch.cat([similarities(query, part) for part in parts], dim=1)
    check(*running.found(), table)


def test_strips_that_share_two_rows_are_one_map():
    query, keys = features(0, 8, 6, 7), features(1, 8, 20, 9)
    running = RunningMatch(query)
    for top in (0, 6, 12):
        running.look_at(keys[:, top : top + 8])
    whole = match(query, keys)
    assert torch.equal(running.found().patch, whole.patch)
    torch.testing.assert_close(running.found().similarity, whole.similarity)


def test_windows_of_a_map_in_any_order_are_the_map():
    query, keys = features(0, 8, 6, 7), features(1, 8, 14, 11)
    running = RunningMatch(query, count=2)
    for top, left in ((6, 5), (0, 0), (6, 0), (0, 5)):
        window = keys[:, top : top + 8, left : left + (7 if left == 0 else 6)]
        running.look_at(window, first=top * 9 + left, across=9)
    whole = match(query, keys, count=2)
    assert torch.equal(running.found().patch, whole.patch)
    torch.testing.assert_close(running.found().similarity, whole.similarity)


def test_of_equals_the_lowest_wins_wherever_it_lies():
    keys = features(0, 4, 3, 3).repeat(1, 5, 6)  # each patch many times over
    query = keys[:, 4:9, 5:10]
    found = match(query, keys)
    assert torch.equal(found.patch, similarities(query, keys).argmax(1).view(1, 3, 3))
    torch.testing.assert_close(found.similarity, torch.ones(1, 3, 3))


def test_silent_patches_are_like_nothing():
    found = match(torch.zeros(4, 4, 4), features(0, 4, 5, 5))
    assert (found.patch == 0).all()
    assert (found.similarity == 0).all()
    found = match(features(0, 4, 4, 4), torch.zeros(4, 5, 5))
    assert (found.similarity == 0).all()


def test_what_is_not_there_is_minus_one():
    found = match(features(0, 4, 4, 4), features(1, 4, 3, 4), count=3)
    assert (found.patch[2] == -1).all()
    assert (found.similarity[2] == -torch.inf).all()
    assert (found.patch[:2].sort(0).values == torch.tensor([0, 1])[:, None, None]).all()


def test_a_picture_finds_itself():
    keys = features(3, 16, 12, 14)
    found = match(keys[:, 2:9, 3:11], keys)
    expected = torch.arange(120).view(10, 12)[2:7, 3:9]
    assert torch.equal(found.patch[0], expected)
    assert (found.similarity >= 1 - 10 * TIE).all()


@pytest.mark.parametrize(("query", "keys"), [((2, 9), (9, 9)), ((9, 9), (9, 2))])
def test_maps_without_a_patch_are_refused(query, keys):
    with pytest.raises(ValueError, match="expected at least 3 x 3"):
        match(features(0, 4, *query), features(1, 4, *keys))
