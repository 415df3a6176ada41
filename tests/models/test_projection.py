"""Fusion of references: what they may change, what they may not, and how much a good one gains."""

import numpy as np
import pytest
import torch

from tests.textured_tiles import INNER, SCALE, SIDE, Tile, fused, noisy, texture
from texsr.models import load_upscaler, names
from texsr.models.projection import Projection
from texsr.models.resample import enlarge, enlarge_faithfully, reduce
from texsr.pipeline.references import Warped
from texsr.pipeline.stages.measure import spearman


def test_without_references_it_is_the_faithful_enlargement(tile):
    none = Projection()(tile.low, None, SCALE)
    off = (none.high - enlarge_faithfully(tile.low, SCALE))[..., INNER, INNER]
    assert float(off.abs().max()) < 1e-3
    assert float((reduce(none.high, SCALE) - tile.low).abs().max()) < 1 / 255  # to the very border
    assert float(none.evidence.max()) == 0.0
    empty = Warped(
        color=torch.zeros(1, 0, 3, SIDE * SCALE, SIDE * SCALE),
        weight=torch.zeros(1, 0, SIDE * SCALE, SIDE * SCALE),
        prior=torch.zeros(1, 0, 2, SIDE, SIDE),
        trust=torch.zeros(1, 0),
    )
    assert torch.equal(fused(tile, empty), none.high)


@pytest.mark.parametrize("order", [(3, 2, 1, 0), (1, 3, 0, 2)])
def test_the_order_of_references_does_not_matter(tile, order):
    photos = [noisy(tile.truth, 0.01 * (i + 1), i) for i in range(4)]
    side = SIDE * SCALE
    weight = torch.rand(4, side, side, generator=torch.Generator().manual_seed(9))
    weight[weight < 0.3] = 0.0
    trust = [0.9, 0.5, 0.7, 0.2]
    straight = fused(tile, tile.references(*photos, weight=weight, trust=trust))
    shuffled = tile.references(
        *(photos[i] for i in order), weight=weight[list(order)], trust=[trust[i] for i in order]
    )
    torch.testing.assert_close(fused(tile, shuffled), straight, atol=1e-5, rtol=0)


def test_a_reference_without_weight_changes_nothing(tile):
    good = noisy(tile.truth, 0.01, 1)
    alone = Projection()(tile.low, tile.references(good), SCALE)
    side = SIDE * SCALE
    weight = torch.stack([torch.ones(side, side), torch.zeros(side, side)])
    both = Projection()(tile.low, tile.references(good, 1 - tile.truth, weight=weight), SCALE)
    for one, other in zip(alone, both, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0)


