"""Tiles fit the memory that they may take; worth is judged by what photos hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from texsr.pipeline.stages.plan import MAX_TILE_TX, MIN_TILE_TX, on_grid, tile_size_tx, worth


@settings(deadline=None)
@given(
    budget=st.integers(1 << 20, 1 << 33),
    per_texel=st.integers(20, 2000),
    scale=st.sampled_from([2, 4, 8]),
    overlap=st.integers(0, 32),
    side=st.integers(1, 5000),
)
def test_a_tile_and_its_overlap_fit_the_budget(budget, per_texel, scale, overlap, side):
    size = tile_size_tx(
        low_shape=(side, side // 2 + 1),
        scale=scale,
        overlap_tx=overlap,
        bytes_per_texel=per_texel,
        budget=budget,
    )
    assert size % 16 == 0
    assert 16 <= size <= MAX_TILE_TX
    assert size <= -(-side // 16) * 16
    if size > MIN_TILE_TX:
        assert ((size + 2 * overlap) * scale) ** 2 * per_texel <= budget


def test_more_memory_gives_larger_tiles_until_they_are_large_enough():
    sizes = [
        tile_size_tx(
            low_shape=(4096, 4096), scale=4, overlap_tx=16, bytes_per_texel=500, budget=2**power
        )
        for power in range(20, 36)
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] == MIN_TILE_TX
    assert sizes[-1] == MAX_TILE_TX


def test_worth_counts_photo_pixels_on_output_texels():
    best = np.concatenate([np.zeros(10), np.full(40, 0.8), np.full(50, 2.0)]).astype(np.float32)
    got = worth(best, scale=4.0, grid_per_low=1.0)
    assert got.px_per_texel.median == pytest.approx((0.8 + 2.0) / 2 / 4, abs=0.2)
    assert got.px_per_texel.p90 == pytest.approx(0.5)
    assert got.fillable_scale == pytest.approx(got.px_per_texel.median * 4)
    assert got.share_gaining == pytest.approx(0.5)
    coarse = worth(best * 2, scale=4.0, grid_per_low=0.5)
    assert coarse == got


def test_nothing_covered_is_worth_nothing():
    got = worth(np.zeros(0, np.float32), scale=4.0, grid_per_low=1.0)
    assert got.fillable_scale == 0.0
    assert got.share_gaining == 0.0


def test_tiles_begin_on_the_grid():
    assert [on_grid(side) for side in (1, 8, 9, 16, 19)] == [8, 8, 16, 16, 24]
