"""The test run really checks shapes, dtypes and types: in functions, dataclasses and flows."""

import jaxtyping
import numpy as np
import pytest

from texsr.flows.settings import RunSettings
from texsr.pipeline.atlas import uv_to_texel
from texsr.pipeline.mesh import Mesh


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match="uv"):
        uv_to_texel(np.zeros((4, 3)), height_tx=8, width_tx=8)


def test_a_wrong_dtype_is_refused() -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match="faces"):
        Mesh(vertices=np.zeros((3, 3)), faces=np.zeros((1, 3), np.int64))


def test_a_whole_number_will_do_for_a_float_and_text_will_not() -> None:
    assert RunSettings(scale=2).scale == 2
    with pytest.raises(jaxtyping.TypeCheckError, match="scale"):
        RunSettings(scale="2")
