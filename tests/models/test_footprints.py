"""Footprints: what pixels of a photo are averages of, and back."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from tests.flat_tiles import HIGH, photo, places
from texsr.models.alignment import luma_of
from texsr.models.footprints import Box, Footprints, footprints
from texsr.pipeline.references import PhotoPart

SAMPLING, COVERED = (8.0, 1.5), (0.5, 0.7)


def footprints_of(part: PhotoPart, weight: Tensor | None = None) -> Footprints:
    side = part.px.shape[1]
    seen = torch.ones(side, side) if weight is None else weight
    box = Box(slice(0, side), slice(0, side))
    found = footprints(part, box, seen, torch.zeros(2, side, side), SAMPLING, COVERED)
    assert found is not None
    return found


@given(
    px=st.floats(0.25, 0.95), x=st.floats(0.0, 1.0), y=st.floats(0.0, 1.0), seed=st.integers(0, 99)
)
def test_texels_add_up_to_what_the_photo_shows(px, x, y, seed):
    draw = torch.Generator().manual_seed(seed)
    image = functional.interpolate(torch.rand(1, 1, 12, 12, generator=draw), 24, mode="bicubic")
    image = image.clamp(0, 1).expand(1, 3, 24, 24)
    found = footprints_of(photo(image, px, (x, y)))
    made = found.averaged(image[0, 0].reshape(-1)[found.texel])
    row, column = found.texel // 24, found.texel % 24
    rim = (torch.minimum(row, column) < 4) | (torch.maximum(row, column) > 19)
    inner = torch.ones_like(made)  # pixels that no texel near the border lies on
    for pixel in found.pixel:
        inner[pixel[rim]] = 0.0
    off = ((made - found.value) * inner).abs().sum() / inner.sum()
    assert float(off) < 0.01


def test_a_texel_of_half_a_pixel_is_a_quarter_of_it():
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    found = footprints_of(photo(image, 0.5, (0.0, 0.0)))
    made = found.averaged(luma_of(image).reshape(-1)[found.texel])
    inner = functional.avg_pool2d(luma_of(image), 2)[0, 0, 1:-1, 1:-1].reshape(-1)
    whole = found.counts > 0
    torch.testing.assert_close(made[whole], inner, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.value[whole], inner, atol=1 / 255, rtol=0)


@given(px=st.floats(0.25, 1.4), seed=st.integers(0, 99))
def test_what_texels_are_given_is_the_transpose_of_what_they_give(px, seed):
    draw = torch.Generator().manual_seed(seed)
    found = footprints_of(photo(torch.rand(1, 3, 20, 20, generator=draw), px, (0.3, 0.6)))
    texels = torch.rand(len(found.texel), generator=draw)
    pixels = torch.rand(len(found.value), generator=draw)
    one, other = (found.averaged(texels) * pixels).sum(), (texels * found.seen(pixels)).sum()
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_what_is_unseen_too_coarse_or_too_fine_has_no_footprint(truth):
    part = photo(truth, 0.5, (0.0, 0.0))
    unseen = torch.zeros(HIGH, HIGH)
    still, box = torch.zeros(2, HIGH, HIGH), Box(slice(0, HIGH), slice(0, HIGH))
    assert footprints(part, box, unseen, still, SAMPLING, COVERED) is None
    for px in (0.1, 2.0):
        other = replace(part, px=places(px, (0.0, 0.0)))
        assert footprints(other, box, unseen + 1, still, SAMPLING, COVERED) is None


@pytest.mark.parametrize("num_places", [2, 3, 4])
@pytest.mark.parametrize("which", [0, 1, -1])
def test_a_pixel_counts_for_each_of_its_places_as_if_the_others_were_elsewhere(
    truth, num_places, which
):
    """Strips lie side by side on the photo, but far apart on the atlas.

    As on charts, each goes on beyond its borders, so far that some pixels see all of them.
    """
    gap, step, long, size = 40, 2, 12, 48
    wide = num_places * (long + gap) - gap
    whole = photo(truth[:, :, :size, :size], 0.4, (0.3, 0.1))
    px, weight = torch.zeros(2, wide, wide), torch.zeros(wide, wide)
    for place in range(num_places):
        at, on_photo = place * (long + gap), 10 + place * step
        px[:, :size, at : at + long] = whole.px[:, :, on_photo : on_photo + long]
        weight[:size, at : at + long] = 1.0
    every = replace(whole, px=px)
    start = range(num_places)[which] * (long + gap)
    alone = torch.zeros_like(weight)
    alone[:, start : start + long] = weight[:, start : start + long]
    one, all_of_them = footprints_of(every, alone), footprints_of(every, weight)
    plane = torch.rand(wide, wide, generator=torch.Generator().manual_seed(0))
    column = all_of_them.texel % wide
    here = (column >= start) & (column < start + long)
    shown = one.shown(one.over(plane)), all_of_them.shown(all_of_them.over(plane))[here]
    torch.testing.assert_close(*shown, atol=1e-5, rtol=0)
    torch.testing.assert_close(one.counted(), all_of_them.counted()[here], atol=1e-5, rtol=0)
    assert float(one.counted().max()) > 0.9


@given(seed=st.integers(0, 99))
def test_pixels_count_by_no_more_or_less_than_texels_move(seed):
    """Tiles that are cut otherwise move them by a rounding: a step would show there."""
    draw = torch.Generator().manual_seed(seed)
    part = photo(torch.rand(1, 3, 24, 24, generator=draw), 0.4, (0.3, 0.6))
    weight = (torch.rand(24, 24, generator=draw) < 0.9).float()
    moved = replace(part, px=part.px + 1e-4)
    one, other = footprints_of(part, weight), footprints_of(moved, weight)
    assert float((one.counted() - other.counted()).abs().max()) < 0.01
