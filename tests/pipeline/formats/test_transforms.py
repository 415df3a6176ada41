"""transforms.json comes in with nerfstudio's meaning, and says what is wrong where it is not."""

import json
import math
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from tests.oracles import lenses
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.shots import ShotList
from texsr.pipeline.formats.transforms import read_transforms

POINTS = np.random.default_rng(3).uniform([-0.4, -0.3, 1.2], [0.4, 0.3, 3.0], (40, 3))
ROTATION = Rotation.from_euler("xyz", [0.2, -0.5, 2.8]).as_matrix()
CENTRE = np.array([1.5, -0.4, 0.7])
WORLD = POINTS @ ROTATION.T + CENTRE  # ROTATION is world_from_cam with OpenCV axes
FLIP = np.diag([1.0, -1.0, -1.0])
INTRINSICS = {"fl_x": 610.0, "fl_y": 620.0, "cx": 395.5, "cy": 301.25, "w": 800, "h": 600}
FULL = (610.0, 620.0, 395.5, 301.25)


def pose_of_frame(*, move: np.ndarray | None = None, scale: float = 1.0) -> list[list[float]]:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = ROTATION @ FLIP, CENTRE
    pose = pose if move is None else move @ pose
    pose[:3, 3] *= scale
    return pose.tolist()


def a_frame(name: str = "images/a.jpg", **keys: Any) -> dict[str, Any]:
    return {"file_path": name, "transform_matrix": pose_of_frame(), **keys}


def read(
    folder: Path, document: Any, *, undo: bool = False, size: tuple[int, int] = (800, 600)
) -> ShotList:
    path = folder / "transforms.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return read_transforms(path, photo_size=lambda *_: size, undo_applied_transform=undo)


# name, its coefficients as the file gives them, and as COLMAP's model (second column) takes them
LENSES = [
    ("PINHOLE", "PINHOLE", {}, ()),
    ("SIMPLE_PINHOLE", "PINHOLE", {}, ()),
    ("SIMPLE_RADIAL", "OPENCV", {"k1": -0.05}, (-0.05, 0, 0, 0)),
    ("RADIAL", "OPENCV", {"k1": -0.05, "k2": 0.02}, (-0.05, 0.02, 0, 0)),
    (
        "OPENCV",
        "OPENCV",
        {"k1": -0.05, "k2": 0.02, "p1": 0.003, "p2": -0.002},
        (-0.05, 0.02, 0.003, -0.002),
    ),
    ("OPENCV", "FULL_OPENCV", {"k1": -0.05, "k3": 0.01}, (-0.05, 0, 0, 0, 0.01, 0, 0, 0)),
    (
        "OPENCV_FISHEYE",
        "OPENCV_FISHEYE",
        {"k1": 0.02, "k2": -0.01, "k3": 0.004, "k4": -0.002},
        (0.02, -0.01, 0.004, -0.002),
    ),
    ("SIMPLE_RADIAL_FISHEYE", "OPENCV_FISHEYE", {"k1": 0.02}, (0.02, 0, 0, 0)),
    ("FOV", "FOV", {"omega": 0.8}, (0.8,)),
    ("DIVISION", "DIVISION", {"k": -0.1}, (-0.1,)),
    (None, "OPENCV", {"k1": -0.05, "p1": 0.001}, (-0.05, 0, 0.001, 0)),
    (None, "PINHOLE", {"k1": 0.0, "p1": 0.0}, ()),
]


@pytest.mark.parametrize("per_frame", [False, True], ids=["global", "per frame"])
@pytest.mark.parametrize(("name", "model", "keys", "coefficients"), LENSES)
def test_reprojection_through_every_lens(
    tmp_path: Path,
    name: str | None,
    model: str,
    keys: dict[str, float],
    coefficients: tuple[float, ...],
    per_frame: bool,
) -> None:
    lens = {**INTRINSICS, **keys} | ({"camera_model": name} if name else {})
    wrong = {"fl_x": 1.0, "fl_y": 1.0, "cx": 0.0, "w": 7, "camera_model": "FOV", "k1": 9.0}
    document = (
        {**wrong, "frames": [a_frame(**{"k1": 0.0, "camera_model": "OPENCV", **lens})]}
        if per_frame
        else {**lens, "frames": [a_frame()]}
    )
    (shot,) = read(tmp_path, document).shots
    expected = lenses.project(model, (*FULL, *coefficients), POINTS, num_focals=2)
    undistorted, depth = shot.lens.pinhole(shot.cam_from_world).project(WORLD)
    raw, inside = shot.lens.raw_px(undistorted)
    assert inside.all()
    assert np.abs(raw - expected).max() <= 1e-6
    np.testing.assert_allclose(depth, POINTS[:, 2], atol=1e-9)


