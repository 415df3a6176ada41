"""Resampling stored images in bands gives what resampling them whole gives."""

import numpy as np
import pytest

from texsr.pipeline import reduction
from texsr.pipeline.color import to_float, to_integer
from texsr.pipeline.reduction import resized
from texsr.pipeline.resample import resize


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(9, 13), (40, 31), (25, 34)])
def test_bands_do_not_show(dtype, size, rng, monkeypatch):
    monkeypatch.setattr(reduction, "BAND_PIXELS", 40)
    stored = rng.integers(0, np.iinfo(dtype).max, (25, 34, 3), dtype=dtype)
    whole = to_integer(resize(to_float(stored), height=size[0], width=size[1]), np.dtype(dtype))
    out = resized(stored, height=size[0], width=size[1])
    assert out.dtype == dtype
    assert out.shape == (*size, 3)
    assert np.abs(out.astype(int) - whole).max() <= (1 if size != (25, 34) else 0)


def test_the_same_size_is_the_same_image(rng):
    stored = rng.integers(0, 256, (8, 9, 1), dtype=np.uint8)
    assert resized(stored, height=8, width=9) is stored