def test_unseen_texels_far_from_seen_ones_get_the_faithful_enlargement(tile):
    side = SIDE * SCALE
    weight = torch.zeros(1, side, side)
    weight[..., : side // 4] = 1.0
    got = fused(tile, tile.references(tile.truth, weight=weight))
    expected = enlarge_faithfully(tile.low, SCALE)
    far = (got - expected)[..., INNER, side // 4 + 16 : -32]
    assert float(far.abs().max()) <= 1 / 255
    near = (got - expected)[..., INNER, : side // 4]
    assert float(near.abs().max()) > 20 / 255


def test_a_perfect_reference_gains_many_decibels(tile):
    base = fused(tile, None)
    assert tile.psnr(fused(tile, tile.references(tile.truth))) > tile.psnr(base) + 8.0
    assert tile.psnr(base) > tile.psnr(enlarge(tile.low, SCALE))


def test_many_noisy_references_are_better_than_one(tile):
    photos = [noisy(tile.truth, 0.03, i) for i in range(8)]
    one, eight = (tile.psnr(fused(tile, tile.references(*photos[:k]))) for k in (1, 8))
    assert eight > one + 2.0


def test_noise_in_place_of_photos_changes_little(tile):
    good = [noisy(tile.truth, 0.01, i) for i in range(2)]
    rubbish = [
        torch.rand(tile.truth.shape, generator=torch.Generator().manual_seed(i)) for i in (7, 8)
    ]
    base = tile.psnr(fused(tile, None))
    clean = tile.psnr(fused(tile, tile.references(*good)))
    assert clean > base + 5.0
    assert tile.psnr(fused(tile, tile.references(*good, *rubbish))) > clean - 0.3
    assert tile.psnr(fused(tile, tile.references(*rubbish))) > base - 0.3


@pytest.mark.parametrize("sigma", [0.01, 0.03])
def test_exposure_and_offset_of_the_photos_do_not_matter(tile, sigma):
    clean = [noisy(tile.truth, sigma, i) for i in range(4)]
    drift = [(0.7, 20 / 255), (1.3, -20 / 255), (0.9, -20 / 255), (1.2, 20 / 255)]
    drifted = [gain * photo + offset for photo, (gain, offset) in zip(clean, drift, strict=True)]
    expected = tile.psnr(fused(tile, tile.references(*clean)))
    assert tile.psnr(fused(tile, tile.references(*drifted))) == pytest.approx(expected, abs=0.1)


def test_the_result_reduces_to_the_low_atlas(tile):
    photos = [noisy(tile.truth, 0.02, i) for i in range(3)]
    back = reduce(fused(tile, tile.references(*photos)), SCALE)
    inner = slice(8, -8)
    assert float((back - tile.low)[..., inner, inner].abs().max()) < 2 / 255


def test_an_outlier_in_one_photo_is_outvoted_where_the_atlas_can_tell(tile):
    """Another picture on a part of one photo is nearly as harmless as that part unseen."""
    photos = [noisy(tile.truth, 0.01, i) for i in range(3)]
    flawed = photos[0].clone()
    flawed[..., 40:88, 40:88] = texture(seed=99)[..., 40:88, 40:88]
    weight = torch.ones(3, SIDE * SCALE, SIDE * SCALE)
    weight[0, 40:88, 40:88] = 0.0
    unseen = tile.psnr(fused(tile, tile.references(*photos, weight=weight)))
    got = tile.psnr(fused(tile, tile.references(flawed, *photos[1:])))
    assert got > unseen - 1.0


@pytest.mark.parametrize("scale", [2, 3, 4, 6, 8])
def test_all_scales_give_their_sizes_and_gain_from_a_perfect_reference(scale):
    truth = texture(3)[..., : 24 * scale, : 24 * scale] if scale <= 5 else texture(3, side=48)
    truth = truth[..., : 24 * scale // 2 * 2, : 24 * scale // 2 * 2]
    side = truth.shape[-1] // scale * scale
    truth = truth[..., :side, :side]
    low = reduce(truth, scale)
    references = Warped(
        color=truth[None],
        weight=torch.ones(1, 1, side, side),
        prior=torch.ones(1, 1, 2, side // scale, side // scale),
        trust=torch.ones(1, 1),
    )
    with_photo, alone = (Projection()(low, r, scale).high for r in (references, None))
    assert with_photo.shape == truth.shape
    assert float(((with_photo - truth) ** 2).mean()) < 0.5 * float(((alone - truth) ** 2).mean())


def test_a_batch_is_its_tiles_one_by_one(tile):
    other = Tile(truth=texture(5))
    a, b = tile.references(tile.truth), other.references(noisy(other.truth, 0.02, 0))
    both = Warped(
        color=torch.cat([a.color, b.color]),
        weight=torch.cat([a.weight, b.weight]),
        prior=torch.cat([a.prior, b.prior]),
        trust=torch.cat([a.trust, b.trust]),
    )
    together = Projection()(torch.cat([tile.low, other.low]), both, SCALE)
    for i, (one, references) in enumerate(((tile, a), (other, b))):
        alone = Projection()(one.low, references, SCALE)
        for field, single in zip(together, alone, strict=True):
            torch.testing.assert_close(field[i : i + 1], single, atol=3e-6, rtol=0)


def test_inputs_are_left_as_they_were(tile):
    references = tile.references(tile.truth, noisy(tile.truth, 0.1, 0))
    low = tile.low
    copies = [t.clone() for t in (low, references.color, references.weight, references.prior)]
    Projection()(low, references, SCALE)
    now = (low, references.color, references.weight, references.prior)
    assert all(torch.equal(one, other) for one, other in zip(now, copies, strict=True))


def test_confidence_and_evidence_are_shares_and_rank_the_error():
    """Half of the tile sees a photo, a quarter is flat: the sure texels are the good ones."""
    truth = texture(7)
    side = truth.shape[-1]
    calm = 0.5 + 0.05 * (truth - 0.5)
    truth = torch.cat([truth[..., : side // 2, :], calm[..., side // 2 :, :]], dim=2)
    tile = Tile(truth=truth)
    weight = torch.zeros(1, side, side)
    weight[..., : side // 2] = 1.0
    got = Projection()(tile.low, tile.references(noisy(truth, 0.01, 0), weight=weight), SCALE)
    for share in (got.confidence, got.evidence):
        assert float(share.min()) >= 0.0
        assert float(share.max()) <= 1.0
        assert share.shape == (1, 1, side, side)
    error = (got.high - truth).abs().mean(dim=1)[0].numpy()
    inside = np.zeros(error.shape, bool)
    inside[16:-16, 16:-16] = True
    assert spearman(got.confidence[0, 0].numpy(), error, inside) > 0.5
    seen, unseen = got.evidence[..., :48, 16:48], got.evidence[..., 80:]
    assert float(seen.mean()) > 0.5
    assert float(unseen.max()) < 0.05


@pytest.mark.parametrize("color", [0.0, 0.5, 1.0])
def test_flat_atlases_stay_flat_and_finite(color):
    tile = Tile(truth=torch.full((1, 3, SIDE * SCALE, SIDE * SCALE), color))
    photo = noisy(tile.truth, 0.02, 0)
    got = Projection()(tile.low, tile.references(photo), SCALE)
    assert all(bool(torch.isfinite(part).all()) for part in got)
    assert float((got.high - color).abs().max()) < 0.05


def test_bytes_per_texel_bound_what_is_allocated(tile):
    """PyTorch's own profile of the peak, over a tile that overhead does not rule."""
    from torch.profiler import ProfilerActivity, profile

    big = Tile(truth=texture(1, side=64))
    for count in (1, 6):
        photos = [noisy(big.truth, 0.01, i) for i in range(count)]
        references, low = big.references(*photos), big.low
        Projection()(low, references, SCALE)
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
            Projection()(low, references, SCALE)
        held, peak = 0, 0
        for event in sorted(
            (e for e in recorded.profiler.kineto_results.events() if e.name() == "[memory]"),
            key=lambda e: e.start_ns(),
        ):
            held += event.nbytes()
            peak = max(peak, held)
        inputs = sum(t.nbytes for t in (references.color, references.weight, references.prior))
        allowed = Projection().bytes_per_texel(count, SCALE) * big.truth.shape[-1] ** 2
        assert peak > 0
        assert inputs + peak <= allowed


def test_the_table_of_models_builds_all_of_them(tile):
    assert "projection" in names()
    for name in ("auto", *names()):
        upscaler = load_upscaler(name)
        assert SCALE in upscaler.scales
        assert upscaler.overlap_tx >= 0
        got = upscaler(tile.low, None, SCALE)
        assert got.high.shape == tile.truth.shape
    assert load_upscaler("auto").name == "projection"
    with pytest.raises(KeyError):
        load_upscaler("no such model")


def test_bicubic_is_the_plain_enlargement_whatever_the_photos(tile):
    upscaler = load_upscaler("bicubic")
    references = tile.references(tile.truth)
    for given_references in (None, references):
        got = upscaler(tile.low, given_references, SCALE)
        torch.testing.assert_close(got.high, enlarge(tile.low, SCALE))
        assert float(got.evidence.max()) == float(got.confidence.max()) == 0.0
    assert upscaler.fitted([(tile.low, references)], SCALE) is upscaler
    assert upscaler.max_references == 0
