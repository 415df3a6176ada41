"""Affine maps of the plane: they chain, turn back, fit, and images are laid along them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.pictures import picture
from texsr.models.planar_maps import (
    Laid,
    between,
    canvas_of,
    chained,
    filled,
    fitted_map,
    inverse,
    offsets_by,
    resampled,
)

IDENTITY = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
MAP = torch.tensor([[0.8, -0.3, 4.0], [0.25, 1.1, -2.5]], dtype=torch.float64)
numbers = st.floats(-3.0, 3.0)


def at(map_: Tensor, x: float, y: float) -> Tensor:
    return map_ @ map_.new_tensor([x, y, 1.0])


@settings(deadline=None)
@given(st.lists(numbers, min_size=8, max_size=8))
def test_chained_maps_are_one_after_the_other(values):
    inner = torch.tensor(values[:6], dtype=torch.float64).view(2, 3)
    x, y = values[6:]
    through = at(MAP, *at(inner, x, y).tolist())
    torch.testing.assert_close(at(chained(MAP, inner), x, y), through)


def test_a_map_and_its_inverse_lead_nowhere():
    torch.testing.assert_close(chained(inverse(MAP), MAP), IDENTITY)


@pytest.mark.parametrize("size", [(6, 4), (24, 8), (7, 13)])
def test_corners_of_an_image_stay_corners_at_another_size(size):
    map_ = between((12, 8), size)
    for y, x in ((0, 0), (12, 8)):
        there = [x / 8 * size[1] - 0.5, y / 12 * size[0] - 0.5]
        torch.testing.assert_close(at(map_, x - 0.5, y - 0.5), map_.new_tensor(there))


def test_a_shift_by_whole_pixels_gives_those():
    photo = picture(0, 20, 30)
    shift = IDENTITY + torch.tensor([[0.0, 0.0, 5.0], [0.0, 0.0, -2.0]], dtype=torch.float64)
    color, inside = resampled(Laid(photo), shift, (10, 28))
    assert torch.equal(inside[2:, :25], torch.ones(8, 25))
    assert float(inside[:2].sum() + inside[:, 25:].sum()) == 0
    torch.testing.assert_close(color[:, 2:, :25], photo[:, :8, 5:], atol=1e-5, rtol=0)


def test_a_slope_is_sampled_to_a_twentieth_of_a_pixel_along_any_map():
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(50.0), indexing="ij")
    photo = torch.stack([x, y, x + y]) / 100
    wanted = (offsets_by(MAP, (20, 24)) + torch.stack([x, y])[:, :20, :24]) / 100
    color, inside = resampled(Laid(photo), MAP, (20, 24))
    deep = (wanted[0] > 0.02) & (wanted[0] < 0.47) & (wanted[1] > 0.02) & (wanted[1] < 0.37)
    assert int(deep.sum()) > 200
    assert bool(inside[deep].all())
    torch.testing.assert_close(color[:2][:, deep], wanted[:, deep], atol=5e-4, rtol=0)


def test_a_photo_four_times_finer_is_averaged_first():
    photo = (torch.arange(64) % 2).float().expand(3, 64, 64)
    map_ = between((16, 16), (64, 64))
    color, _ = resampled(Laid(photo), map_, (16, 16))
    assert float((color - 0.5).abs()[:, 1:-1, 1:-1].max()) < 0.02


def test_a_canvas_holds_all_of_an_image_and_little_more():
    image = torch.ones(3, 30, 44)
    whole = canvas_of(image, MAP[:, :2])
    _, inside = resampled(Laid(image), whole.map, whole.size)
    area = 30 * 44 / float(torch.linalg.det(MAP[:, :2]))
    assert abs(float(inside.sum()) - area) < 0.03 * area
    edges = [inside[0], inside[-1], inside[:, 0], inside[:, -1]]
    assert all(float(edge.sum()) < 0.3 * len(edge) for edge in edges)


def test_a_map_is_fitted_to_what_counts():
    offset = offsets_by(MAP, (32, 40))
    weight = torch.zeros(32, 40)
    weight[4:, :30] = 1.0
    offset[:, :, 36:] = 50.0
    close = {"atol": 0.05, "rtol": 0.0}
    torch.testing.assert_close(fitted_map(offset, weight)[:, :2], MAP[:, :2], **close)


def test_where_nothing_counts_a_map_is_a_shift_at_most():
    found = fitted_map(offsets_by(MAP, (8, 8)), torch.zeros(8, 8))
    torch.testing.assert_close(found[:, :2], IDENTITY[:, :2])


def test_what_is_outside_gets_the_mean_of_what_is_inside():
    color = picture(1, 4, 6)
    inside = torch.zeros(4, 6)
    inside[:, :2] = 1.0
    made = filled(color, inside)
    assert torch.equal(made[:, :, :2], color[:, :, :2])
    mean = color[:, :, :2].mean((1, 2))
    torch.testing.assert_close(made[:, :, 2:], mean[:, None, None].expand(3, 4, 4))
