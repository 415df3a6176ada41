"""Matching near its own place is exact there; by propagation it is good, and cheap."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.oracles.matching import similarities
from texsr.models.matching import RunningMatch, match
from texsr.models.nearby import NearMatch, likeness, match_by_propagation

SIDES = st.integers(3, 8)


def features(seed: int, channels: int, height: int, width: int) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(channels, height, width, generator=rng)


@settings(deadline=None)
@given(st.integers(0, 99), SIDES, SIDES, st.integers(0, 3), st.integers(1, 3))
def test_near_its_own_place_it_is_exact_over_all_keys(seed, h, w, reach, num_keys):
    query = features(seed, 3, h, w)
    keys = [features(seed + 1 + number, 3, h, w) for number in range(num_keys)]
    near = NearMatch(query, reach)
    for one in keys:
        near.look_at(one)
    found = near.found()
    shape = h - 2, w - 2
    table = torch.stack([similarities(query, one).view(*shape, *shape) for one in keys], dim=2)
    for y in range(h - 2):
        for x in range(w - 2):
            rows = slice(max(0, y - reach), y + reach + 1)
            columns = slice(max(0, x - reach), x + reach + 1)
            best = float(table[y, x, :, rows, columns].max())
            assert float(found.similarity[0, y, x]) == pytest.approx(best, abs=1e-6)
            patch = int(found.patch[0, y, x])
            assert float(table[y, x].flatten()[patch]) == pytest.approx(best, abs=1e-6)
            row, column = divmod(patch % (shape[0] * shape[1]), shape[1])
            assert abs(row - y) <= reach
            assert abs(column - x) <= reach


def test_a_window_over_everything_is_exhaustive():
    query, keys = features(0, 4, 7, 6), features(1, 4, 7, 6)
    near, whole = NearMatch(query, 9), RunningMatch(query)
    for one in (near, whole):
        one.look_at(keys)
        one.look_at(keys.flip(1), first=100, across=11)
    assert torch.equal(near.found().patch, whole.found().patch)


def test_keys_lie_where_the_query_does():
    near = NearMatch(features(0, 4, 7, 6), 1)
    with pytest.raises(ValueError, match=r"found \(4, 7, 7\); expected \(4, 7, 6\)"):
        near.look_at(features(1, 4, 7, 7))


def test_propagation_finds_nearly_all_of_a_picture_in_itself():
    rng = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.interpolate(features(0, 6, 24, 28)[None], scale_factor=4.0)[0]
    keys = smooth + 0.3 * features(1, 6, 96, 112)
    query = keys[:, 20:84, 31:95]
    found = match_by_propagation(query, keys, rng)
    row, column = found.patch[0] // 110, found.patch[0] % 110
    right = (row == torch.arange(20, 82)[:, None]) & (column == torch.arange(31, 93))
    assert float(right.float().mean()) > 0.97
    torch.testing.assert_close(found.similarity[0], likeness(query, keys, row, column))


def test_propagation_is_the_same_for_the_same_seed_and_never_above_the_best():
    query, keys = features(0, 4, 20, 22), features(1, 4, 30, 26)
    one, other = (
        match_by_propagation(query, keys, torch.Generator().manual_seed(3)) for _ in range(2)
    )
    assert torch.equal(one.patch, other.patch)
    best = match(query, keys).similarity
    assert bool((one.similarity <= best + 1e-6).all())
    assert float((best - one.similarity).mean()) < 0.15  # noise: neighbours know nothing
