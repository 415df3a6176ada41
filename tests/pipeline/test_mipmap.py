import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from texsr.pipeline.mipmap import Mipmap


def ramp(height=37, width=53, dtype=np.uint16):
    """A texture whose value is linear in x and y, so interpolation has an exact answer."""
    y, x = np.mgrid[:height, :width] + 0.5
    top = np.iinfo(dtype).max
    values = np.stack([x / width, y / height, (x / width + y / height) / 2], axis=-1)
    return np.rint(values * top).astype(dtype)


def in_square(texel, height=37, width=53):
    u, v = texel[:, 0] / width, texel[:, 1] / height
    return np.stack([u, v, (u + v) / 2], axis=1)


@settings(max_examples=30, deadline=None)
@given(x=st.floats(6, 47), y=st.floats(6, 31), footprint=st.floats(0.1, 4.0))
def test_linear_texture_is_met_exactly_at_every_footprint(x, y, footprint):
    texel = np.array([[x, y]])
    color = Mipmap(ramp()).sample(texel, np.array([footprint]))
    assert np.abs(color - in_square(texel)).max() < 2e-4


def test_texel_centres_give_the_stored_values():
    rng = np.random.default_rng(0)
    stored = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    y, x = np.mgrid[:5, :7]
    texel = np.stack([x.ravel(), y.ravel()], axis=1) + 0.5
    color = Mipmap(stored).sample(texel, np.ones(35))
    assert np.array_equal(np.rint(color * 255).astype(np.uint8), stored.reshape(-1, 3))


def test_wide_footprint_averages_a_checkerboard_to_grey():
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    stored = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)
    color = Mipmap(stored).sample(np.array([[20.5, 20.5]]), np.array([2.0]))
    assert color == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_alpha_is_left_out_and_grey_repeated(channels):
    stored = np.zeros((4, 4, channels), np.uint8)
    stored[..., 0] = 255
    color = Mipmap(stored).sample(np.array([[2.0, 2.0]]), np.array([1.0]))
    assert color[0].tolist() == ([1.0, 1.0, 1.0] if channels < 3 else [1.0, 0.0, 0.0])


def test_memory_map_is_sampled_in_place(tmp_path):
    stored = np.lib.format.open_memmap(
        tmp_path / "atlas.npy", mode="w+", dtype=np.uint8, shape=(1024, 1024, 3)
    )
    stored[500:520, 500:520] = 200
    mipmap = Mipmap(stored)
    assert mipmap.level(0) is stored
    assert mipmap.sample(np.array([[510.0, 510.0]]), np.array([1.0]))[0, 0] == pytest.approx(
        200 / 255
    )


def test_reduced_is_the_finest_that_fits():
    mipmap = Mipmap(ramp(100, 200))
    assert mipmap.reduced(200).shape[:2] == (100, 200)
    assert mipmap.reduced(199).shape[:2] == (50, 100)
    assert mipmap.reduced(30).shape[:2] == (13, 25)
