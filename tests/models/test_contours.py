"""Texels are alike along contours, and nowhere else."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from texsr.models.contours import Contours, ContourSettings

SIDE = 48


def stripes(degrees: float, side: int = SIDE) -> Tensor:
    """Stripes that run so, ten texels apart; y points down."""
    y, x = torch.meshgrid(torch.arange(side).float(), torch.arange(side).float(), indexing="ij")
    turn = math.radians(degrees)
    across = -x * math.sin(turn) + y * math.cos(turn)
    return 0.5 + 0.3 * torch.sin(across * (2.0 * math.pi / 10.0))


def matrix(contours: Contours, side: int) -> Tensor:
    columns = [contours.along(one.view(side, side)).view(-1) for one in torch.eye(side * side)]
    return torch.stack(columns, dim=1)


def impulse(contours: Contours) -> Tensor:
    plane = torch.zeros(SIDE, SIDE)
    plane[SIDE // 2, SIDE // 2] = 1.0
    return contours.along(plane)


@given(seed=st.integers(0, 2**31), smooth=st.integers(1, 3))
@settings(deadline=None, max_examples=20)
def test_two_texels_are_as_alike_one_way_as_the_other(seed, smooth):
    draw = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 1, 14 // smooth, 14 // smooth, generator=draw)
    picture = torch.nn.functional.interpolate(coarse, 14, mode="bicubic")[0, 0]
    found = Contours(picture, ContourSettings(least=0.1))
    whole = matrix(found, 14)
    torch.testing.assert_close(whole, whole.T)
    torch.testing.assert_close(whole.diagonal().view(14, 14), found.share)
    assert float(whole.min()) >= 0.0


@pytest.mark.parametrize("degrees", [0.0, 11.0, 30.0, 45.0, 90.0, 120.0, 171.0])
def test_an_impulse_goes_along_its_stripe(degrees):
    found = impulse(Contours(stripes(degrees), ContourSettings()))
    y, x = torch.meshgrid(torch.arange(SIDE).float(), torch.arange(SIDE).float(), indexing="ij")
    y, x = y - SIDE // 2, x - SIDE // 2
    turn = math.radians(degrees)
    along = (found * (x * math.cos(turn) + y * math.sin(turn)).square()).sum() / found.sum()
    across = (found * (y * math.cos(turn) - x * math.sin(turn)).square()).sum() / found.sum()
    assert float(along) > 4.0
    assert float(across) < 0.6


def test_what_has_no_direction_has_no_contours():
    y, x = torch.meshgrid(torch.arange(SIDE).float(), torch.arange(SIDE).float(), indexing="ij")
    checks = 0.5 + 0.3 * torch.sin(x * 0.6) * torch.sin(y * 0.6)
    round_hill = torch.exp(-((x - SIDE // 2) ** 2 + (y - SIDE // 2) ** 2) / 8.0)
    for picture in (torch.full((SIDE, SIDE), 0.5), 0.5 + 1e-3 * stripes(30.0)):
        found = Contours(picture, ContourSettings())
        assert float(found.share.max()) == 0.0
        assert float(impulse(found).abs().max()) == 0.0
    top = Contours(round_hill, ContourSettings()).share[SIDE // 2, SIDE // 2]
    assert float(top) == 0.0
    assert float(Contours(checks, ContourSettings()).share.mean()) < 0.3


@given(seed=st.integers(0, 2**31))
@settings(deadline=None, max_examples=20)
def test_a_little_change_of_the_picture_changes_little(seed):
    draw = torch.Generator().manual_seed(seed)
    picture = torch.nn.functional.interpolate(
        torch.rand(1, 1, 8, 8, generator=draw), SIDE, mode="bicubic"
    )[0, 0]
    plane = torch.rand(SIDE, SIDE, generator=draw)
    other = picture + 1e-6 * torch.rand(SIDE, SIDE, generator=draw)
    one, two = (Contours(each, ContourSettings()).along(plane) for each in (picture, other))
    assert float((one - two).abs().max()) < 2e-3 * float(one.abs().max())


def test_a_part_is_as_the_whole_but_at_its_border():
    whole, part = stripes(20.0), stripes(20.0)[:, :32]
    plane = torch.rand(SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    one = Contours(whole, ContourSettings()).along(plane)[:, :16]
    two = Contours(part, ContourSettings()).along(plane[:, :32])[:, :16]
    torch.testing.assert_close(one, two)