def test_fields_of_view_and_sizes_are_filled_in(tmp_path: Path) -> None:
    document = {"camera_angle_x": 2 * math.atan(0.8), "frames": [a_frame("./train/r_0")]}
    (shot,) = read(tmp_path, document, size=(640, 480)).shots
    assert (shot.lens.width_px, shot.lens.height_px) == (640, 480)
    assert shot.lens.params == pytest.approx((400.0, 400.0, 320.0, 240.0))
    document["camera_angle_y"] = 2 * math.atan(0.5)
    (shot,) = read(tmp_path, document, size=(640, 480)).shots
    assert shot.lens.params == pytest.approx((400.0, 480.0, 320.0, 240.0))


def test_ngp_writes_sizes_as_floats_and_fisheyes_as_a_flag(tmp_path: Path) -> None:
    keys = {**INTRINSICS, "w": 800.0, "h": 600.0, "is_fisheye": True, "k1": 0.01}
    (shot,) = read(tmp_path, {**keys, "frames": [a_frame()]}).shots
    assert shot.lens.model == "OPENCV_FISHEYE"
    assert (shot.lens.width_px, shot.lens.height_px) == (800, 600)


def test_three_rows_are_a_pose(tmp_path: Path) -> None:
    frame = a_frame()
    frame["transform_matrix"] = frame["transform_matrix"][:3]
    (shot,) = read(tmp_path, {**INTRINSICS, "frames": [frame]}).shots
    np.testing.assert_allclose(shot.cam_from_world[:3, :3], ROTATION.T, atol=1e-12)


def test_the_applied_transform_is_kept_and_told_or_undone(tmp_path: Path) -> None:
    move = np.eye(4)
    move[:3, :3] = [[0, 1, 0], [1, 0, 0], [0, 0, -1]]
    move[:3, 3] = [0.1, 0.2, 0.3]
    frame = a_frame(transform_matrix=pose_of_frame(move=move, scale=0.5))
    document = {
        **INTRINSICS,
        "applied_transform": move[:3].tolist(),
        "applied_scale": 0.5,
        "frames": [frame],
    }
    kept = read(tmp_path, document)
    moved = (WORLD @ move[:3, :3].T + move[:3, 3]) * 0.5
    expected = lenses.project("PINHOLE", FULL, POINTS, num_focals=2)
    for shots, points in ((kept, moved), (read(tmp_path, document, undo=True), WORLD)):
        camera = shots.shots[0].lens.pinhole(shots.shots[0].cam_from_world)
        np.testing.assert_allclose(camera.project(points)[0], expected, atol=1e-6)
    assert "undo_applied_transform" in kept.findings[0].remedy
    assert read(tmp_path, {**INTRINSICS, "frames": [a_frame()]}).findings == ()


