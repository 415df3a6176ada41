"""How a photo stands beside a window: known turns, mirrors, scales and slants are found."""

import pytest
import torch
from torch import Tensor

from tests.pictures import picture
from tests.planes import drawn, linear_of, low_of, photo_along
from texsr.models.planar_maps import Laid, chained
from texsr.models.stance import checked, is_sound, located, proposed, strength

SCALE = 4
SIDE_TX = 48


def scene(linear: Tensor) -> tuple[Tensor, Laid, Tensor]:
    """A window, a photo of more than that, and the map from the window's texels to it."""
    truth = drawn(3, 288, 320)
    photo, to_photo = photo_along(truth, linear)
    top, left = 40, 64
    side = SIDE_TX * SCALE
    window = low_of(truth[:, top : top + side, left : left + side])
    middle = (SCALE - 1) / 2
    placed = [[SCALE, 0, left + middle], [0, SCALE, top + middle]]
    return window, Laid(photo), chained(to_photo, torch.tensor(placed, dtype=torch.float64))


def off_tx(found: Tensor, true: Tensor) -> float:
    """How far a map leads off at the corners of the window, at most, in its texels."""
    corners = torch.tensor([[0, SIDE_TX, 0, SIDE_TX], [0, 0, SIDE_TX, SIDE_TX], [1, 1, 1, 1]])
    wrong = torch.linalg.inv(true[:, :2]) @ ((found - true) @ corners.double())
    return float(wrong.norm(dim=0).max())


@pytest.mark.parametrize(
    "linear",
    [
        linear_of(0, False, 1.0),
        linear_of(90, False, 1.0),
        linear_of(-47, False, 0.8),
        linear_of(170, True, 1.3),
        linear_of(20, True, 2.2),
        linear_of(-75, False, 1.2, squeezed=0.7),
    ],
    ids=["as it is", "quarter", "oblique", "mirrored", "mirrored and finer", "slanted"],
)
def test_the_likeliest_of_what_is_proposed_is_how_the_photo_stands(linear):
    window, laid, true = scene(linear)
    found = [located(window, laid, one) for one in proposed(window, laid, SCALE)]
    best = max((one for one in found if one is not None), key=lambda one: one.consensus)
    assert best.consensus > 0.1
    assert off_tx(best.map, true) < 2.0
    stance = checked(window, laid, best, SCALE)
    assert off_tx(stance.map, true) < 1.0
    counts = strength(window)
    assert float((stance.sure * counts).sum() / counts.sum()) > 0.8


def test_a_photo_of_something_else_is_not_agreed_on():
    window, _, _ = scene(linear_of(0, False, 1.0))
    other = Laid(picture(7, 240, 260))
    found = [located(window, other, one) for one in proposed(window, other, SCALE)]
    assert all(one is None or one.consensus < 0.03 for one in found)


def test_a_photo_too_small_to_hold_anything_is_nowhere():
    window, _, _ = scene(linear_of(0, False, 1.0))
    speck = Laid(picture(1, 3, 5))
    assert proposed(window, speck, SCALE) == []
    assert located(window, speck, torch.eye(2, dtype=torch.float64) * SCALE) is None


@pytest.mark.parametrize(
    ("along", "across", "sound"),
    [(1.0, 1.0, True), (0.2, 0.3, False), (0.9, 0.31, False), (3.0, 2.0, True), (7.0, 5.0, False)],
)
def test_what_holds_no_detail_or_is_a_sliver_is_of_no_use(along, across, sound):
    turned = linear_of(33, False, 1.0) @ torch.diag(torch.tensor([along, across]).double())
    assert is_sound(turned * SCALE, SCALE) is sound
