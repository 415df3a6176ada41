"""Half precision: where there are units for it, and never in the tiles of a CPU."""

from dataclasses import replace

import pytest
import torch

from tests.small_texsr import SCALE, SMALL, noisy, picture, shaken, warped
from texsr.models.precision import has_units_for_bf16
from texsr.models.resample import reduce
from texsr.models.texsr import Texsr
from texsr.models.texsr_upscaler import TexsrUpscaler


def test_which_devices_have_units_for_bf16(monkeypatch):
    assert has_units_for_bf16("cuda:0")
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
    assert not has_units_for_bf16("cpu")
    for unit, able in (("amx_bf16", True), ("avx512_bf16", True), ("avx512_f", False)):
        told = {unit: True}
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda told=told: told, raising=False)
        assert has_units_for_bf16("cpu") == able
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not has_units_for_bf16("cpu")


@pytest.mark.parametrize("count", [0, 2])
def test_tiles_on_a_cpu_are_the_same_whatever_its_units(monkeypatch, count):
    torch.manual_seed(0)
    branched = replace(SMALL, single_width=8, single_blocks=1)
    upscaler = TexsrUpscaler(shaken(Texsr(branched)))
    truth = picture(1)
    low = reduce(truth, SCALE)
    photos = warped(*(noisy(truth, seed) for seed in range(count))) if count else None
    answers: list[torch.Tensor] = []
    for able in (False, True):
        told = {"amx_bf16": able}
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda told=told: told, raising=False)
        answers.append(upscaler(low, photos, SCALE).high)
    assert torch.equal(*answers)


def test_the_single_image_answer_is_the_same_but_for_rounding(monkeypatch):
    torch.manual_seed(0)
    upscaler = TexsrUpscaler(shaken(Texsr(replace(SMALL, single_width=8, single_blocks=1))))
    answers: list[torch.Tensor] = []
    for able in (False, True):
        told = {"amx_bf16": able}
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda told=told: told, raising=False)
        answers.append(upscaler.single_answer(reduce(picture(1), SCALE), SCALE))
    assert not torch.equal(*answers)
    torch.testing.assert_close(*answers, atol=1 / 255, rtol=0)
