"""Photos are laid as the picture lies, and it is told how they lay."""

from unittest.mock import Mock

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.pictures import picture
from tests.planes import drawn, linear_of, low_of, photo_along
from texsr.flows.photo_stances import as_they_are, lay_photos, photo_of
from texsr.flows.progress import silent
from texsr.models.standing import Standing

SCALE = 4


def stored(color: Tensor) -> np.ndarray:
    return (color.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)


@pytest.mark.parametrize(
    ("degrees", "mirrored", "px"), [(90, False, 1.0), (-35, False, 1.4), (120, True, 0.8)]
)
def test_a_laid_photo_is_what_the_picture_shows(degrees, mirrored, px):
    truth = drawn(0, 240, 240)
    photo, _ = photo_along(truth, linear_of(degrees, mirrored, px))
    laid = lay_photos(low_of(truth), [photo_of(stored(photo))], SCALE, silent)
    (stance,), (color,) = laid.stances, laid.references.photos
    assert stance.turned_deg == pytest.approx(degrees, abs=2)
    assert stance.mirrored is mirrored
    assert (stance.found, stance.as_it_is) == (True, False)
    assert stance.px_per_texel == pytest.approx(px, rel=0.03)
    assert laid.references.px == (stance.px_per_texel,)
    assert stance.explains > 0.6
    # Where the middle of the truth went, a part of the laid photo is the same, up to its place.
    part = truth[:, 100:140, 100:140]
    there = torch.nn.functional.unfold(color[None], 40)[0].view(3, 1600, -1)
    off = (there - part.flatten(1)[..., None]).abs().mean((0, 1)).min()
    assert float(off) < 0.08


def test_what_is_not_found_and_what_stands_as_the_picture_are_given_as_they_are():
    truth = drawn(1, 160, 200)
    photos = [photo_of(stored(truth)), photo_of(stored(picture(0, 90, 110)))]
    laid = lay_photos(low_of(truth), photos, SCALE, silent)
    assert laid.references.px == (1.0, 1.0)
    for photo, color in zip(photos, laid.references.photos, strict=True):
        assert np.array_equal(stored(color), photo.color)
    same, other = laid.stances
    assert (same.photo, same.turned_deg, same.mirrored, same.px_per_texel) == (0, 0.0, False, 1.0)
    assert same.explains > 0.6
    assert (same.found, same.as_it_is) == (True, True)
    assert (other.photo, other.found, other.as_it_is, other.explains) == (1, False, True, 0.0)


def test_progress_ends_with_the_last_window_of_the_last_photo():
    truth = drawn(2, 300, 300)
    told: list[tuple[str, int, int]] = []
    photos = [photo_of(stored(truth))] * 2
    lay_photos(low_of(truth), photos, SCALE, lambda *one: told.append(one))
    done = [one[1] for one in told]
    assert done == sorted(done)
    assert told[-1] == ("stances", 8, 8)


def test_photos_asked_about_again_are_not_looked_at_again(monkeypatch):
    mock = Mock(wraps=Standing)
    monkeypatch.setattr("texsr.flows.photo_stances.Standing", mock)
    truth, turned = drawn(6, 200, 200), drawn(7, 200, 200)
    low = low_of(truth)
    photos = [photo_of(stored(torch.rot90(truth, 1, (1, 2)))), photo_of(stored(turned))]
    asked = list[int]()

    def laid(count: int):
        asked.clear()
        return lay_photos(low, photos[:count], SCALE, lambda *one: asked.append(one[1]))

    first = laid(1)
    looked_at = mock.call_count
    both = laid(2)
    assert mock.call_count == 2 * looked_at  # the other alone
    assert asked[-1] == 2
    assert both.stances[: len(first.stances)] == first.stances
    again = laid(2)
    assert mock.call_count == 2 * looked_at
    assert asked[-1] == 2
    assert again.stances == both.stances
    for one, other in zip(again.references.photos, both.references.photos, strict=True):
        assert torch.equal(one, other)


def test_pixels_that_hold_nothing_have_the_mean_colour_of_the_others():
    color = stored(picture(4, 20, 30))
    opaque = np.ones((20, 30), bool)
    opaque[:, 18:] = False
    (made,) = as_they_are([photo_of(color, opaque)]).references.photos
    mean = color[:, :18].reshape(-1, 3).mean(axis=0) / 255
    assert np.allclose(made[:, :, 18:].numpy(), mean[:, None, None], atol=1e-5)
    assert np.array_equal(stored(made)[:, :18], color[:, :18])
