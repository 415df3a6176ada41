"""Footprints: what pixels of a photo are averages of, and back."""

from dataclasses import replace

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


def test_a_pixel_on_a_seam_counts_for_each_side_as_if_the_other_were_elsewhere(truth):
    """Two halves of a tile lie side by side on the photo, but far apart on the atlas.

    As on a chart, each goes on a little beyond its border.
    """
    gap, half, beyond = 40, 32, 3
    side = 2 * half + gap
    image = truth[:, :, : 2 * half, : 2 * half]
    whole = photo(image, 0.4, (0.3, 0.1))
    px, weight = torch.zeros(2, side, side), torch.zeros(side, side)
    px[:, : 2 * half, : half + beyond] = whole.px[:, :, : half + beyond]
    px[:, : 2 * half, half + gap - beyond :] = whole.px[:, :, half - beyond :]
    weight[: 2 * half, : half + beyond] = weight[: 2 * half, half + gap - beyond :] = 1.0
    both = replace(whole, px=px)
    alone = weight.clone()
    alone[:, half + beyond :] = 0.0
    one, two = footprints_of(both, alone), footprints_of(both, weight)
    plane = torch.rand(side, side, generator=torch.Generator().manual_seed(0))
    left = two.texel % side < half + beyond
    here = one.shown(one.over(plane)), two.shown(two.over(plane))[left]
    torch.testing.assert_close(*here, atol=1e-5, rtol=0)
    torch.testing.assert_close(one.counted(), two.counted()[left], atol=1e-5, rtol=0)


@given(seed=st.integers(0, 99))
def test_pixels_count_by_no_more_or_less_than_texels_move(seed):
    """Tiles that are cut otherwise move them by a rounding: a step would show there."""
    draw = torch.Generator().manual_seed(seed)
    part = photo(torch.rand(1, 3, 24, 24, generator=draw), 0.4, (0.3, 0.6))
    weight = (torch.rand(24, 24, generator=draw) < 0.9).float()
    moved = replace(part, px=part.px + 1e-4)
    one, other = footprints_of(part, weight), footprints_of(moved, weight)
    assert float((one.counted() - other.counted()).abs().max()) < 0.01
