"""References that are displaced by a known field are brought back, and the rest stays."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from texsr.models.alignment import CONCORD_CUE, Aligned, without_references
from texsr.models.consensus import ConsensusSettings, register, with_concord
from texsr.models.degradation import smooth_field
from texsr.models.fusion import fuse, weighed
from texsr.models.resample import enlarge_faithfully, make_consistent, reduce
from texsr.models.texsr_upscaler import TexsrUpscaler

SCALE, SIDE = 4, 32


@pytest.fixture
def truth(rng) -> Tensor:
    return smooth_field(rng, 3, (SIDE * SCALE, SIDE * SCALE), 2.5)[None] * 0.5 + 0.5


def looked_up(image: Tensor, x: float, y: float) -> Tensor:
    """Shift an image: what it shows at (x, y) comes to the origin."""
    height, width = image.shape[2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    grid = torch.stack([(columns + x + 0.5) * 2 / width - 1, (rows + y + 0.5) * 2 / height - 1], -1)
    return functional.grid_sample(
        image, grid[None].float(), "bicubic", "border", align_corners=False
    )


def aligned_to(truth: Tensor, shifts: list[tuple[float, float]], belief: float = 20.0) -> Aligned:
    base = enlarge_faithfully(reduce(truth, SCALE), SCALE)
    blank, k = without_references(base, SCALE), len(shifts)
    photos = torch.cat([looked_up(truth, *shift) for shift in shifts])
    return blank._replace(
        detail=(photos - base)[None],
        weight=torch.ones(1, k, SIDE * SCALE, SIDE * SCALE),
        belief=torch.full((1, k, SIDE, SIDE), belief),
        cues=torch.zeros(1, k, 9, SIDE, SIDE),
        shift=torch.zeros(1, k, 2, SIDE, SIDE),
    )


def error(aligned: Aligned, truth: Tensor) -> float:
    low = reduce(truth, SCALE)
    high = make_consistent(fuse(aligned, SCALE), low, SCALE)
    inner = slice(16, -16)
    return float((high - truth)[..., inner, inner].abs().mean())


@pytest.mark.parametrize(
    ("shifts", "share"),
    [([(0.6, -0.4)], 0.6), ([(0.5, 0.3), (-0.6, 0.2), (0.1, -0.5)], 0.4)],
)
def test_displaced_references_are_brought_back(truth, shifts, share):
    displaced = aligned_to(truth, shifts)
    moved = register(displaced, SCALE)
    assert error(moved, truth) < share * error(displaced, truth)


def test_rounds_tell_more_than_one_narrow_look_at_noisy_photos(truth):
    shifts = [(0.5, 0.3), (-0.6, 0.2), (0.1, -0.5)]
    displaced = aligned_to(truth, shifts)
    noise = 0.02 * torch.randn(displaced.detail.shape, generator=torch.Generator().manual_seed(0))
    noisy = displaced._replace(detail=displaced.detail + noise)
    right = -torch.tensor(shifts)[None, :, :, None, None]

    def off(settings: ConsensusSettings | None = None) -> float:
        found = register(noisy, SCALE, settings).shift
        return float((found - right)[..., 4:-4, 4:-4].abs().mean())

    assert off() < 0.5 * off(ConsensusSettings(window_sigmas_tx=(1.0,)))


def test_what_lies_right_stays(truth):
    right = aligned_to(truth, [(0.0, 0.0)] * 2)
    moved = register(right, SCALE)
    departure = (moved.detail - right.detail).abs()
    assert float(departure.mean()) < 0.02 * float(right.detail.abs().mean())


def test_where_there_is_no_contrast_nothing_moves():
    plain = torch.full((1, 3, SIDE * SCALE, SIDE * SCALE), 0.5)
    flat = aligned_to(plain, [(0.0, 0.0)] * 2)
    noise = 0.002 * torch.randn(flat.detail.shape, generator=torch.Generator().manual_seed(0))
    noisy = flat._replace(detail=noise)
    moved = register(noisy, SCALE)
    assert float((moved.detail - noise).abs().mean()) < 0.1 * float(noise.abs().mean())


def test_what_is_not_seen_stays_nothing(truth):
    displaced = aligned_to(truth, [(0.6, 0.0), (-0.6, 0.0)])
    weight = displaced.weight.clone()
    weight[:, 0, :, :40] = 0.0
    detail = displaced.detail * (weight > 0)[:, :, None]
    moved = register(displaced._replace(weight=weight, detail=detail), SCALE)
    assert not moved.detail[:, 0, :, :, :40].any()


def test_tiles_of_a_batch_do_not_see_each_other(truth):
    one, two = aligned_to(truth, [(0.5, 0.0)] * 2), aligned_to(1.0 - truth, [(0.0, 0.7)] * 2)
    both = Aligned(*(torch.cat(parts) for parts in zip(one, two, strict=True)))
    together = register(both, SCALE).detail
    for index, alone in enumerate((one, two)):
        apart = register(alone, SCALE).detail[0]
        torch.testing.assert_close(together[index], apart, atol=1e-5, rtol=0)


def test_nobody_looking_is_fine(truth):
    low = reduce(truth, SCALE)
    blank = without_references(enlarge_faithfully(low, SCALE), SCALE)
    assert register(blank, SCALE) is blank
    assert fuse(blank, SCALE) is blank.base


def test_fusion_is_the_weighted_mean_beside_the_base(truth):
    aligned = aligned_to(truth, [(0.3, 0.0), (0.0, 0.3)], belief=3.0)
    torch.testing.assert_close(
        fuse(aligned, SCALE), aligned.base + 3.0 * aligned.detail.sum(1) / 7.0, atol=1e-5, rtol=0
    )
    shares = weighed(aligned, SCALE).shares
    torch.testing.assert_close(shares, torch.full_like(shares, 3 / 7))


def test_references_with_one_detail_concord_and_noise_does_not(truth):
    same = aligned_to(truth, [(0.0, 0.0)] * 3)
    generator = torch.Generator().manual_seed(0)
    noisy = same._replace(detail=0.05 * torch.randn(same.detail.shape, generator=generator))
    inner = (..., slice(4, -4), slice(4, -4))
    high, none = (with_concord(x, SCALE).cues[:, :, CONCORD_CUE][inner] for x in (same, noisy))
    assert float(high.min()) > 0.9
    assert float(none.mean()) < 0.25


def test_a_single_reference_concords_with_nobody(truth):
    one = with_concord(aligned_to(truth, [(0.0, 0.0)]), SCALE)
    assert not one.cues[:, :, CONCORD_CUE].any()


def test_one_that_differs_is_told_from_those_that_agree(truth, rng):
    other = smooth_field(rng, 3, (SIDE * SCALE, SIDE * SCALE), 1.0)[None] * 0.5 + 0.5
    aligned = aligned_to(truth, [(0.0, 0.0)] * 4)
    detail = aligned.detail.clone()
    detail[:, 3] = other - enlarge_faithfully(reduce(other, SCALE), SCALE)
    cue = with_concord(aligned._replace(detail=detail), SCALE).cues[0, :, CONCORD_CUE].mean((1, 2))
    assert float(cue[:3].min()) > float(cue[3]) + 0.4


def test_rounds_reach_no_further_than_tiles_overlap():
    assert 3 * sum(ConsensusSettings().window_sigmas_tx) <= TexsrUpscaler.overlap_tx
