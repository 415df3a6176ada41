"""Photos matched to a tile: found where they lie, weighed by likeness, and worth having."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from texsr.models.architectures import load_upscaler
from texsr.models.matched import know, match_photos
from texsr.models.resample import reduce
from texsr.models.texsr import Texsr, TexsrConfig
from texsr.models.texsr_upscaler import TexsrUpscaler

ASSETS = Path(__file__).resolve().parents[2] / "assets" / "models"
SCALE = 4


class Cropped:
    """Photos, by structure."""

    def __init__(self, *photos: Tensor) -> None:
        self.photos = list(photos)


def picture(seed: int, height: int, width: int) -> Tensor:
    """Edges at random places, as print has them."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, height // 5 + 2, width // 5 + 2, generator=rng)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")[0]
    return 0.2 + 0.6 * (smooth > 0.5).float()


def low_of(truth: Tensor) -> Tensor:
    return reduce(truth[None], SCALE).clamp(0, 1)


@pytest.fixture
def network() -> Texsr:
    torch.manual_seed(0)
    config = TexsrConfig(width=8, prior_blocks=2, fusion_blocks=1, reference_width=6)
    return Texsr(config).eval().requires_grad_(False)


def plain(image: Tensor) -> Tensor:
    return image


@pytest.mark.parametrize("scale", [2, 4])
def test_a_part_of_a_photo_is_found_where_it_lies(scale):
    photo = picture(0, 96, 120)
    truth = photo[:, 16:64, 24:88]
    found = match_photos(reduce(truth[None], scale), know([photo], plain, scale), plain, scale)
    inner = (..., slice(12, -12), slice(12, -12))  # reduced beside what lies around it, elsewhere
    torch.testing.assert_close(found.color[0, 0][inner], truth[inner], atol=1e-5, rtol=0)
    assert float(found.weight[0, 0][inner].min()) > 0.99


def test_what_is_alike_weighs_more_than_what_is_not():
    truth = picture(0, 64, 64)
    other = torch.rand(3, 80, 80, generator=torch.Generator().manual_seed(1))
    found = match_photos(low_of(truth), know([truth, other], plain, SCALE), plain, SCALE)
    assert float(found.weight[0, 1].mean()) < 0.5 * float(found.weight[0, 0].mean())


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
    photo = picture(3, 160, 200)
    truth = photo[:, 24:120, 40:136]
    low = low_of(truth)
    inner = (..., slice(16, -16), slice(16, -16))

    def error(*photos: Tensor) -> float:
        high = upscaler(low, Cropped(*photos), SCALE).high[0]
        return float((high - truth)[inner].square().mean())

    alone = error()
    assert error(photo) < 0.25 * alone
    assert error(picture(9, 160, 200)) < 1.05 * alone
