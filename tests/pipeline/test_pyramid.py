"""A photo is sampled where it is asked for, at the resolution asked for, and loaded once."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from texsr.pipeline.capture import Photo
from texsr.pipeline.pyramid import PhotoPyramid, PhotoStore

UNITS = st.integers(0, 2**32 - 1)


def photo_of(color: np.ndarray) -> Photo:
    return Photo(color=color, valid=np.ones(color.shape[:2], bool))


def noise(seed: int, height: int = 40, width: int = 48) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def sampled(photo: np.ndarray, px, px_per_texel) -> np.ndarray:
    """Colours, one row a point, in 1/255."""
    place = torch.tensor(np.asarray(px), dtype=torch.float32)
    size = torch.full((len(place),), 1.0) * torch.as_tensor(px_per_texel, dtype=torch.float32)
    return PhotoPyramid(photo_of(photo)).sample(place, size).T.numpy() * 255.0


def centres(height: int, width: int, step: int = 1) -> np.ndarray:
    """(x, y) of the middles of squares of `step` px."""
    y, x = np.mgrid[0 : height // step, 0 : width // step]
    return (np.stack([x.ravel(), y.ravel()], axis=1) + 0.5) * step


def test_at_pixel_centres_stand_the_pixels():
    photo = noise(0)
    got = sampled(photo, centres(40, 48), 1.0)
    np.testing.assert_allclose(got, photo.reshape(-1, 3), atol=0.02)


def test_between_pixels_a_smooth_photo_is_interpolated_to_a_grey_level():
    def scene(px):
        phase = px @ np.array([[0.9, 0.3], [0.2, -0.8]]).T
        return 127.5 + 50 * np.sin(phase[:, :1]) + 50 * np.cos(phase[:, 1:])

    photo = np.repeat(np.rint(scene(centres(60, 60))).reshape(60, 60, 1), 3, axis=2)
    px = np.random.default_rng(1).uniform(3, 57, (500, 2))
    got = sampled(photo.astype(np.uint8), px, 1.0)
    error = got[:, :1] - scene(px)
    assert np.sqrt((error**2).mean()) < 1.5
    nearest = photo[px[:, 1].astype(int), px[:, 0].astype(int), :1] - scene(px)
    assert np.abs(error).max() < 0.2 * np.abs(nearest).max()


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_finer_photo_is_averaged_over_the_texel(level):
    """At the middle of aligned squares the answer is their mean; each halving rounds to 8 bits."""
    step = 2**level
    photo = noise(2, 48, 64)
    means = photo.reshape(48 // step, step, 64 // step, step, 3).mean(axis=(1, 3))
    got = sampled(photo, centres(48, 64, step), float(step))
    np.testing.assert_allclose(got, means.reshape(-1, 3), atol=0.5 * level + 0.1)


@pytest.mark.parametrize("px_per_texel", [3.0, 4.0, 6.0])
def test_what_a_texel_cannot_hold_does_not_alias(px_per_texel):
    """Stripes of two pixels give grey, wherever they are sampled; without averaging, anything."""
    photo = np.zeros((96, 96, 3), np.uint8)
    photo[:, ::2] = 255
    px = np.random.default_rng(3).uniform(20, 76, (300, 2))
    assert np.abs(sampled(photo, px, px_per_texel) - 127.5).max() < 1.0
    assert np.abs(sampled(photo, px, 1.0) - 127.5).max() > 100


def test_a_finer_photo_agrees_with_the_average_over_the_texel_anywhere():
    """Of a wave two texels long, four px a texel, bicubic on the reduced photo misses little."""
    y, x = np.mgrid[0:160, 0:160] + 0.5
    wave = 127.5 + 100 * np.sin(2 * np.pi * (x * 0.8 + y * 0.6) / 16)
    photo = np.repeat(np.rint(wave)[..., None], 3, axis=2).astype(np.uint8)
    corner = np.random.default_rng(4).integers(20, 136, (200, 2))
    means = [wave[y : y + 4, x : x + 4].mean() for x, y in corner]
    got = sampled(photo, corner + 2.0, 4.0)[:, 0]
    assert np.abs(got - means).max() < 6.0
    assert np.sqrt(np.mean((got - means) ** 2)) < 3.0


@settings(max_examples=40, deadline=None)
@example(seed=0, px_per_texel=1.125)
@given(seed=UNITS, px_per_texel=st.floats(0.3, 9.0))
def test_a_point_is_sampled_the_same_in_any_company(seed, px_per_texel):
    """Else the tiling would show: the company is the rest of a tile."""
    rng = np.random.default_rng(seed)
    photo = noise(seed)
    px = rng.uniform(-2, 50, (6, 2))
    size = np.concatenate([[px_per_texel], rng.uniform(0.3, 9.0, 5)])
    alone = sampled(photo, px[:1], size[:1])
    together = sampled(photo, px, size)
    np.testing.assert_allclose(together[:1], alone, atol=0.05)


@pytest.mark.parametrize("size", [1.05, 1.14])
def test_slightly_finer_photos_are_sampled_the_same_in_any_company(size):
    photo = noise(9)
    px = np.array([[20.3, 17.8], [11.2, 30.4]])
    alone = sampled(photo, px[:1], [size])
    np.testing.assert_allclose(sampled(photo, px, [size, 2.0])[:1], alone, atol=0.05)


def test_detail_fades_evenly_as_texels_grow():
    """No step where the next level comes in: a fiftieth more px per texel changes little."""
    photo = noise(5)
    px = np.random.default_rng(6).uniform(5, 35, (50, 2))
    sizes = np.geomspace(0.9, 8.0, 110)
    values = np.stack([sampled(photo, px, size) for size in sizes])
    contrast = values.std(axis=(1, 2))
    assert contrast[0] > 4 * contrast[-1]
    assert np.abs(np.diff(values, axis=0)).max() < 12.0


def test_beyond_the_border_the_border_is_repeated():
    photo = noise(7)
    got = sampled(photo, [(-40.0, 10.5), (60.0, 10.5), (20.5, -9.0), (20.5, 99.0)], 1.0)
    expected = photo[[10, 10, 0, 39], [0, 47, 20, 20]]
    np.testing.assert_allclose(got, expected, atol=0.5)


def test_photos_of_a_pixel_and_of_odd_sizes_can_be_reduced():
    one = np.full((1, 1, 3), 77, np.uint8)
    np.testing.assert_allclose(sampled(one, [(0.5, 0.5)], 16.0), 77, atol=0.01)
    odd = np.full((7, 5, 3), 200, np.uint8)
    np.testing.assert_allclose(sampled(odd, [(2.0, 3.0), (4.9, 6.9)], 32.0), 200, atol=0.01)


def test_no_points_give_no_colours():
    assert sampled(noise(8), np.zeros((0, 2)), np.zeros(0)).shape == (0, 3)


def test_luma_weighs_the_channels():
    color = np.zeros((4, 4, 3), np.uint8)
    color[0, 0], color[0, 1], color[0, 2] = (255, 0, 0), (0, 255, 0), (255, 255, 255)
    luma = PhotoPyramid(photo_of(color)).luma()
    assert luma[0, :4].tolist() == pytest.approx([0.299, 0.587, 1.0, 0.0], abs=1e-6)


class Shelf:
    """Loads grey photos and remembers which."""

    def __init__(self) -> None:
        self.loaded: list[int] = []

    def __call__(self, index: int) -> Photo:
        self.loaded.append(index)
        return photo_of(np.full((10, 10, 3), index, np.uint8))


def test_photos_are_loaded_once_while_there_is_room():
    shelf = Shelf()
    store = PhotoStore(shelf, budget_bytes=10**6)
    for index in (0, 1, 2, 1, 0, 2):
        assert store[index].luma()[0, 0] * 255 == pytest.approx(index, abs=1e-4)
    assert shelf.loaded == [0, 1, 2]


def test_the_least_used_photo_goes_first():
    shelf = Shelf()
    one = PhotoPyramid(Shelf()(0)).size_bytes
    store = PhotoStore(shelf, budget_bytes=2 * one)
    for index in (0, 1, 0, 2, 0, 1):
        store[index]
    assert shelf.loaded == [0, 1, 2, 1]


def test_a_photo_larger_than_the_budget_is_held_all_the_same():
    shelf = Shelf()
    store = PhotoStore(shelf, budget_bytes=1)
    for index in (3, 3, 4, 3):
        store[index]
    assert shelf.loaded == [3, 4, 3]
