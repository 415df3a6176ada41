"""Half precision where units for it pay, and only in what sees the atlas alone."""

from dataclasses import replace

import pytest
import torch

from tests.models.test_texsr import SCALE, SMALL, noisy, picture, shaken, warped
from texsr.models.precision import has_units_for_bf16
from texsr.models.resample import reduce
from texsr.models.texsr import Texsr
from texsr.models.texsr_upscaler import TexsrUpscaler


@pytest.fixture
def able(monkeypatch):
    """Let the CPU have units for bf16, or none."""

    def able(yes: bool) -> None:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": yes}, raising=False)

    return able


@pytest.fixture
def upscaler() -> TexsrUpscaler:
    torch.manual_seed(0)
    branched = replace(SMALL, single_width=8, single_blocks=1)
    return TexsrUpscaler(shaken(Texsr(branched)))


def test_which_devices_have_units_for_bf16(monkeypatch):
    assert has_units_for_bf16("cuda:0")
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
    assert not has_units_for_bf16("cpu")
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not has_units_for_bf16("cpu")


@pytest.mark.parametrize("count", [0, 2])
def test_answers_are_the_same_but_for_rounding(upscaler, able, count):
    truth = picture(1)
    low = reduce(truth, SCALE)
    photos = warped(*(noisy(truth, seed) for seed in range(count))) if count else None
    able(False)
    exact = upscaler(low, photos, SCALE)
    able(True)
    quick = upscaler(low, photos, SCALE)
    assert not torch.equal(quick.high, exact.high)
    assert quick.high.dtype == quick.confidence.dtype == torch.float32
    torch.testing.assert_close(quick.high, exact.high, atol=1 / 255, rtol=0)


def test_the_order_of_photos_is_nothing_in_half_precision_too(upscaler, able):
    able(True)
    truth = picture(1)
    low, photos = reduce(truth, SCALE), [noisy(truth, seed) for seed in range(3)]
    one, other = (upscaler(low, warped(*some), SCALE) for some in (photos, photos[::-1]))
    torch.testing.assert_close(one.high, other.high, atol=1e-5, rtol=0)
