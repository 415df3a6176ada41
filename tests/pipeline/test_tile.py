"""The algebra of regions, and tiles that own every texel once."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from texsr.pipeline.tile import Region, plan_tiles

REGIONS = st.builds(
    Region,
    x=st.integers(-20, 20),
    y=st.integers(-20, 20),
    width=st.integers(0, 30),
    height=st.integers(0, 30),
)


def texels(region: Region) -> set[tuple[int, int]]:
    return {
        (x, y)
        for x in range(region.x, region.x + region.width)
        for y in range(region.y, region.y + region.height)
    }


@settings(deadline=None)
@given(one=REGIONS, other=REGIONS)
def test_the_common_part_holds_the_common_texels(one, other):
    common = one.intersected(other)
    assert texels(common) == texels(one) & texels(other)
    assert texels(common) == texels(other.intersected(one))
    assert common.area == len(texels(common))


@settings(deadline=None)
@given(region=REGIONS, outer=REGIONS)
def test_counting_from_another_corner_and_back_is_nothing(region, outer):
    inside = region.relative_to(outer)
    back = Region(
        x=inside.x + outer.x, y=inside.y + outer.y, width=inside.width, height=inside.height
    )
    assert back == region


@settings(deadline=None)
@given(region=REGIONS, margin=st.integers(0, 9), scale=st.integers(1, 8))
def test_growing_and_scaling_commute(region, margin, scale):
    assert region.grown(margin).scaled(scale) == region.scaled(scale).grown(margin * scale)
    assert region.grown(margin).grown(-margin) == region
    assert region.scaled(scale).area == region.area * scale**2


def test_slices_are_rows_then_columns():
    plane = np.arange(12).reshape(3, 4)
    region = Region(x=1, y=2, width=2, height=1)
    np.testing.assert_array_equal(plane[region.slices], [[9, 10]])


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    size=st.integers(4, 40),
    overlap=st.integers(0, 9),
)
def test_cores_own_every_texel_exactly_once(height, width, size, overlap):
    owners = np.zeros((height, width), int)
    plane = Region(x=0, y=0, width=width, height=height)
    for tile in plan_tiles(height, width, size_tx=size, overlap_tx=overlap):
        owners[tile.core.slices] += 1
        assert tile.core.area > 0
        assert max(tile.core.width, tile.core.height) <= size
        assert tile.padded == tile.core.grown(overlap).intersected(plane)
        assert tile.core.intersected(tile.padded) == tile.core
    assert (owners == 1).all()
