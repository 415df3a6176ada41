"""Patches made of plain pictures: what is known of them exactly, and what each fault must do."""

import io
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from texsr.models.alignment import AlignmentSettings, measure
from texsr.models.data import Patch, PatchSettings, draw_patch
from texsr.models.degradation import Light, Optics, compressed, lit, smooth_field, transfer
from texsr.models.photography import PhotoSettings
from texsr.models.protocol import WarpedReferences
from texsr.models.resample import enlarge_faithfully, reduce

EXACT_PHOTO = PhotoSettings(
    density=(1.0, 1.0),
    turn_rad=0.0,
    cosine=(1.0, 1.0),
    lens_px=(0.0, 0.0),
    defocus_px=0.0,
    motion_px=0.0,
    sharpening=0.0,
    exposure=0.0,
    white_balance=0.0,
    gamma=0.0,
    shading=0.0,
    relief=0.0,
    highlight=0.0,
    noise=(0.0, 0.0),
    jpeg_quality=None,
    misalignment_px=0.0,
    offset_px=0.0,
)
EXACT = PatchSettings(
    side_tx=24,
    references=(3, 3),
    photo=EXACT_PHOTO,
    hidden_odds=0.0,
    occluder_odds=0.0,
    irrelevant_odds=0.0,
    all_irrelevant_odds=0.0,
)
USUAL = PatchSettings(side_tx=24, references=(3, 8))
SIDE = EXACT.source_side_tx


def picture(seed: int, reach: float = 6.0, side: int = SIDE) -> torch.Tensor:
    """A colourful picture in [0.2, 0.8] whose finest detail spans some `reach` texels."""
    field = smooth_field(np.random.default_rng(seed), 3, (side, side), reach)
    return 0.5 + 0.3 * field


def drawn(seed: int, settings: PatchSettings, reach: float = 6.0) -> Patch:
    return draw_patch(picture(1, reach), [picture(2, reach)], np.random.default_rng(seed), settings)


def test_the_same_state_gives_the_same_patch():
    first, again, other = drawn(5, USUAL), drawn(5, USUAL), drawn(6, USUAL)
    assert first.references is not None
    assert again.references is not None
    for one, two in zip(first.references, again.references, strict=True):
        assert torch.equal(one, two)
    assert other.references is not None
    assert first.references.color.shape != other.references.color.shape or not torch.equal(
        first.references.color, other.references.color
    )


def test_low_is_the_truth_reduced_and_both_are_bytes():
    patch = drawn(0, USUAL)
    middle = picture(1)[:, 32:-32, 32:-32]
    assert float((patch.truth - middle).abs().max()) <= 0.5 / 255 + 1e-6
    exact = reduce(patch.truth[None], 4)[0]
    assert float((patch.low - exact).abs().max()) <= 0.5 / 255 + 1e-6
    for bytes_ in (patch.low * 255, patch.truth * 255):
        assert torch.allclose(bytes_, bytes_.round(), atol=1e-4)


@pytest.mark.parametrize(
    "photo",
    [
        EXACT_PHOTO,
        replace(EXACT_PHOTO, density=(1.25, 1.25), cosine=(0.8, 0.8), turn_rad=math.pi),
    ],
    ids=["straight on", "turned and foreshortened"],
)
def test_exact_photos_give_the_truth_back(photo: PhotoSettings):
    patch = drawn(3, replace(EXACT, photo=photo), reach=12.0)
    assert isinstance(patch.references, WarpedReferences)
    error = (patch.references.color[0] - patch.truth).abs()
    assert float(error[..., 4:-4, 4:-4].max()) < 2 / 255
    assert bool((patch.references.weight == 1).all())
    assert float(patch.references.trust.min()) > 0.98


def test_references_may_be_none():
    assert drawn(0, replace(EXACT, references=(0, 0))).references is None


def test_prior_holds_the_angle_and_the_density_per_axis():
    photo = replace(EXACT_PHOTO, density=(0.8, 0.8), cosine=(0.5, 0.5), turn_rad=1.0)
    patch = drawn(1, replace(EXACT, photo=photo))
    assert patch.references is not None
    cosine, px = patch.references.prior[0].unbind(1)
    assert torch.allclose(cosine, torch.tensor(0.5))
    assert torch.allclose(px, torch.tensor(0.8 * math.sqrt(0.5)))


def test_colour_is_zero_exactly_where_nothing_is_seen():
    hidden = replace(EXACT, references=(8, 8), hidden_odds=1.0)
    references = drawn(4, hidden).references
    assert references is not None
    blind = references.weight == 0
    assert 0.1 < float(blind.float().mean()) < 0.9
    assert torch.equal(blind, (references.color == 0).all(2))
    ramp = references.weight[(references.weight > 0) & (references.weight < 1)]
    assert len(ramp) > 0
    assert float(ramp.min()) > 1e-3
    unseen = references.prior[:, :, 0] == 0
    assert torch.equal(unseen, references.prior[:, :, 1] == 0)
    assert not references.weight[:, :, 1::4, 1::4][unseen].any()


def test_what_shows_something_else_does_not_agree():
    def snr(settings: PatchSettings) -> tuple[float, float]:
        patch = drawn(7, settings, reach=3.0)
        assert patch.references is not None
        low = patch.low[None]
        measured = measure(low, enlarge_faithfully(low, 4), patch.references, AlignmentSettings())
        return float(measured.maps[0, :, 1].median()), float(patch.references.trust.max())

    right, _ = snr(EXACT)
    wrong, wrong_trust = snr(replace(EXACT, irrelevant_odds=1.0))
    assert right > 20.0
    assert wrong < 0.2
    assert wrong_trust < 0.35


