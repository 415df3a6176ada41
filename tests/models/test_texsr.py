"""The default network: what holds for any weights."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.small_texsr import SCALE, SIDE, SMALL, noisy, picture, shaken, warped
from texsr.models.alignment import GAIN_CUE, GAIN_HEEDED, Aligned, align
from texsr.models.ensemble import turned, turned_back
from texsr.models.plain import distinct
from texsr.models.projection import Projection
from texsr.models.resample import reduce
from texsr.models.texsr import Texsr
from texsr.models.texsr_upscaler import TexsrUpscaler
from texsr.pipeline.references import Warped


@pytest.fixture
def truth() -> Tensor:
    return picture(1)


@pytest.fixture
def upscaler() -> TexsrUpscaler:
    torch.manual_seed(0)
    return TexsrUpscaler(shaken(Texsr(SMALL)))


def test_untrained_it_is_projection(truth):
    torch.manual_seed(0)
    low = reduce(truth, SCALE)
    photos = warped(noisy(truth, 2), noisy(truth, 3))
    own = TexsrUpscaler(Texsr(SMALL))(low, photos, SCALE)
    plain = Projection()(low, photos, SCALE)
    torch.testing.assert_close(own.high, plain.high, atol=2e-5, rtol=0)
    torch.testing.assert_close(own.evidence, plain.evidence, atol=2e-5, rtol=0)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_shapes_and_ranges_for_any_number_of_references(upscaler, truth, count):
    low = reduce(truth, SCALE)[..., :20, :17].contiguous()
    photos = [noisy(truth, k)[..., : 20 * SCALE, : 17 * SCALE] for k in range(count)]
    references = None
    if photos:
        references = Warped(
            color=torch.cat(photos)[None],
            weight=torch.ones(1, count, 80, 68),
            prior=torch.ones(1, count, 2, 20, 17),
            trust=torch.ones(1, count),
        )
    out = upscaler(low, references, SCALE)
    assert out.high.shape == (1, 3, 80, 68)
    assert 0 < float(out.confidence.min()) <= float(out.confidence.max()) <= 1
    assert 0 <= float(out.evidence.min()) <= float(out.evidence.max()) <= 1
    assert (count == 0) == (float(out.evidence.max()) == 0)


def test_an_answer_over_all_turns_is_the_same_for_a_turned_tile(truth):
    torch.manual_seed(0)
    network = shaken(Texsr(replace(SMALL, turns=8))).eval()
    low = reduce(truth, SCALE)[..., :18].contiguous()
    photos = warped(noisy(truth, 1), noisy(truth, 2))
    color, weight = photos.color[..., :72], photos.weight[..., :72]
    photos = replace(photos, color=color, weight=weight, prior=photos.prior[..., :18])
    aligned = align(low, photos, SCALE)
    other = Aligned(*(turned(plane, 5) if plane.ndim > 1 else plane for plane in aligned))
    with torch.no_grad():
        one = network(low, aligned, SCALE)
        two = network(turned(low, 5), other, SCALE)
        network.config = replace(SMALL, turns=1)
        as_it_is = network(low, aligned, SCALE)
        network.config = replace(SMALL, turns=8)
        in_training = network.train()(low, aligned, SCALE)
    assert torch.equal(in_training.high, as_it_is.high)
    assert (one.high - as_it_is.high).abs().max() > 1e-4
    for a, b in zip(one, two, strict=True):
        torch.testing.assert_close(a, turned_back(b, 5), atol=2e-5, rtol=1e-5)


def test_how_dark_a_photo_is_says_little_beyond_a_bound(truth):
    low = reduce(truth, SCALE)
    dark, darker = (align(low, warped(truth * by), SCALE) for by in (0.8, 0.65))
    assert float((dark.cues - darker.cues)[:, :, GAIN_CUE].abs().mean()) < 0.02
    assert float(darker.cues[:, :, GAIN_CUE].abs().max()) <= GAIN_HEEDED + 1e-6


def test_the_order_of_references_is_nothing(upscaler, truth):
    low = reduce(truth, SCALE)
    photos = [noisy(truth, k) for k in range(4)]
    one = upscaler(low, warped(*photos), SCALE)
    other = upscaler(low, warped(*reversed(photos)), SCALE)
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


def test_a_reference_given_twice_is_given_once(upscaler, truth):
    low = reduce(truth, SCALE)
    first, second = noisy(truth, 1), noisy(truth, 2)
    once, twice = warped(first, second), warped(first, second, first)
    assert distinct(twice) == [0, 1]
    for a, b in zip(upscaler(low, once, SCALE), upscaler(low, twice, SCALE), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


def test_copies_differ_where_weights_do(truth):
    seen = torch.ones(2, SIDE * SCALE, SIDE * SCALE)
    seen[1, :10] = 0
    assert distinct(warped(truth, truth, weight=seen)) == [0, 1]


def test_where_a_reference_sees_nothing_it_changes_nothing(upscaler, truth):
    low = reduce(truth, SCALE)
    blind = torch.zeros(1, SIDE * SCALE, SIDE * SCALE)
    alone = upscaler(low, None, SCALE)
    unseen = upscaler(low, warped(noisy(truth, 1), weight=blind), SCALE)
    torch.testing.assert_close(alone.high, unseen.high, atol=1e-5, rtol=0)
    assert float(unseen.evidence.max()) < 1e-12


def test_the_result_reduces_to_the_low_tile(upscaler, truth):
    low = reduce(truth, SCALE)
    high = upscaler(low, warped(noisy(truth, 1)), SCALE).high
    inner = slice(8, -8)
    back = reduce(high, SCALE)
    torch.testing.assert_close(back[..., inner, inner], low[..., inner, inner], atol=2e-3, rtol=0)


@pytest.mark.parametrize("count", [0, 2])
def test_beyond_its_native_scale_it_shows_what_photos_hold(count):
    torch.manual_seed(0)
    truth = picture(5)
    low = reduce(truth, 2 * SCALE)
    photos = [noisy(truth, k, noise=0.002) for k in range(count)]
    references = None
    if photos:
        side = truth.shape[-1]
        references = Warped(
            color=torch.cat(photos)[None],
            weight=torch.ones(1, count, side, side),
            prior=torch.ones(1, count, 2, side // 8, side // 8),
            trust=torch.ones(1, count),
        )
    own = TexsrUpscaler(Texsr(SMALL))
    assert own.scales == (4, 8)
    out, plain = own(low, references, 8), Projection()(low, references, 8)
    assert out.high.shape == truth.shape
    assert out.confidence.shape == out.evidence.shape == (1, 1, *truth.shape[2:])
    if photos:  # untrained it is projection, up to how the texels of a coarse texel share weights
        gained, wanted = ((x.high - truth).abs().mean() for x in (out, plain))
        assert float(gained) < 1.1 * float(wanted)


def test_gain_and_offset_of_a_photo_hardly_matter(truth):
    torch.manual_seed(0)
    own = TexsrUpscaler(Texsr(SMALL))
    low, photo = reduce(truth, SCALE), noisy(truth, 1, noise=0.005)
    plain = own(low, warped(photo), SCALE).high
    bent = own(low, warped((photo * 0.75 + 20 / 255).clamp(0, 1)), SCALE).high
    change = (plain - bent).abs().mean()
    assert change < 0.2 * (plain - own(low, None, SCALE).high).abs().mean()


def test_ablations_do_what_they_say(upscaler, truth):
    low, photos = reduce(truth, SCALE), warped(noisy(truth, 1), noisy(truth, 2))
    learned = upscaler(low, photos, SCALE)
    for what in ("attention", "parts", "geometry"):
        out = upscaler.ablated(what)(low, photos, SCALE)
        assert what in upscaler.ablated(what).name
        if what != "geometry":  # here all texels are seen alike already
            assert float((out.high - learned.high).abs().max()) > 1e-5
    with pytest.raises(KeyError):
        upscaler.ablated("nothing")


def test_attention_equals_its_literal_form():
    from texsr.models.fusion import shares_of

    logits = torch.randn(2, 3, 5, 4) * 20
    none = torch.zeros(2, 1, 5, 4)
    expected = torch.softmax(torch.cat([none, logits], dim=1), dim=1)[:, 1:]
    torch.testing.assert_close(shares_of(logits), expected)


def test_numbers_that_are_not_finite_give_way_to_projection(truth):
    network = Texsr(SMALL)
    with torch.no_grad():
        next(network.prior.parameters()).fill_(float("nan"))
    low, photos = reduce(truth, SCALE), warped(noisy(truth, 1))
    out = TexsrUpscaler(network)(low, photos, SCALE)
    torch.testing.assert_close(out.high, Projection()(low, photos, SCALE).high)
