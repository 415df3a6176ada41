"""Photos matched to a tile: found where they lie, weighed by likeness, and worth having."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.pictures import printed
from texsr.models.architectures import load_upscaler
from texsr.models.flow import carried
from texsr.models.matched import Matched, brought, know, sights_of
from texsr.models.resample import reduce
from texsr.models.texsr import Texsr, TexsrConfig
from texsr.models.texsr_upscaler import TexsrUpscaler

ASSETS = Path(__file__).resolve().parents[2] / "assets" / "models"
SCALE = 4


class Cropped:
    """Photos, by structure."""

    def __init__(self, *photos: Tensor) -> None:
        self.photos = list(photos)
        self.px: tuple[float, ...] = ()


def low_of(truth: Tensor) -> Tensor:
    return reduce(truth[None], SCALE).clamp(0, 1)


@pytest.fixture
def network() -> Texsr:
    torch.manual_seed(0)
    config = TexsrConfig(width=8, prior_blocks=2, fusion_blocks=1, reference_width=6)
    return Texsr(config).eval().requires_grad_(False)


def plain(image: Tensor) -> Tensor:
    return image


def matched(low: Tensor, photos: list[Tensor], scale: int) -> Matched:
    known = [know(photo, plain, scale) for photo in photos]
    sights = sights_of(low, known, plain, scale)
    return brought(low, [one.photo for one in known], sights, scale)


@pytest.mark.parametrize("scale", [2, 4])
def test_a_part_of_a_photo_is_found_where_it_lies(scale):
    photo = printed(0, 96, 120)
    truth = photo[:, 16:64, 24:88]
    found = matched(reduce(truth[None], scale), [photo], scale)
    inner = (..., slice(12, -12), slice(12, -12))  # reduced beside what lies around it, elsewhere
    assert float((found.color[0, 0] - truth)[inner].abs().mean()) < 0.01
    assert float(found.weight[0, 0][inner].min()) > 0.9
    torch.testing.assert_close(
        found.prior[0, 0][inner], torch.ones_like(found.prior[0, 0][inner]), atol=0.05, rtol=0
    )


def test_what_is_alike_weighs_more_than_what_is_not():
    truth = printed(0, 64, 64)
    other = torch.rand(3, 80, 80, generator=torch.Generator().manual_seed(1))
    found = matched(low_of(truth), [truth, other], SCALE)
    assert float(found.weight[0, 1].mean()) < 0.5 * float(found.weight[0, 0].mean())


def test_where_a_photo_was_not_looked_for_it_weighs_nothing():
    truth = printed(0, 64, 64)
    low = low_of(truth)
    known = know(truth, plain, SCALE)
    (sight,) = sights_of(low, [known], plain, SCALE)
    similarity = sight.similarity.clone()
    similarity[:, 6:] = -1.0
    partly = brought(low, [known.photo], [sight._replace(similarity=similarity)], SCALE)
    whole = brought(low, [known.photo], [sight], SCALE)
    assert float(partly.weight[..., 8 * SCALE :].abs().max()) == 0.0
    assert torch.equal(partly.weight[..., : 6 * SCALE], whole.weight[..., : 6 * SCALE])
    assert float(whole.weight.min()) > 0.5


def test_a_slanted_photo_is_carried_along_a_flow():
    """Patch by patch it could not be right: offsets change by a texel of the answer every other."""
    photo = printed(4, 160, 200)
    y, x = torch.meshgrid(torch.arange(24.0), torch.arange(30.0), indexing="ij")
    flow = torch.stack([0.12 * x - 0.05 * y + 6.0, 0.04 * x - 0.10 * y + 8.0])
    truth, _ = carried(photo, flow, SCALE)
    found = matched(low_of(truth), [photo], SCALE)
    inner = (..., slice(16, -16), slice(16, -16))
    assert float((found.color[0, 0] - truth)[inner].abs().mean()) < 0.02
    assert float(found.weight[0, 0][inner].mean()) > 0.9


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (19, 5)])
@pytest.mark.parametrize("photos", [[(1, 1)], [(5, 90), (33, 2)]])
def test_any_size_goes_in_and_exactly_four_times_that_comes_out(network, size, photos):
    low = torch.rand(1, 3, *size)
    given = Cropped(*(torch.rand(3, *one) for one in photos))
    found = TexsrUpscaler(network)(low, given, SCALE)
    assert found.high.shape == (1, 3, 4 * size[0], 4 * size[1])
    assert bool(torch.isfinite(found.high).all())


def test_tiles_of_a_batch_are_matched_one_by_one(network):
    low, photo = torch.rand(2, 3, 9, 8), torch.rand(3, 50, 60)
    upscaler = TexsrUpscaler(network)
    both = upscaler(low, Cropped(photo), SCALE).high
    for index in range(2):
        alone = upscaler(low[index : index + 1], Cropped(photo), SCALE).high
        torch.testing.assert_close(both[index : index + 1], alone, atol=1e-5, rtol=1e-4)


def test_no_photos_are_the_answer_by_the_tile_alone(network):
    low = torch.rand(1, 3, 12, 9)
    upscaler = TexsrUpscaler(network)
    assert torch.equal(upscaler(low, Cropped(), SCALE).high, upscaler(low, None, SCALE).high)


@pytest.mark.skipif(not (ASSETS / "fast.safetensors").is_file(), reason="no shipped network")
def test_the_shipped_network_gains_by_a_photo_that_nothing_aligns():
    upscaler = load_upscaler("fast", shipped=ASSETS)
    photo = printed(3, 160, 200)
    truth = photo[:, 24:120, 40:136]
    low = low_of(truth)
    inner = (..., slice(16, -16), slice(16, -16))

    def error(*photos: Tensor) -> float:
        high = upscaler(low, Cropped(*photos), SCALE).high[0]
        return float((high - truth)[inner].square().mean())

    alone = error()
    assert error(photo) < 0.25 * alone
    assert error(printed(9, 160, 200)) < 1.05 * alone