def test_all_photos_may_go_astray_together():
    astray = drawn(7, replace(EXACT, all_irrelevant_odds=1.0), reach=3.0)
    assert astray.references is not None
    assert float(astray.references.trust.max()) < 0.35


def test_occluders_stand_in_some_places_only():
    patch = drawn(2, replace(EXACT, occluder_odds=1.0))
    assert patch.references is not None
    wrong = ((patch.references.color[0] - patch.truth).abs() > 8 / 255).any(1)
    share = wrong.float().mean((1, 2))
    assert 0.01 < float(share.mean()) < 0.4
    assert bool((share < 0.6).all())


def test_misalignment_moves_a_photo_as_far_as_asked():
    moved = replace(EXACT_PHOTO, misalignment_px=0.8)
    ramp = torch.linspace(0.2, 0.8, SIDE).expand(3, SIDE, SIDE).contiguous()
    settings = replace(EXACT, photo=moved, references=(8, 8))
    patch = draw_patch(ramp, [ramp], np.random.default_rng(0), settings)
    assert patch.references is not None
    error_tx = (patch.references.color[0, :, 0] - patch.truth[0]) / (0.6 / (SIDE - 1))
    # Bytes of photo and truth alone are off by 0.25 of these texels.
    rms = error_tx.square().mean((1, 2)).sqrt()
    assert 0.3 < float(rms.max()) < 0.8


def test_light_changes_colour_and_not_place():
    bright = replace(EXACT_PHOTO, exposure=0.1, white_balance=0.05, shading=0.1)
    patch = drawn(9, replace(EXACT, photo=bright))
    assert patch.references is not None
    ratio = patch.references.color[0] / patch.truth
    assert float((ratio.mean((1, 2, 3)) - 1).abs().max()) > 0.02
    assert float(patch.references.trust.min()) > 0.9


def test_bumps_lit_from_elsewhere_are_no_detail_of_the_surface():
    rough = replace(EXACT, photo=replace(EXACT_PHOTO, relief=0.3))
    errors = []
    for seed in range(6):
        references, truth = drawn(seed, rough).references, drawn(seed, rough).truth
        assert references is not None
        errors.append(float((references.color[0] - truth).abs().mean()))
    assert min(errors) < 1 / 255 < 3 / 255 < max(errors)  # some surfaces are smooth


def test_optics_that_are_perfect_change_nothing():
    still = Optics(photo_from_source=np.eye(2), motion_px=np.zeros(2))
    assert torch.allclose(transfer(still, 32), torch.ones(32, 17))


def test_coarse_photos_do_not_alias():
    stripes = (torch.arange(SIDE) % 4 < 2).float().expand(3, SIDE, SIDE) * 0.6 + 0.2
    coarse = replace(EXACT_PHOTO, density=(0.3, 0.3), lens_px=(0.4, 0.4))
    settings = replace(EXACT, photo=coarse)
    patch = draw_patch(stripes.contiguous(), [], np.random.default_rng(0), settings)
    assert patch.references is not None
    assert float(patch.truth.std()) > 0.29
    assert float(patch.references.color.std()) < 0.02


def test_motion_blurs_along_its_path():
    path = np.array([1.5, 0.0])
    kept = transfer(Optics(photo_from_source=np.eye(2), motion_px=path), 32)
    assert float(kept[0, -1]) < 0.35
    assert float(kept[16, 0]) == pytest.approx(1.0)


def test_light_is_clipped():
    light = Light(
        gain=torch.tensor([2.0, 1.0, 0.5])[:, None, None],
        gamma=1.0,
        shading=torch.ones(1, 2, 2),
        highlight=torch.full((1, 2, 2), 0.25),
    )
    shown = lit(torch.full((3, 2, 2), 0.6), light)
    assert torch.allclose(shown[:, 0, 0], torch.tensor([1.0, 0.85, 0.55]))


@pytest.mark.parametrize("quality", [40, 75, 97])
def test_compression_is_that_of_jpeg(quality: int):
    photo = functional.interpolate(picture(3)[None], size=(120, 100), mode="bilinear")[0]
    photo = torch.round(photo * 255) / 255
    ours = compressed(photo, quality)
    stored = io.BytesIO()
    pixels = (photo.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    Image.fromarray(pixels).save(stored, "jpeg", quality=quality, subsampling="4:2:0")
    theirs = torch.from_numpy(np.array(Image.open(stored), np.float32) / 255).permute(2, 0, 1)
    loss = float((theirs - photo).square().mean().sqrt())
    assert float((ours - theirs).square().mean().sqrt()) < 0.5 * loss
    assert float((ours - photo).square().mean().sqrt()) == pytest.approx(loss, rel=0.15)


def test_compression_costs_little_at_97_and_shows_blocks_at_75(rng: np.random.Generator):
    grain = torch.from_numpy(rng.standard_normal((1, 128, 128), np.float32))
    photo = (picture(4, reach=24.0)[:, :128, :128] + 0.02 * grain).clamp(0.0, 1.0)
    assert float((compressed(photo, 97) - photo).abs().mean()) < 1.5 / 255
    luma = compressed(photo, 75).mean(0)
    step = (luma[:, 1:] - luma[:, :-1]).abs().mean(0)
    across = step[7::8].mean()
    inside = torch.stack([step[i::8].mean() for i in range(7)]).mean()
    assert float(across) > 1.3 * float(inside)
