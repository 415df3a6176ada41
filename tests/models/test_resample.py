"""Reduction and enlargement are Pillow's; the faithful enlargement undoes the reduction."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles.resampling import resized
from texsr.models.resample import enlarge, enlarge_faithfully, make_consistent, reduce

SIZES = st.integers(5, 24)
SCALES = st.sampled_from([2, 3, 4, 6, 8])
UNITS = st.integers(0, 2**32 - 1)


def image(seed: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width, 3), np.float32)


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))[None]


def array(tensor: torch.Tensor) -> np.ndarray:
    return tensor[0].permute(1, 2, 0).numpy()


@settings(max_examples=30, deadline=None)
@given(seed=UNITS, height=SIZES, width=SIZES, scale=SCALES)
def test_enlarging_is_pillows(seed, height, width, scale):
    low = image(seed, height, width)
    expected = resized(low, height * scale, width * scale)
    np.testing.assert_allclose(array(enlarge(tensor(low), scale)), expected, atol=3e-6)


@settings(max_examples=30, deadline=None)
@given(seed=UNITS, height=SIZES, width=SIZES, scale=SCALES)
def test_reducing_is_pillows_antialiased(seed, height, width, scale):
    high = image(seed, height * scale, width * scale)
    expected = resized(high, height, width)
    np.testing.assert_allclose(array(reduce(tensor(high), scale)), expected, atol=3e-6)


@settings(max_examples=30, deadline=None)
@given(seed=UNITS, scale=SCALES)
def test_reducing_the_faithful_enlargement_gives_the_image_back(seed, scale):
    """To 1e-4 away from the border, even for white noise; 20 texels of it are looked past there."""
    low = tensor(image(seed, 48, 52))
    back = reduce(enlarge_faithfully(low, scale), scale)
    assert float((back - low)[..., 20:-20, 20:-20].abs().max()) < 1e-4


@pytest.mark.parametrize("scale", [2, 3, 4, 6, 8])
def test_up_to_the_border_the_image_is_given_back_nearly(scale):
    low = tensor(image(1, 40, 40))
    back = reduce(enlarge_faithfully(low, scale), scale)
    assert float((back - low).abs().max()) < 0.1
    smooth = torch.linspace(0, 1, 40)[None, None, :, None].expand(1, 3, 40, 40).contiguous()
    assert float((reduce(enlarge_faithfully(smooth, scale), scale) - smooth).abs().max()) < 0.01


@pytest.mark.parametrize("scale", [2, 4])
def test_the_faithful_enlargement_is_where_back_projection_stands_still(scale):
    low = tensor(image(2, 30, 30))
    high = enlarge(low, scale)
    for _ in range(150):
        high = high + enlarge(low - reduce(high, scale), scale)
    inner = slice(12 * scale, -12 * scale)
    got = enlarge_faithfully(low, scale)
    assert float((got - high)[..., inner, inner].abs().max()) < 1e-4


@pytest.mark.parametrize("scale", [2, 3, 4, 6, 8])
def test_constants_stay_constant(scale):
    flat = torch.full((1, 3, 9, 7), 0.3)
    for got in (enlarge(flat, scale), enlarge_faithfully(flat, scale)):
        assert got.shape == (1, 3, 9 * scale, 7 * scale)
        assert float((got - 0.3).abs().max()) < 1e-5


@settings(max_examples=20, deadline=None)
@given(seed=UNITS, scale=st.sampled_from([2, 4]))
def test_an_image_is_made_consistent_once_and_for_all(seed, scale):
    low = tensor(image(seed, 44, 44))
    high = tensor(image(seed + 1, 44 * scale, 44 * scale))
    once = make_consistent(high, low, scale)
    inside = (..., slice(20, -20), slice(20, -20))
    assert float((reduce(once, scale) - low)[inside].abs().max()) < 1e-4
    twice = make_consistent(once, low, scale)
    inner = (..., slice(20 * scale, -20 * scale), slice(20 * scale, -20 * scale))
    assert float((twice - once)[inner].abs().max()) < 2e-4


def test_the_strength_of_consistency_is_a_dial():
    low = tensor(image(3, 44, 44))
    high = tensor(image(4, 176, 176))
    full = make_consistent(high, low, 4)
    none = make_consistent(high, low, 4, torch.zeros(1, 1, 44, 44))
    half = make_consistent(high, low, 4, torch.full((1, 1, 44, 44), 0.5))
    assert torch.equal(none, high)
    assert float((half - (full + high) / 2).abs().max()) < 1e-5
    assert torch.equal(make_consistent(high, low, 4, torch.ones(1, 1, 44, 44)), full)


def test_what_reduces_to_the_image_already_is_left_alone():
    high = tensor(image(5, 96, 96))
    again = make_consistent(high, reduce(high, 4), 4)
    assert float((again - high).abs().max()) < 1e-5


def test_batches_and_channels_are_independent():
    batch = torch.from_numpy(np.random.default_rng(6).random((3, 2, 12, 12), np.float32))
    together = enlarge_faithfully(batch, 4)
    for i in range(3):
        for c in range(2):
            alone = enlarge_faithfully(batch[i : i + 1, c : c + 1], 4)
            torch.testing.assert_close(together[i : i + 1, c : c + 1], alone, atol=1e-6, rtol=0)
