"""Lens models agree with COLMAP's numbers and a literal twin, and say what they cannot see."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.colmap_lenses import COEFFICIENTS, FF, GOLDEN, RAYS, make_lens
from tests.oracles import lenses
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.lens import Lens
from texsr.pipeline.lens_models import LENS_MODELS, lens_model


def test_every_model_of_the_table_has_numbers_of_colmap() -> None:
    assert GOLDEN.keys() == LENS_MODELS.keys()


@pytest.mark.parametrize("model", GOLDEN)
def test_projection_agrees_with_colmap(model: str) -> None:
    colmap_id, _, expected = GOLDEN[model]
    px, seen = make_lens(model).project(RAYS)
    assert LENS_MODELS[model].colmap_id == colmap_id
    assert seen.all()
    np.testing.assert_allclose(px, expected, atol=1e-8)


@pytest.mark.parametrize("model", GOLDEN)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_projection_agrees_with_the_literal_twin(model: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.3, 1.0, len(COEFFICIENTS[model]))
    params = (*FF[: LENS_MODELS[model].num_focals], 386.1, 251.1)
    params += tuple(float(x) for x in np.array(COEFFICIENTS[model]) * scale)
    lens = Lens(model=model, params=params, width_px=772, height_px=502)
    points = rng.uniform([-0.5, -0.4, 1.0], [0.5, 0.4, 1.0], (6, 3)) * rng.uniform(0.1, 9.0, (6, 1))
    expected = lenses.project(model, params, points, num_focals=LENS_MODELS[model].num_focals)
    np.testing.assert_allclose(lens.project(points)[0], expected, atol=1e-9)


@pytest.mark.parametrize("model", GOLDEN)
@settings(max_examples=15, deadline=None)
@given(x=st.floats(-0.5, 0.5), y=st.floats(-0.4, 0.4))
def test_distorting_and_undistorting_is_identity(model: str, x: float, y: float) -> None:
    bent, seen = make_lens(model).distort(np.array([[x, y]]))
    back = lenses.undistort(model, COEFFICIENTS[model], (bent[0, 0], bent[0, 1]))
    assert seen.all()
    assert back == pytest.approx((x, y), abs=1e-8)


@pytest.mark.parametrize(
    ("model", "coefficients", "turning_radius"),
    [
        ("SIMPLE_RADIAL", (-0.3,), math.sqrt(1 / 0.9)),
        ("OPENCV", (-0.5, 0.0, 0.0, 0.0), math.sqrt(1 / 1.5)),
        ("RADIAL", (0.0, -0.2), 1.0),
        ("SIMPLE_RADIAL_FISHEYE", (-1 / 3,), math.tan(1.0)),
        ("FULL_OPENCV", (0.0, 0.0, 0.0, 0.0, 0.0, -0.25, 0.0, 0.0), 2.0),  # a pole, where it leaps
        ("SIMPLE_DIVISION", (0.25,), 1.0),  # no place beyond
    ],
)
def test_rays_past_the_turning_point_do_not_fold_back(
    model: str, coefficients: tuple[float, ...], turning_radius: float
) -> None:
    params = ((500.0,) if LENS_MODELS[model].num_focals == 1 else (500.0, 500.0)) + (400.0, 300.0)
    lens = Lens(model=model, params=params + coefficients, width_px=800, height_px=600)
    radius = np.array([0.1, 0.5, 0.97, 1.001, 1.5, 4.0, 50.0]) * turning_radius
    for turn in (0.0, 1.0, 2.5):
        ray = np.stack([radius * np.cos(turn), radius * np.sin(turn), np.ones(7)], axis=1)
        _, seen = lens.project(ray)
        assert seen.tolist() == [True] * 3 + [False] * 4


def test_nothing_behind_the_camera_is_seen() -> None:
    points = np.array([[0.1, 0.1, -1.0], [0.0, 0.0, 0.0], [0.1, 0.1, 1.0]])
    for model in GOLDEN:
        assert make_lens(model).project(points)[1].tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "PINHOL"}, "'PINHOL'"),
        ({"model": "EQUIRECTANGULAR"}, "sphere"),
        ({"params": (500.0, 500.0, 400.0)}, "3 parameters for PINHOLE"),
        ({"params": (500.0, math.nan, 400.0, 300.0)}, "numbers below"),
        ({"params": (500.0, -500.0, 400.0, 300.0)}, "positive focal"),
        ({"params": (0.0, 500.0, 400.0, 300.0)}, "positive focal"),
        ({"width_px": 0}, "0 x 600"),
    ],
)
def test_a_lens_that_cannot_be_is_refused(change: dict[str, object], message: str) -> None:
    fields = {"model": "PINHOLE", "params": (500.0, 500.0, 400.0, 300.0)}
    with pytest.raises(CaptureError, match=message):
        Lens(**{**fields, "width_px": 800, "height_px": 600, **change})


def test_coefficient_names_count_as_parameters() -> None:
    assert [lens_model(name).num_params for name in ("SIMPLE_PINHOLE", "FULL_OPENCV")] == [3, 12]
