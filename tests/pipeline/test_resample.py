"""Bicubic resampling against Pillow, and as an operator."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from texsr.pipeline.resample import (
    Resampling,
    apply_separable,
    area_matrix,
    bicubic_matrix,
    resize,
    resize_rows,
)

SIZES = st.integers(1, 70)


def pillow_resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resample each channel as Pillow does in its float mode."""
    channels = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(image[..., c])).resize(
                (width, height), Image.Resampling.BICUBIC
            )
        )
        for c in range(image.shape[2])
    ]
    return np.stack(channels, axis=2)


@settings(max_examples=60, deadline=None)
@given(h=SIZES, w=SIZES, height=SIZES, width=SIZES, seed=st.integers(0, 99))
def test_every_size_agrees_with_pillow(h, w, height, width, seed):
    image = np.random.default_rng(seed).random((h, w, 2), dtype=np.float32)
    expected = pillow_resize(image, height, width)
    np.testing.assert_allclose(resize(image, height=height, width=width), expected, atol=2e-6)


@pytest.mark.parametrize(("size_in", "size_out"), [(64, 16), (16, 64), (1024, 256), (37, 11)])
def test_rows_are_a_partition_of_unity(size_in, size_out):
    sums = bicubic_matrix(size_in, size_out) @ np.ones(size_in, np.float32)
    np.testing.assert_allclose(sums, 1.0, atol=1e-6)


def test_transposed_matrices_are_the_adjoint():
    rng = np.random.default_rng(3)
    down, across = bicubic_matrix(48, 12), bicubic_matrix(36, 9)
    x = rng.random((48, 36, 3), dtype=np.float32)
    y = rng.random((12, 9, 3), dtype=np.float32)
    forward = float((apply_separable(down, across, x) * y).sum())
    backward = float((apply_separable(down.T.tocsr(), across.T.tocsr(), y) * x).sum())
    assert forward == pytest.approx(backward, rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(start=st.integers(0, 15), count=st.integers(1, 16), factor=st.sampled_from([0.25, 1.0, 3.0]))
def test_bands_are_slices_of_the_whole(start, count, factor):
    image = np.random.default_rng(start).random((64, 20, 3), dtype=np.float32)
    height, width = round(64 * factor), round(20 * factor)
    rows = slice(start, min(start + count, height))
    whole = resize(image, height=height, width=width)
    band = resize_rows(image, height=height, width=width, rows=rows)
    np.testing.assert_array_equal(band, whole[rows])


def test_enlarging_then_reducing_keeps_a_smooth_image():
    y, x = np.mgrid[0:32, 0:32] / 32.0
    smooth = np.stack([np.sin(6 * x), np.cos(5 * y), x * y], axis=2).astype(np.float32)
    back = resize(resize(smooth, height=128, width=128), height=32, width=32)
    assert np.abs(back - smooth)[4:-4, 4:-4].max() < 0.01


@settings(max_examples=60, deadline=None)
@given(size_in=SIZES, size_out=SIZES)
def test_area_means_share_every_sample_out(size_in, size_out):
    matrix = area_matrix(size_in, size_out).toarray()
    assert matrix.min() >= 0
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, atol=1e-6)
    # Each input sample counts for as much as any other in all outputs together.
    np.testing.assert_allclose(matrix.sum(axis=0), size_out / size_in, rtol=1e-5)


def test_area_means_of_whole_blocks_are_block_means(rng):
    image = rng.random((12, 20, 2), dtype=np.float32)
    whole = Resampling.area((12, 20), (4, 5)).apply(image, slice(0, 4))
    np.testing.assert_allclose(whole, image.reshape(4, 3, 5, 4, 2).mean(axis=(1, 3)), atol=1e-6)
