"""Batches for heads: any scale up to twice that of the tiles, with what is known of references."""

import numpy as np
import pytest
import torch

from tests.training_jobs import SCALE, SIDE, tiles
from texsr.flows.head_batches import at_any_scale, coarsened
from texsr.flows.training_batches import stack
from texsr.models.resample import reduce


@pytest.mark.parametrize("references", [0, 3])
def test_half_as_many_low_texels_show_the_same(references):
    batch = stack(tiles(2, 0, references))
    coarse = coarsened(batch)
    assert coarse.low.shape == (2, 3, SIDE // 2, SIDE // 2)
    assert torch.equal(coarse.truth, batch.truth)
    torch.testing.assert_close(coarse.low, reduce(batch.low, 2), atol=0.51 / 255, rtol=0)
    for name in ("belief", "cues"):
        assert getattr(coarse.aligned, name).shape[-2:] == (SIDE // 2, SIDE // 2)
    shown = (one.aligned.base[:, None] + one.aligned.detail for one in (batch, coarse))
    torch.testing.assert_close(*shown, atol=1e-5, rtol=0)


def test_scales_are_those_below_and_beyond_that_of_the_tiles():
    batch = stack(tiles(1, 0))
    found = [at_any_scale(batch, np.random.default_rng(seed), SCALE) for seed in range(60)]
    for given, known in found:
        scale = given.truth.shape[2] / given.low.shape[2]
        assert 1.0 <= scale <= SCALE if known == SCALE else SCALE <= scale <= 2 * SCALE
        assert given.covered.shape[2:] == given.truth.shape[2:]
    assert {known for _, known in found} == {SCALE, 2 * SCALE}
    again, _ = at_any_scale(batch, np.random.default_rng(0), SCALE)
    assert torch.equal(again.truth, found[0][0].truth)
