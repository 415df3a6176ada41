"""How photos stand beside a whole picture, whose parts may stand differently."""

import pytest
import torch
from torch import Tensor

from tests.pictures import picture
from tests.planes import drawn, linear_of, low_of, photo_along
from texsr.models.standing import AS_IT_IS, MOST_ACROSS, WINDOW_TX, Standing, Way, windows_of

SCALE = 4


def found(low: Tensor, photo: Tensor) -> list[Way]:
    standing = Standing(photo, SCALE)
    for window in windows_of(low):
        standing.look_at(window)
    return standing.ways()


def test_a_photo_that_stands_as_the_picture_is_left_as_it_is():
    truth = drawn(0, 200, 240)
    (way,) = found(low_of(truth), truth[:, 20:, 30:])
    assert way.linear is None
    assert way.share > 0.6


def test_charts_that_a_photo_shows_at_different_turns_have_a_way_each():
    left, right = drawn(1, 240, 240), drawn(2, 240, 240)
    picture_ = low_of(torch.cat([left, right], 2))
    shown = torch.cat([torch.rot90(left, 1, (1, 2)), right.flip(2)], 1)
    ways = found(picture_, shown)
    assert len(ways) == 2
    linear = [way.linear for way in ways if way.linear is not None]
    for turned in (
        torch.tensor([[0.0, 1.0], [-1.0, 0.0]]),
        torch.tensor([[-1.0, 0.0], [0.0, 1.0]]),
    ):
        off = min(float((one / SCALE - turned).abs().max()) for one in linear)
        assert off < 0.1
    for way in ways:  # each is laid for its own half of the photo, about
        (part,) = way.parts
        y = part.around[1].clamp(0, 480)
        assert float(y.max() - y.min()) < 1.6 * 240


def test_parts_of_a_picture_far_from_each_other_are_laid_for_one_by_one():
    ends, between = drawn(8, 200, 1600), drawn(9, 200, 400)
    shown = torch.rot90(ends, 1, (1, 2))
    truth = torch.cat([ends[:, :, :400], between, between.flip(1), ends[:, :, 1200:]], 2)
    (way,) = [one for one in found(low_of(truth), shown) if one.linear is not None]
    boxes = sorted(part.box for part in way.parts)
    assert len(boxes) == 2
    assert boxes[0].right <= boxes[1].left
    for part in way.parts:
        y = part.around[1]
        assert float(y.max() - y.min()) < 0.8 * 1600


def test_all_windows_of_a_picture_agree_on_one_way():
    truth = drawn(4, 480, 560)
    photo, _ = photo_along(truth, linear_of(130, False, 1.2))
    (way,) = found(low_of(truth), photo)
    assert way.linear is not None
    (part,) = way.parts
    assert part.box == (0, 0, 120, 140)
    assert float((way.linear - linear_of(130, False, 1.2) * SCALE).abs().max()) < 0.05 * SCALE
    assert way.share > 0.6


def test_a_photo_of_something_else_is_left_as_it_is():
    assert found(low_of(drawn(5, 160, 160)), picture(3, 150, 170)) == [AS_IT_IS]


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (40, 40)])
def test_where_there_is_nothing_to_go_by_nothing_is_asked(size):
    flat = torch.full((3, *size), 0.4)
    assert windows_of(flat) == []
    assert found(flat, picture(0, 40, 50)) == [AS_IT_IS]


@pytest.mark.parametrize("size", [(8, 30), (64, 64), (65, 130), (500, 90)])
def test_windows_lie_in_different_parts_and_none_is_too_large(size):
    low = picture(2, *size)
    windows = windows_of(low)
    across = [min(MOST_ACROSS, -(-side // WINDOW_TX)) for side in size]
    assert len(windows) == across[0] * across[1]
    assert all(max(one.low.shape[1:]) <= WINDOW_TX for one in windows)
    strengths = [float(one.strength.mean()) for one in windows]
    assert strengths == sorted(strengths, reverse=True)


@pytest.mark.parametrize("size", [(65, 130), (500, 90), (700, 640)])
def test_what_windows_stand_for_is_all_of_a_picture_and_overlaps(size):
    stood_for = torch.zeros(size)
    for window in windows_of(picture(2, *size)):
        assert window.box is not None
        top, left, bottom, right = window.box
        height, width = window.strength.shape
        assert 0 <= top <= window.top < window.top + height <= bottom <= size[0]
        assert 0 <= left <= window.left < window.left + width <= right <= size[1]
        stood_for[top:bottom, left:right] += 1
    assert float(stood_for.min()) >= 1
    assert float(stood_for.max()) > 1


def test_of_each_part_the_window_with_most_to_go_by_is_asked():
    low = torch.full((3, 300, 300), 0.5)
    low[:, 210:230, 250:270] = picture(0, 20, 20)
    (window,) = windows_of(low)
    assert float((window.low - 0.5).abs().sum()) == pytest.approx(
        float((low - 0.5).abs().sum()), rel=1e-5
    )
