"""What photos would show if nothing had folded: an answer blurred, and what they say against it."""

import pytest
import torch
from torch import Tensor

from tests.flat_tiles import HIGH, SCALE, photo
from texsr.models.alignment import NUM_CUES, PX_CUE, Aligned, without_references
from texsr.models.resample import enlarge_faithfully, reduce
from texsr.models.smoothing import blur
from texsr.models.testimony import witnesses
from texsr.models.unaliased import PIXEL_SIGMA_PX, SIGMAS, unaliased
from texsr.pipeline.references import PhotoPart

INNER = (..., slice(16, -16), slice(16, -16))


def shown_by(parts: list[PhotoPart], truth: Tensor, px: float) -> Aligned:
    """A tile whose references are the pixels of photos, each as large as its texels."""
    base, count = enlarge_faithfully(reduce(truth, SCALE), SCALE), len(parts)
    low = HIGH // SCALE
    cues = torch.zeros(1, count, NUM_CUES, low, low)
    cues[:, :, PX_CUE] = px
    seen = [part.pixels[:, *part.px.long().flip(0)].float() / 255 for part in parts]
    return without_references(base, SCALE)._replace(
        detail=(torch.stack(seen) - base)[None],
        weight=torch.ones(1, count, HIGH, HIGH),
        gain=torch.ones(1, count, low, low),
        snr=torch.full((1, count, low, low), 300.0),
        shift=torch.zeros(1, count, 2, low, low),
        cues=cues,
    )


def seen_again(answer: Tensor, tile: Aligned, parts: list[PhotoPart]) -> Aligned:
    return unaliased(answer, tile, witnesses(tile, parts, SCALE), SCALE)


def stripes(period_tx: float) -> Tensor:
    column = torch.arange(HIGH) * (2 * torch.pi / period_tx)
    return (0.5 + 0.3 * torch.sin(column)).expand(1, 3, HIGH, HIGH).contiguous()


@pytest.mark.parametrize("px", [0.4, 0.5])
def test_of_a_right_answer_photos_show_its_blur_and_no_stripes_that_are_not_there(px):
    truth = stripes(3.3)  # finer than two pixels
    parts = [photo(truth, px, (0.3, 0.6))]
    tile = shown_by(parts, truth, px)
    seen = seen_again(truth, tile, parts)
    wanted = blur(truth, PIXEL_SIGMA_PX / px) - tile.base
    folded = float((tile.detail[:, 0] - wanted)[INNER].square().mean().sqrt())
    left = float((seen.detail[:, 0] - wanted)[INNER].square().mean().sqrt())
    assert folded > 0.04
    assert left < 0.2 * folded


def test_what_a_photo_says_against_a_wrong_answer_comes_back(truth):
    parts = [photo(truth, 1.0, (0.0, 0.0))]
    tile = shown_by(parts, truth, 1.0)
    seen = seen_again(tile.base, tile, parts)
    added = (truth - tile.base).mean(1)[INNER]
    told = seen.detail[:, 0].mean(1)[INNER]
    assert torch.corrcoef(torch.stack([added.flatten(), told.flatten()]))[0, 1] > 0.9


def test_where_a_view_sees_nothing_it_adds_nothing(truth):
    parts = [photo(truth, 0.5, (0.0, 0.0))]
    tile = shown_by(parts, truth, 0.5)
    weight = tile.weight.clone()
    weight[..., : HIGH // 2] = 0.0
    seen = seen_again(truth, tile._replace(weight=weight), parts)
    assert not seen.detail[..., : HIGH // 2].any()
    assert seen.detail[..., HIGH // 2 :].any()


@pytest.mark.parametrize("sigma", SIGMAS[1:])
def test_blurs_are_those_of_pixels_as_large_as_a_view_has_them(truth, sigma):
    px = PIXEL_SIGMA_PX / sigma
    parts = [photo(truth, px, (0.2, 0.2))]
    seen = seen_again(truth, shown_by(parts, truth, px), parts)
    off = seen.detail[:, 0] - (blur(truth, sigma) - seen.base)
    gray = off - off.mean(1, keepdim=True)  # what photos say against an answer is luma
    assert float(gray[INNER].abs().max()) < 1e-5
