"""A finished atlas comes down in bands as it would whole: colour, alpha, levels, confidence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from texsr.pipeline.color import to_float, to_integer
from texsr.pipeline.resample import resize
from texsr.pipeline.stages import reduce
from texsr.pipeline.stages.reduce import plan_reduction

SHAPES = [((60, 96), (48, 77)), ((74, 58), (56, 44)), ((148, 116), (47, 36)), ((9, 8), (9, 6))]


def colors_of(made: np.ndarray, wanted: tuple[int, int]) -> np.ndarray:
    plan = plan_reduction(made.shape[:2], wanted)
    return np.concatenate([plan.color(made, rows) for rows in plan.bands()])


def origins_of(made: np.ndarray, wanted: tuple[int, int]) -> np.ndarray:
    plan = plan_reduction(made.shape[:2], wanted)
    return np.concatenate([plan.origins(made, rows) for rows in plan.bands()])


def waves_at(height: int, width: int) -> np.ndarray:
    """A smooth picture, evaluated at the texel centres of any size."""
    y, x = ((np.arange(n) + 0.5) / n for n in (height, width))
    y, x = y[:, None], x[None]
    planes = [
        np.sin(7 * x + 3 * y),
        np.cos(5 * y - 2 * x),
        np.sin(4 * x * y),
        np.cos(6 * x) + 0 * y,
    ]
    return (0.5 + 0.4 * np.stack(planes, axis=-1)).astype(np.float32)


@pytest.fixture(params=[None, 1, 200], ids=["one band", "rows", "few rows"])
def band_texels(request, monkeypatch) -> None:
    if request.param is not None:
        monkeypatch.setattr(reduce, "BAND_TEXELS", request.param)


@pytest.mark.parametrize(("made", "wanted"), SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_bands_are_pieces_of_the_whole(rng, band_texels, made, wanted, dtype):
    top = np.iinfo(dtype).max
    stored = rng.integers(0, top, (*made, 4), dtype=dtype, endpoint=True)
    whole = resize(to_float(stored), height=wanted[0], width=wanted[1])
    got = colors_of(stored, wanted)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, to_integer(whole, np.dtype(dtype)))


def test_eight_bits_are_pillows(rng):
    # Far from black and white, where Pillow clips between rows and columns.
    stored = rng.integers(80, 176, (148, 116, 3), dtype=np.uint8)
    expected = Image.fromarray(stored).resize((73, 93), Image.Resampling.BICUBIC)
    assert np.abs(colors_of(stored, (93, 73)).astype(int) - np.asarray(expected)).max() <= 1


@pytest.mark.parametrize("value", [0, 1, 77, 254, 255])
def test_a_constant_stays_the_same_constant(band_texels, value):
    for made, wanted in SHAPES:
        stored = np.full((*made, 2), value, np.uint8)
        assert (colors_of(stored, wanted) == value).all()
        deep = stored.astype(np.uint16) * 257
        assert (colors_of(deep, wanted) == value * 257).all()


@pytest.mark.parametrize(("made", "wanted"), [((180, 240), (135, 173)), ((288, 192), (111, 75))])
def test_a_smooth_picture_comes_out_as_if_drawn_at_the_size_wanted(made, wanted):
    drawn = to_integer(waves_at(*made), np.dtype(np.uint16))
    off = np.abs(to_float(colors_of(drawn, wanted)) - waves_at(*wanted))
    assert off[2:-2, 2:-2].max() < 0.5 / 255
    assert off.max() < 4 / 255  # beyond the border there is nothing to look at


def literal_origins(made: np.ndarray, wanted: tuple[int, int]) -> np.ndarray:
    """One new texel at a time: the level under its middle, the mean confidence of its area."""
    height, width = made.shape[:2]
    out = np.zeros((*wanted, 2), np.float64)
    for y, x in np.ndindex(*wanted):
        top, left = y * height / wanted[0], x * width / wanted[1]
        bottom, right = (y + 1) * height / wanted[0], (x + 1) * width / wanted[1]
        total = weight = 0.0
        for r in range(int(top), min(int(np.ceil(bottom)), height)):
            for c in range(int(left), min(int(np.ceil(right)), width)):
                part = (min(bottom, r + 1) - max(top, r)) * (min(right, c + 1) - max(left, c))
                if made[r, c, 0] > 0:
                    total, weight = total + part * made[r, c, 1], weight + part
        middle = (2 * y + 1) * height // (2 * wanted[0]), (2 * x + 1) * width // (2 * wanted[1])
        out[y, x, 0] = made[(*middle, 0)]
        out[y, x, 1] = total / weight if out[y, x, 0] > 0 else 0.0
    return out


@pytest.mark.parametrize(("made", "wanted"), SHAPES)
def test_levels_stay_levels_and_confidence_is_the_mean_on_the_charts(
    rng, band_texels, made, wanted
):
    level = rng.choice(np.array([0, 1, 2, 4], np.uint8), made)
    stored = np.stack([level, rng.integers(0, 255, made, dtype=np.uint8)], axis=-1)
    got, expected = origins_of(stored, wanted), literal_origins(stored, wanted)
    np.testing.assert_array_equal(got[..., 0], expected[..., 0])
    assert np.abs(got[..., 1] - expected[..., 1]).max() <= 0.51
    assert (got[got[..., 0] == 0] == 0).all()


@settings(max_examples=50, deadline=None)
@given(made=st.tuples(st.integers(1, 40), st.integers(1, 40)), shrink=st.floats(1.0, 8.0))
def test_no_size_makes_a_level_that_was_not_there(made, shrink):
    wanted = (max(1, round(made[0] / shrink)), max(1, round(made[1] / shrink)))
    level = (np.add.outer(np.arange(made[0]), np.arange(made[1])) % 5).astype(np.uint8)
    stored = np.stack([level, np.full(made, 200, np.uint8)], axis=-1)
    got = origins_of(stored, wanted)
    assert got.shape == (*wanted, 2)
    assert set(np.unique(got[..., 0])) <= set(np.unique(level))
    assert set(np.unique(got[..., 1])) <= {0, 200}
