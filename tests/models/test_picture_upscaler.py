"""Networks over pictures as upscalers: what they are given, and what becomes of their answers."""

from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from tests.tiny_networks import AMRSR, MASA, RRSR
from texsr.models.networks import ARCHITECTURES, named_by
from texsr.models.picture_upscaler import PictureUpscaler
from texsr.models.resample import enlarge_faithfully, reduce
from texsr.models.restoring import REACH_TX, Restored
from texsr.models.upscaler import Upscaler

SCALE = 4


class Warped(NamedTuple):
    color: Tensor
    weight: Tensor
    prior: Tensor
    trust: Tensor


@dataclass(frozen=True)
class Cropped:
    photos: list[Tensor]
    px: tuple[float, ...] = ()


class Spy:
    """Notes what it is given, and answers with something that is not true to the low image."""

    def __init__(self) -> None:
        self.given: list[list[Tensor]] = []
        self.reaches: list[int | None] = []

    def __call__(
        self, low: Tensor, references: list[Tensor], size: tuple[int, int], reach: int | None = None
    ) -> Restored:
        self.given.append(references)
        self.reaches.append(reach)
        return Restored(torch.zeros(3, *size))


@pytest.fixture
def spy() -> Spy:
    return Spy()


@pytest.fixture
def upscaler(spy) -> PictureUpscaler:
    return PictureUpscaler(nn.Identity(), spy, "spy")


def scene() -> tuple[Tensor, Warped]:
    """A tile, and three references: one sees half of it in another light, one all, one nothing."""
    torch.manual_seed(0)
    truth = torch.rand(1, 3, 48, 48) * 0.5 + 0.2
    low = reduce(truth, SCALE)
    weight = torch.ones(1, 3, 48, 48)
    weight[:, 0, :, :24] = 0.0
    weight[:, 2] = 0.0
    color = truth[:, None] * torch.tensor([1.2, 1.0, 0.0])[None, :, None, None, None]
    references = Warped(
        color * (weight > 0)[:, :, None], weight, torch.ones(1, 3, 2, 12, 12), torch.ones(1, 3)
    )
    return low, references


def test_it_is_an_upscaler(upscaler):
    assert isinstance(upscaler, Upscaler)
    assert upscaler.fitted([], SCALE) is upscaler


def test_photos_come_in_the_light_of_the_atlas_those_that_see_it(upscaler, spy):
    low, references = scene()
    upscaler(low, references, SCALE)
    (given,) = spy.given
    assert spy.reaches == [REACH_TX]
    assert len(given) == 2
    base = enlarge_faithfully(low, SCALE)[0]
    torch.testing.assert_close(given[0][:, :, :24], given[1][:, :, :24])  # what the other sees
    for picture in given:
        assert float((reduce(picture[None], SCALE) - low).abs().mean()) < 0.02
    assert float((given[1] - base).abs().mean()) > 0.05


def test_answers_are_made_true_to_the_low_atlas(upscaler):
    low, references = scene()
    for given in (None, references):
        found = upscaler(low, given, SCALE)
        inner = (..., slice(3, -3), slice(3, -3))  # a border is extended, not known
        again = reduce(found.high, SCALE)[inner]
        torch.testing.assert_close(again, low[inner], atol=1e-3, rtol=1e-3)
        assert found.confidence.shape == found.evidence.shape == (1, 1, 48, 48)
        assert bool(((found.confidence > 0) & (found.confidence <= 1)).all())
    assert float(found.evidence.max()) > 0


def test_cropped_photos_are_given_as_they_are(upscaler, spy):
    low, _ = scene()
    photos = [torch.rand(3, 20, 31), torch.rand(3, 64, 8)]
    upscaler(low.expand(2, -1, -1, -1), Cropped(photos), SCALE)
    assert len(spy.given) == 2
    assert spy.reaches == [None, None]
    for given in spy.given:
        assert all(one is other for one, other in zip(given, photos, strict=True))


@pytest.mark.parametrize("config", [AMRSR, MASA, RRSR])
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (3, 17), (9, 4)])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_in_place_tiles_may_have_any_size(config, size, count):
    torch.manual_seed(0)
    architecture = ARCHITECTURES[named_by(config)]()
    assert architecture.restore is not None
    restore = architecture.restore(architecture.network(config).eval().requires_grad_(False))
    high = SCALE * size[0], SCALE * size[1]
    references = [torch.rand(3, *high) for _ in range(count)]
    found = restore(torch.rand(3, *size), references, high, REACH_TX).high
    assert found.shape == (3, *high)
    assert bool(torch.isfinite(found).all())
