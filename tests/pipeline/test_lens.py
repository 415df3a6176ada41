"""Lens models agree with COLMAP's numbers, a literal twin, and the pinhole made of them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import lenses
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.lens import MAX_OFF_AXIS_RAD, Lens
from texsr.pipeline.lens_models import LENS_MODELS, lens_model

# Computed once with pycolmap 4.2.1: Camera(model, 772 x 502, params).img_from_cam of RAYS.
RAYS = np.array([[0.1, -0.2, 1.0], [0.35, 0.25, 1.0], [-0.5, 0.4, 1.0]])
FF, F = (651.1, 655.2, 386.1, 251.1), (651.1, 386.1, 251.1)
GOLDEN = {
    "SIMPLE_PINHOLE": (0, F, [[451.21, 120.88], [613.985, 413.875], [60.55, 511.54]]),
    "PINHOLE": (1, FF, [[451.21, 120.06], [613.985, 414.9], [60.55, 513.18]]),
    "SIMPLE_RADIAL": (
        2,
        (*F, -0.12),
        [[450.81934, 121.66132], [608.925953, 410.261395], [76.56706, 498.726352]],
    ),
    "RADIAL": (
        3,
        (*F, -0.12, 0.03),
        [[450.82422325, 121.6515535], [609.159933924, 410.428524231], [74.92531135, 500.03975092]],
    ),
    "OPENCV": (
        4,
        (*FF, -0.12, 0.03, 0.002, -0.003),
        [[450.63540425, 121.085388], [608.547899924, 411.49406565], [72.62692835, 503.35016544]],
    ),
    "OPENCV_FISHEYE": (
        5,
        (*FF, -0.05, 0.02, -0.004, 0.001),
        [
            [450.004241634, 122.48670214],
            [599.649637516, 404.595976589],
            [100.658316352, 480.891296116],
        ],
    ),
    "FULL_OPENCV": (
        6,
        (*FF, -0.12, 0.03, 0.002, -0.003, 0.01, 0.02, -0.01, 0.005),
        [
            [450.572400535, 121.212188903],
            [607.808792731, 410.962807523],
            [74.525306466, 501.821899623],
        ],
    ),
    "FOV": (
        7,
        (*FF, 0.9),
        [
            [454.934904726, 112.563278831],
            [617.94443274, 417.745975307],
            [73.141082243, 503.04370501],
        ],
    ),
    "SIMPLE_RADIAL_FISHEYE": (
        8,
        (*F, -0.08),
        [
            [449.908270329, 123.483459342],
            [598.47090127, 402.793500907],
            [104.049113032, 476.740709574],
        ],
    ),
    "RADIAL_FISHEYE": (
        9,
        (*F, -0.08, 0.02),
        [
            [449.911270786, 123.477458428],
            [598.588077364, 402.877198117],
            [103.439776672, 477.228178663],
        ],
    ),
    "THIN_PRISM_FISHEYE": (
        10,
        (*FF, -0.05, 0.02, 0.002, -0.003, -0.004, 0.001, 0.003, -0.002),
        [
            [449.916014205, 122.664268139],
            [599.426070178, 404.435280054],
            [99.47355138, 481.845076499],
        ],
    ),
    "RAD_TAN_THIN_PRISM_FISHEYE": (
        11,
        (
            *FF,
            -0.05,
            0.02,
            -0.004,
            0.001,
            0.0005,
            -0.0002,
            0.002,
            -0.003,
            0.003,
            -0.002,
            0.001,
            -0.004,
        ),
        [
            [450.258376008, 122.215535923],
            [600.124148458, 404.299549242],
            [102.655832307, 479.331728955],
        ],
    ),
    "SIMPLE_DIVISION": (
        12,
        (*F, -0.2),
        [
            [450.5716053, 122.156789399],
            [606.124873352, 408.260623823],
            [83.598893806, 493.100884956],
        ],
    ),
    "DIVISION": (
        13,
        (*FF, -0.2),
        [
            [450.5716053, 121.344829388],
            [606.124873352, 409.250269896],
            [83.598893806, 494.624773188],
        ],
    ),
    "SIMPLE_FISHEYE": (
        14,
        F,
        [
            [450.156269095, 122.987461809],
            [601.311614219, 404.822581585],
            [96.535020227, 482.751983819],
        ],
    ),
    "FISHEYE": (
        15,
        FF,
        [
            [450.156269095, 122.180732572],
            [601.311614219, 405.790578182],
            [96.535020227, 484.210704651],
        ],
    ),
    "EUCM": (
        16,
        (*FF, 0.6, 1.2),
        [
            [450.075219805, 122.343851893],
            [600.42575544, 405.153837423],
            [98.736249069, 482.438632603],
        ],
    ),
}

COEFFICIENTS = {
    name: params[LENS_MODELS[name].num_focals + 2 :] for name, (_, params, _) in GOLDEN.items()
}


def make_lens(model: str) -> Lens:
    return Lens(model=model, params=GOLDEN[model][1], width_px=772, height_px=502)


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


@pytest.mark.parametrize("model", GOLDEN)
def test_the_pinhole_and_the_raw_photo_tell_of_the_same_point(model: str) -> None:
    lens = make_lens(model)
    pose = np.eye(4)
    pose[:3, 3] = [0.1, -0.2, 0.3]
    camera = lens.pinhole(pose)
    rng = np.random.default_rng(5)
    world = rng.uniform([-0.7, -0.5, 0.8], [0.7, 0.5, 3.0], (200, 3))
    px, _ = camera.project(world)
    raw, inside = lens.raw_px(px)
    expected, seen = lens.project(world + pose[:3, 3])
    assert inside.sum() > 100
    assert not (inside & ~seen).any()
    np.testing.assert_allclose(raw[inside], expected[inside], atol=1e-6)


@pytest.mark.parametrize("model", GOLDEN)
def test_the_scale_of_the_centre_is_kept(model: str) -> None:
    lens = make_lens(model)
    camera = lens.pinhole(np.eye(4))
    centre = camera.K[:2, 2]
    raw, _ = lens.raw_px(centre + np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    np.testing.assert_allclose(raw[1] - raw[0], [1.0, 0.0], atol=0.02)
    np.testing.assert_allclose(raw[2] - raw[0], [0.0, 1.0], atol=0.02)


def test_a_perspective_photo_keeps_its_size_and_intrinsics() -> None:
    camera = make_lens("OPENCV").pinhole(np.eye(4))
    assert (camera.width_px, camera.height_px) == (772, 502)
    np.testing.assert_array_equal(camera.K, [[651.1, 0, 386.1], [0, 655.2, 251.1], [0, 0, 1]])


def test_a_fisheye_is_laid_out_to_its_corners_or_55_degrees() -> None:
    narrow = Lens(model="SIMPLE_FISHEYE", params=(600.0, 400.0, 300.0), width_px=800, height_px=600)
    camera = narrow.pinhole(np.eye(4))
    corner = math.hypot(400, 300) / 600
    edge = 600 * math.tan(corner) * 0.8  # x of the corner's ray
    assert camera.width_px == pytest.approx(2 * edge, rel=0.03)
    wide = Lens(model="SIMPLE_FISHEYE", params=(250.0, 400.0, 400.0), width_px=800, height_px=800)
    camera = wide.pinhole(np.eye(4))
    assert camera.width_px == pytest.approx(2 * 250 * math.tan(MAX_OFF_AXIS_RAD), abs=2)


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


def test_a_lens_without_distortion_needs_no_resampling() -> None:
    assert make_lens("PINHOLE").is_pinhole
    assert Lens(
        model="OPENCV", params=(*FF, 0.0, 0.0, 0.0, 0.0), width_px=9, height_px=9
    ).is_pinhole
    assert not make_lens("SIMPLE_RADIAL").is_pinhole
    assert not make_lens("SIMPLE_FISHEYE").is_pinhole


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
