"""Matching near expected places is exact there; by propagation it is good, and cheap."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.oracles.matching import similarities
from texsr.models.matching import match
from texsr.models.nearby import likeness, match_by_propagation, match_near

SIDES = st.integers(3, 8)


def features(seed: int, channels: int, height: int, width: int) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(channels, height, width, generator=rng)


@settings(deadline=None)
@given(st.integers(0, 99), SIDES, SIDES, SIDES, SIDES, st.integers(0, 3))
def test_near_an_expected_place_it_is_exact(seed, h, w, h2, w2, radius):
    query, keys = features(seed, 3, h, w), features(seed + 1, 3, h2, w2)
    rng = torch.Generator().manual_seed(seed)
    row, column = (torch.randint(0, n - 2, (h - 2, w - 2), generator=rng) for n in (h2, w2))
    found = match_near(query, keys, row, column, radius=radius)
    table = similarities(query, keys).view(h - 2, w - 2, h2 - 2, w2 - 2)
    for y in range(h - 2):
        for x in range(w - 2):
            top, left = int(row[y, x]), int(column[y, x])
            rows = slice(max(0, top - radius), top + radius + 1)
            columns = slice(max(0, left - radius), left + radius + 1)
            best = float(table[y, x, rows, columns].max())
            assert float(found.similarity[0, y, x]) == pytest.approx(best, abs=1e-6)
            at = divmod(int(found.patch[0, y, x]), w2 - 2)
            assert float(table[y, x][at]) == pytest.approx(best, abs=1e-6)


def test_places_beyond_the_keys_are_moved_into_them():
    query, keys = features(0, 3, 5, 5), features(1, 3, 6, 7)
    far = torch.full((3, 3), 99)
    found = match_near(query, keys, far, -far, radius=0)
    assert (found.patch == 3 * 5).all()


def test_a_window_over_everything_is_exhaustive():
    query, keys = features(0, 4, 7, 6), features(1, 4, 9, 8)
    zero = torch.zeros(5, 4, dtype=torch.int64)
    near, whole = match_near(query, keys, zero, zero, radius=7), match(query, keys)
    assert torch.equal(near.patch, whole.patch)


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
