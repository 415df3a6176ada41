"""Integers, floats and the transfer curve go both ways."""

import numpy as np
import pytest

from texsr.pipeline.color import linear_from_srgb, luma, srgb_from_linear, to_float, to_integer


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_stored_integer_survives(dtype):
    stored = np.arange(np.iinfo(dtype).max + 1, dtype=dtype)
    color = to_float(stored)
    assert color.dtype == np.float32
    assert color[0] == 0.0
    assert color[-1] == 1.0
    np.testing.assert_array_equal(to_integer(color, np.dtype(dtype)), stored)


def test_what_lies_outside_is_clipped_and_between_is_rounded():
    color = np.array([-0.5, 0.4 / 255, 0.6 / 255, 1.5], np.float32)
    assert to_integer(color, np.dtype(np.uint8)).tolist() == [0, 0, 1, 255]


def test_the_transfer_curve_and_its_inverse():
    color = np.linspace(0, 1, 2001, dtype=np.float32)
    linear = linear_from_srgb(color)
    np.testing.assert_allclose(srgb_from_linear(linear), color, atol=2e-6)
    assert (np.diff(linear) > 0).all()
    assert linear_from_srgb(np.array([0.5], np.float32))[0] == pytest.approx(0.21404, abs=1e-5)
    assert linear_from_srgb(np.array([0.04], np.float32))[0] == pytest.approx(0.04 / 12.92)


def test_luma_spans_the_studio_range():
    corners = np.array([[0, 0, 0], [1, 1, 1], [0, 1, 0]], np.float32)
    assert luma(corners).tolist() == pytest.approx([16.0, 235.0, 144.553], abs=1e-3)