BAD_FRAMES: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"file_path": None}, "file_path.*nothing"),
    "name of another kind": ({"file_path": 7}, "file_path.*found 7"),
    "no pose": ({"transform_matrix": None}, "transform_matrix.*nothing"),
    "pose of words": ({"transform_matrix": [["a"] * 4] * 4}, "4 rows"),
    "pose of wrong shape": ({"transform_matrix": [[1, 0], [0, 1]]}, "4 rows"),
    "ragged pose": ({"transform_matrix": [[1, 0, 0, 0], [0]]}, "4 rows"),
    "NaN pose": ({"transform_matrix": [[math.nan] * 4] * 4}, "NaN"),
    "pose with scale": (
        {"transform_matrix": (np.diag([2.0, 2, 2, 1]) @ pose_of_frame()).tolist()},
        "scale 2",
    ),
    "mirrored pose": (
        {"transform_matrix": (np.diag([-1.0, 1, 1, 1]) @ pose_of_frame()).tolist()},
        "mirrored",
    ),
    "skewed pose": ({"transform_matrix": (np.eye(4) + np.eye(4, k=1) * 0.1).tolist()}, "ortho"),
    "bottom row": ({"transform_matrix": (np.eye(4) + np.eye(4, k=-3)).tolist()}, "0 0 0 1"),
    "negative focal": ({"fl_x": -5.0}, "positive focal"),
    "focal of words": ({"fl_x": "500"}, "fl_x.*'500'"),
    "no focal": ({"fl_x": None}, "camera_angle_x"),
    "infinite focal": ({"fl_x": math.inf}, "fl_x.*finite"),
    "absurd integer": ({"fl_x": 10**400}, "fl_x.*finite"),
    "true as a number": ({"cx": True}, "cx.*True"),
    "half a pixel": ({"w": 800.5}, "w: found 800.5"),
    "no pixel": ({"h": 0}, "h: found 0"),
    "unknown model": ({"camera_model": "FISHEYE624"}, "camera_model.*FISHEYE624"),
    "sphere": ({"camera_model": "EQUIRECTANGULAR"}, "sphere"),
    "a fourth radial term": ({"k4": 0.1}, "k4"),
    "mask of another kind": ({"mask_path": []}, "mask_path"),
}


@pytest.mark.parametrize("fault", BAD_FRAMES)
def test_a_bad_frame_costs_only_itself(tmp_path: Path, fault: str) -> None:
    change, message = BAD_FRAMES[fault]
    frames = [a_frame("first.jpg"), a_frame("bad.jpg") | change, a_frame("last.jpg")]
    shots = read(tmp_path, {**INTRINSICS, "frames": frames})
    assert [shot.name for shot in shots.shots] == ["first.jpg", "last.jpg"]
    (item,) = shots.left_out
    assert item.name == ("bad.jpg" if "name" not in fault else "frames[1]")
    assert re.search(message, str(item.reason))
    assert "transforms.json: frames[1]" in item.reason.where
    assert len(str(item.reason)) < 700


def test_two_frames_of_one_photo_are_both_left_out(tmp_path: Path) -> None:
    frames = [a_frame("a.jpg"), a_frame("b.jpg"), a_frame("a.jpg")]
    shots = read(tmp_path, {**INTRINSICS, "frames": frames})
    assert [shot.name for shot in shots.shots] == ["b.jpg"]
    assert len(shots.left_out) == 2


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", "no JSON"),
        ('{"frames": [', "no JSON"),
        ("[]", r"found \[\]; expected a JSON object"),
        ("{}", "frames: found None"),
        ('{"frames": []}', "no frame"),
        ('{"frames": {"a": 1}}', "frames: found"),
        ("[" * 100_000, "no JSON"),
        ("\x00", "no JSON"),
    ],
)
def test_a_file_that_is_none_is_an_error(tmp_path: Path, document: str, message: str) -> None:
    with pytest.raises(CaptureError, match=rf"transforms\.json.*{message}"):
        read(tmp_path, document)


def test_a_bad_applied_transform_matters_only_where_it_is_undone(tmp_path: Path) -> None:
    document = {**INTRINSICS, "applied_transform": [[2, 0], [0, 2]], "frames": [a_frame()]}
    assert len(read(tmp_path, document).shots) == 1
    with pytest.raises(CaptureError, match=r"applied_transform.*4 rows"):
        read(tmp_path, document, undo=True)
    with pytest.raises(CaptureError, match="applied_scale: found 0"):
        read(tmp_path, {**INTRINSICS, "applied_scale": 0, "frames": [a_frame()]}, undo=True)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=6,
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    key=st.sampled_from(["file_path", "transform_matrix", "w", "fl_x", "camera_model", "k1", "cx"]),
    value=JSON,
    undo=st.booleans(),
)
def test_any_value_is_taken_or_told(tmp_path: Path, key: str, value: Any, undo: bool) -> None:
    with suppress(CaptureError):
        shots = read(tmp_path, {**INTRINSICS, "frames": [a_frame() | {key: value}]}, undo=undo)
        assert len(shots.shots) + len(shots.left_out) == 1
