"""What is told of parts of a plane is what is known of it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from texsr.pipeline.tile import plan_tiles
from texsr.pipeline.unrounded import Unrounded


@settings(deadline=None, max_examples=40)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    size=st.integers(1, 20),
    seed=st.integers(0, 2**32 - 1),
)
def test_tiles_tell_what_the_whole_does(height, width, size, seed):
    rng = np.random.default_rng(seed)
    plane = rng.random((height, width, 3), np.float32)
    wanted = np.flatnonzero(rng.random(height * width) < 0.3)
    known = Unrounded(wanted, width, 3)
    for tile in plan_tiles(height, width, size_tx=size, overlap_tx=0):
        known.tell(tile.core, plane[tile.core.slices])
    some = wanted[rng.random(len(wanted)) < 0.5]
    np.testing.assert_array_equal(known.of(wanted), plane.reshape(-1, 3)[wanted])
    np.testing.assert_array_equal(known.of(some), plane.reshape(-1, 3)[some])
