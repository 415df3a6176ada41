"""A spline passes through its pixels, and runs between them as SciPy's does."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from texsr.pipeline import spline
from texsr.pipeline.spline import sample_spline

SIZES = st.integers(1, 40)


def noise(seed: int, height: int, width: int) -> torch.Tensor:
    values = np.random.default_rng(seed).integers(0, 256, (3, height, width), dtype=np.uint8)
    return torch.from_numpy(values)


def places(seed: int, height: int, width: int, count: int) -> torch.Tensor:
    px = np.random.default_rng(seed).uniform(0.5, [width - 0.5, height - 0.5], (count, 2))
    return torch.from_numpy(px.astype(np.float32))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 99), height=SIZES, width=SIZES)
def test_at_pixel_centres_stand_the_pixels(seed, height, width):
    image = noise(seed, height, width)
    y, x = np.mgrid[0:height, 0:width] + 0.5
    px = torch.from_numpy(np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32))
    found = sample_spline(image, px) * 255.0
    np.testing.assert_allclose(found, image.flatten(1), atol=0.01)


@pytest.mark.parametrize(("height", "width"), [(30, 41), (9, 5), (2, 3), (1, 1)])
def test_between_pixels_it_runs_as_another_implementation_does(height, width):
    image, px = noise(5, height, width), places(6, height, width, 400)
    wide = np.pad(image.numpy().astype(float), ((0, 0), (30, 30), (30, 30)), mode="symmetric")
    place = px.numpy().T[::-1] - 0.5 + 30
    expected = [ndimage.map_coordinates(plane, place, order=3) for plane in wide]
    np.testing.assert_allclose(sample_spline(image, px) * 255.0, expected, atol=2e-3)


def test_blocks_show_nowhere(monkeypatch):
    image, px = noise(7, 90, 70), places(8, 90, 70, 900)
    whole = sample_spline(image, px)
    monkeypatch.setattr(spline, "BLOCK_PX", 16)
    np.testing.assert_allclose(sample_spline(image, px), whole, atol=3e-5)


def test_no_places_give_no_colours():
    assert sample_spline(noise(9, 4, 4), torch.zeros(0, 2)).shape == (3, 0)


def test_waves_near_the_limit_of_sampling_are_kept():
    """At 0.35 cycles a pixel, beside bicubic look-ups as PyTorch has them (a = -0.75)."""
    wave = np.rint(127.5 + 100 * np.sin(2 * np.pi * 0.35 * (np.arange(64) + 0.5)))
    image = torch.from_numpy(np.repeat(wave.astype(np.uint8)[None, None], 16, axis=1))
    px = places(1, 16, 40, 500) + torch.tensor([12.0, 0.0])
    truth = 127.5 + 100 * np.sin(2 * np.pi * 0.35 * px[:, 0].numpy())
    grid = px * (2.0 / torch.tensor([64.0, 16.0])) - 1.0
    bicubic = torch.nn.functional.grid_sample(
        image[None].float(), grid[None, None], "bicubic", "border", align_corners=False
    )
    ours, theirs = (
        float(np.sqrt(np.mean((one.numpy() - truth) ** 2)))
        for one in (sample_spline(image, px)[0] * 255.0, bicubic[0, 0, 0])
    )
    assert ours < 0.6 * theirs
