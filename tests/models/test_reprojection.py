"""Answers that are held against pixels: what photos hold comes back, and nothing else does."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.flat_tiles import HIGH, SCALE, SIDE, photo
from texsr.models.alignment import Aligned, luma_of, without_references
from texsr.models.contours import ContourSettings
from texsr.models.reprojection import ReprojectionSettings, chebyshev, reprojected
from texsr.models.resample import enlarge_faithfully, reduce
from texsr.models.testimony import HearingSettings, witnesses
from texsr.models.texsr import Texsr, TexsrConfig
from texsr.models.texsr_upscaler import TexsrUpscaler
from texsr.pipeline.references import PhotoPart, Warped


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """A flat tile, photos of it, and an answer that lacks what the atlas lacks."""

    truth: Tensor
    high: Tensor
    error: Tensor
    aligned: Aligned
    parts: list[PhotoPart]

    def corrected(self, settings: ReprojectionSettings | None = None) -> Tensor:
        present = witnesses(self.aligned, self.parts, SCALE)
        return reprojected(self.high, self.error, present, SCALE, settings)

    def off(self, high: Tensor) -> float:
        inner = slice(16, -16)
        return float(
            (luma_of(high) - luma_of(self.truth))[..., inner, inner].square().mean().sqrt()
        )


def aligned_to(high: Tensor, count: int, snr: float = 300.0) -> Aligned:
    blank, low = without_references(high, SCALE), high.shape[2] // SCALE
    return blank._replace(
        weight=torch.ones(1, count, high.shape[2], high.shape[3]),
        gain=torch.ones(1, count, low, low),
        snr=torch.full((1, count, low, low), snr),
        shift=torch.zeros(1, count, 2, low, low),
    )


def scene_of(truth: Tensor, parts: list[PhotoPart]) -> Scene:
    high = enlarge_faithfully(reduce(truth, SCALE), SCALE)
    error = torch.full_like(high[:, :1], float((high - truth).abs().mean()))
    aligned = aligned_to(high, len(parts))
    return Scene(truth=truth, high=high, error=error, aligned=aligned, parts=parts)


@pytest.fixture
def scene(truth) -> Scene:
    offsets = [(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5), (0.25, 0.7)]
    return scene_of(truth, [photo(truth, 0.5, offset) for offset in offsets])


def test_photos_coarser_than_texels_bring_back_what_they_hold(scene):
    before, after = scene.off(scene.high), scene.off(scene.corrected())
    assert after < 0.6 * before


def test_more_photos_bring_back_more(scene):
    fewer = replace(scene, parts=scene.parts[:2], aligned=aligned_to(scene.high, 2))
    assert scene.off(scene.corrected()) < 0.9 * fewer.off(fewer.corrected())


def test_the_answer_stays_true_to_the_atlas(scene):
    low, after = reduce(scene.high, SCALE), reduce(scene.corrected(), SCALE)
    torch.testing.assert_close(low[..., 4:-4, 4:-4], after[..., 4:-4, 4:-4], atol=2e-5, rtol=0)


def test_a_right_answer_stays(scene):
    right = replace(scene, high=scene.truth)
    assert right.off(right.corrected()) < 0.1 * scene.off(scene.high)


def test_photos_that_do_not_agree_with_the_atlas_change_nothing(scene):
    doubted = replace(scene, aligned=aligned_to(scene.high, len(scene.parts), snr=0.0))
    assert (doubted.corrected() - doubted.high).abs().max() < 1e-4


def test_what_is_certain_stays(scene):
    certain = replace(scene, error=torch.full_like(scene.error, 1e-5))
    assert (certain.corrected() - certain.high).abs().max() < 1e-3


@pytest.mark.parametrize(("gain", "offset"), [(0.8, 0.0), (1.1, -0.05), (1.0, 0.04)])
def test_light_does_not_count(scene, gain, offset):
    lit = [
        replace(part, pixels=part.pixels.float() * gain + offset * 255.0) for part in scene.parts
    ]
    brought = scene.aligned._replace(gain=scene.aligned.gain / gain)
    other = replace(scene, parts=lit, aligned=brought)
    change = (other.corrected() - scene.corrected())[..., 16:-16, 16:-16]
    assert float(change.abs().max()) < 1 / 255


def test_order_does_not_count(scene):
    turned = replace(scene, parts=scene.parts[::-1])
    torch.testing.assert_close(turned.corrected(), scene.corrected(), atol=1e-5, rtol=0)


def test_a_photo_that_lies_beside_the_answer_does_not_move_it(scene):
    nearly = torch.lerp(scene.high, scene.truth, 0.8)
    beside = [replace(part, px=part.px + 0.1) for part in scene.parts]
    moved = replace(scene, high=nearly, parts=beside)
    still = ReprojectionSettings(hearing=HearingSettings(most_shift=0.0))
    as_it_is = moved.off(moved.corrected(still))
    assert as_it_is > moved.off(nearly)  # not brought back, it makes the answer worse
    assert moved.off(moved.corrected()) < 0.7 * as_it_is


def test_what_is_far_away_does_not_count(scene):
    pixels = scene.parts[0].pixels.clone()
    pixels[:, :8] = 0
    other = replace(scene, parts=[replace(scene.parts[0], pixels=pixels), *scene.parts[1:]])
    change = (other.corrected() - scene.corrected()).abs()
    assert float(change[..., :16, :].max()) > 2 / 255
    assert float(change[..., 96:, :].max()) < 0.1 / 255


def test_the_solver_comes_to_what_solves_the_equations():
    draw = torch.Generator().manual_seed(0)
    basis = torch.linalg.qr(torch.randn(12, 12, generator=draw, dtype=torch.float64))[0]
    matrix = basis @ torch.diag(torch.linspace(0.1, 1.0, 12).double()) @ basis.T
    wanted = torch.rand(12, generator=draw).double()
    found, step = torch.zeros(12).double(), torch.zeros(12).double()
    for keep, add in chebyshev(30):
        step = keep * step + add * (wanted - matrix @ found)
        found = found + step
    torch.testing.assert_close(found, torch.linalg.solve(matrix, wanted), atol=1e-6, rtol=0)


@pytest.mark.parametrize("degrees", [0.0, 17.0, 45.0, 74.0])
def test_edges_come_back_better_where_they_are_known_for_contours(degrees):
    y, x = torch.meshgrid(torch.arange(HIGH).float(), torch.arange(HIGH).float(), indexing="ij")
    turn = torch.deg2rad(torch.tensor(degrees))
    across = y * turn.cos() - x * turn.sin()
    bars = 0.5 + 0.3 * torch.tanh(3.0 * torch.sin(across * 0.2))
    offsets = [(0.0, 0.0), (0.5, 0.3), (0.2, 0.7)]
    image = bars.expand(1, 3, HIGH, HIGH)
    scene = scene_of(image, [photo(image, 0.4, offset) for offset in offsets])
    without = ReprojectionSettings(contours=ContourSettings(least=0.999))
    assert scene.off(scene.corrected()) < 0.95 * scene.off(scene.corrected(without))


def test_the_solver_stands_still_where_contours_bend():
    """The covariance has eigenvalues below 0 there; the noise of pixels has to lift them."""
    y, x = torch.meshgrid(torch.arange(HIGH).float(), torch.arange(HIGH).float(), indexing="ij")
    rings = 0.5 + 0.3 * torch.sin(torch.hypot(x - HIGH / 2, y - HIGH / 2) * 0.8)
    image = rings.expand(1, 3, HIGH, HIGH)
    scene = scene_of(image, [photo(image, 0.4, (0.0, 0.0)), photo(image, 0.4, (0.5, 0.3))])
    made = scene.corrected()
    assert scene.off(made) < 0.9 * scene.off(scene.high)
    change = scene.corrected(ReprojectionSettings(rounds=60)) - made
    assert float(change.square().mean().sqrt()) < 0.25 * float(
        (made - scene.high).square().mean().sqrt()
    )


def test_more_rounds_change_little(scene):
    change = scene.corrected(ReprojectionSettings(rounds=40)) - scene.corrected()
    assert float(change.square().mean().sqrt()) < 0.15 * float(
        (scene.corrected() - scene.high).square().mean().sqrt()
    )


def located(truth: Tensor, parts: list[PhotoPart]) -> Warped:
    """The same photos as references: warped, and with their pixels."""
    px = torch.stack(
        [(part.px / torch.tensor(part.pixels.shape[:0:-1])[:, None, None]) for part in parts]
    )
    grid = px.permute(0, 2, 3, 1) * 2.0 - 1.0
    photos = [part.pixels[None].float() / 255.0 for part in parts]
    color = torch.cat(
        [
            functional.grid_sample(one, at[None], "bicubic", "border", align_corners=False)
            for one, at in zip(photos, grid, strict=True)
        ]
    )
    k, side = len(parts), truth.shape[3]
    return Warped(
        color=color[None],
        weight=torch.ones(1, k, side, side),
        prior=torch.ones(1, k, 2, side // SCALE, side // SCALE),
        trust=torch.ones(1, k),
        parts=tuple(parts),
    )


@pytest.fixture
def upscaler() -> TexsrUpscaler:
    torch.manual_seed(0)
    small = TexsrConfig(width=8, prior_blocks=1, fusion_blocks=1, reference_width=6)
    return TexsrUpscaler(Texsr(small))


def test_a_network_is_held_against_the_pixels_where_they_are_known(upscaler, scene):
    low, given = reduce(scene.truth, SCALE), located(scene.truth, scene.parts)
    found = upscaler(low, given, SCALE)
    without = upscaler(low, replace(given, parts=()), SCALE)
    assert scene.off(found.high) < 0.99 * scene.off(without.high)
    assert torch.equal(found.evidence, without.evidence)
    unplaced = upscaler.ablated("geometry")
    plain = unplaced(low, given, SCALE).high
    assert torch.equal(plain, unplaced(low, replace(given, parts=()), SCALE).high)


def test_a_photo_that_comes_twice_counts_once(upscaler, scene):
    low, given = reduce(scene.truth, SCALE), located(scene.truth, scene.parts)
    twice = located(scene.truth, [*scene.parts, scene.parts[0]])
    assert torch.equal(upscaler(low, given, SCALE).high, upscaler(low, twice, SCALE).high)


def test_beyond_its_own_scales_a_network_is_held_against_pixels_too(upscaler, scene):
    low = reduce(scene.truth, 2 * SCALE)
    given = located(scene.truth, scene.parts)
    given = replace(given, prior=torch.ones(1, len(scene.parts), 2, SIDE // 2, SIDE // 2))
    found = upscaler(low, given, 2 * SCALE).high
    without = upscaler(low, replace(given, parts=()), 2 * SCALE).high
    assert scene.off(found) < 0.99 * scene.off(without)
