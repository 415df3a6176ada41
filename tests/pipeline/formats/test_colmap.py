"""COLMAP models come in as they were written, and say what is wrong where they are not."""

import math
import re
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from tests.oracles import lenses
from texsr.pipeline.camera import Camera
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.colmap import read_colmap, write_colmap_text
from texsr.pipeline.formats.shots import ShotList
from texsr.pipeline.lens_models import LENS_MODELS

POINTS = np.random.default_rng(3).uniform([-0.4, -0.3, 1.2], [0.4, 0.3, 3.0], (40, 3))
ROTATION = Rotation.from_euler("xyz", [0.2, -0.5, 2.8])
TRANSLATION = np.array([0.2, -0.1, 0.6])
WORLD = ROTATION.inv().apply(POINTS - TRANSLATION)
NAME = "shots left/Foto ä 文 1.jpg"

Image = tuple[Sequence[float], Sequence[float], int, str]  # quaternion, translation, camera, name
CameraRow = tuple[int, str, int, int, Sequence[float]]


def params_of(model: str) -> tuple[float, ...]:
    row = LENS_MODELS[model]
    coefficients = [0.8] if model == "FOV" else [0.6, 1.2] if model == "EUCM" else None
    if coefficients is None:
        coefficients = [0.02 / (i + 1) * (-1) ** i for i in range(len(row.coefficients))]
    return (*(610.0, 620.0)[: row.num_focals], 395.5, 301.25, *coefficients)


def a_camera(model: str = "PINHOLE") -> CameraRow:
    return (7, model, 800, 600, params_of(model))


def an_image(name: str = NAME, camera_id: int = 7) -> Image:
    return (np.roll(ROTATION.as_quat(), 1).tolist(), TRANSLATION.tolist(), camera_id, name)


def write_text(folder: Path, cameras: Sequence[CameraRow], images: Sequence[Image]) -> None:
    rows = [f"{n} {model} {w} {h} {' '.join(map(repr, p))}\n" for n, model, w, h, p in cameras]
    (folder / "cameras.txt").write_text("# comment\n" + "".join(rows), encoding="utf-8")
    rows = [
        f"{i} {' '.join(map(repr, (*q, *t)))} {camera} {name}\n10.5 20.5 -1 3.0 4.0 17\n"
        for i, (q, t, camera, name) in enumerate(images, start=1)
    ]
    (folder / "images.txt").write_text("# comment\n" + "".join(rows), encoding="utf-8")


def camera_bytes(camera: CameraRow) -> bytes:
    number, model, width, height, params = camera
    model_id = LENS_MODELS[model].colmap_id if model in LENS_MODELS else int(model)
    head = struct.pack("<IiQQ", number, model_id, width, height)
    return head + struct.pack(f"<{len(params)}d", *params)


def image_bytes(image: Image, *, num_points: int = 2) -> bytes:
    q, t, camera, name = image
    points = struct.pack("<ddq", 10.5, 20.5, -1) * num_points
    head = struct.pack("<I7dI", 1, *q, *t, camera)
    return head + name.encode() + b"\0" + struct.pack("<Q", num_points) + points


def write_binary(folder: Path, cameras: Sequence[CameraRow], images: Sequence[Image]) -> None:
    rows = b"".join(map(camera_bytes, cameras))
    (folder / "cameras.bin").write_bytes(struct.pack("<Q", len(cameras)) + rows)
    rows = b"".join(map(image_bytes, images))
    (folder / "images.bin").write_bytes(struct.pack("<Q", len(images)) + rows)


WRITERS = {"text": write_text, "binary": write_binary}
Writer = Callable[[Path, Sequence[CameraRow], Sequence[Image]], None]


@pytest.fixture(params=WRITERS, name="write")
def any_writer(request: pytest.FixtureRequest) -> Writer:
    return WRITERS[request.param]


@pytest.mark.parametrize("model", LENS_MODELS)
def test_reprojection_through_every_lens(tmp_path: Path, write: Writer, model: str) -> None:
    write(tmp_path, [a_camera(model)], [an_image()])
    (shot,) = read_colmap(tmp_path).shots
    expected = lenses.project(
        model, params_of(model), POINTS, num_focals=LENS_MODELS[model].num_focals
    )
    undistorted, depth = shot.lens.pinhole(shot.cam_from_world).project(WORLD)
    raw, inside = shot.lens.raw_px(undistorted)
    assert shot.name == NAME
    assert inside.all()
    assert np.abs(raw - expected).max() <= 1e-6
    np.testing.assert_allclose(depth, POINTS[:, 2], atol=1e-9)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = ROTATION.as_matrix(), TRANSLATION
    K = np.array([[610.1, 0, 395.3], [0, 620.7, 301.9], [0, 0, 1]])
    camera = Camera(K=K, cam_from_world=pose, width_px=800, height_px=600)
    other = Camera(K=K, cam_from_world=np.eye(4), width_px=640, height_px=600)
    views = [(NAME, camera), ("b.jpg", other), ("c.jpg", camera)]
    write_colmap_text(tmp_path / "new", views)
    shots = read_colmap(tmp_path / "new").shots
    assert [shot.name for shot in shots] == [name for name, _ in views]
    for shot, (_, written) in zip(shots, views, strict=True):
        read = shot.lens.pinhole(shot.cam_from_world)
        np.testing.assert_array_equal(read.K, written.K)
        np.testing.assert_allclose(read.cam_from_world, written.cam_from_world, atol=1e-14)
        assert (read.width_px, read.height_px) == (written.width_px, written.height_px)
    lines = (tmp_path / "new" / "cameras.txt").read_text().splitlines()
    assert len(lines) == 3  # a comment, and the shared intrinsics once each


def test_binary_is_taken_before_text(tmp_path: Path) -> None:
    write_text(tmp_path, [a_camera()], [an_image("text.jpg")])
    write_binary(tmp_path, [a_camera()], [an_image("binary.jpg")])
    for newer in ("rigs.bin", "frames.bin", "points3D.bin"):
        (tmp_path / newer).write_bytes(b"not looked at")
    shots = read_colmap(tmp_path)
    assert [shot.name for shot in shots.shots] == ["binary.jpg"]
    assert ["the .bin was read" in finding.text for finding in shots.findings] == [True]


@pytest.mark.parametrize("points", ["", "\n", "1.5 2.5 -1\n", "\n\n\n"])
def test_lines_of_points_may_be_empty_or_forgotten(tmp_path: Path, points: str) -> None:
    write_text(tmp_path, [a_camera()], [])
    pose = "0 1 0 0 0.5 0.5 2"
    rows = "".join(f"{n} {pose} 7 two words {n}.jpg\n{points}" for n in range(3))
    (tmp_path / "images.txt").write_text("\ufeff" + rows.replace("\n", "\r\n"), encoding="utf-8")
    names = [shot.name for shot in read_colmap(tmp_path).shots]
    assert names == [f"two words {n}.jpg" for n in range(3)]


def left_out(shots: ShotList) -> dict[str, str]:
    return {item.name: str(item.reason) for item in shots.left_out}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"q": [math.nan, 0, 0, 0]}, "NaN"),
        ({"t": [0, math.inf, 0]}, "infinite"),
        ({"q": [0.5, 0, 0, 0]}, r"length 0\.5"),
        ({"q": [0, 0, 0, 0]}, "length 0"),
        ({"camera": 8}, "camera number 8"),
        ({"camera": 20}, "positive focal"),
        ({"camera": 21}, "nan"),
        ({"camera": 22}, "0 x 600"),
    ],
)
def test_a_bad_view_costs_only_itself(
    tmp_path: Path, write: Writer, change: dict[str, object], message: str
) -> None:
    q, t, camera, _ = an_image()
    bad = (change.get("q", q), change.get("t", t), change.get("camera", camera), "bad.jpg")
    cameras = [
        a_camera(),
        (20, "PINHOLE", 800, 600, (-610.0, 610.0, 400.0, 300.0)),
        (21, "PINHOLE", 800, 600, (610.0, math.nan, 400.0, 300.0)),
        (22, "PINHOLE", 0, 600, (610.0, 610.0, 400.0, 300.0)),
    ]
    write(tmp_path, cameras, [an_image("first.jpg"), bad, an_image("last.jpg")])
    shots = read_colmap(tmp_path)
    assert [shot.name for shot in shots.shots] == ["first.jpg", "last.jpg"]
    assert list(left_out(shots)) == ["bad.jpg"]
    assert re.search(message, left_out(shots)["bad.jpg"])


def test_quaternions_of_few_digits_are_normalised(tmp_path: Path, write: Writer) -> None:
    q, t, camera, name = an_image()
    write(tmp_path, [a_camera()], [([x * 1.0009 for x in q], t, camera, name)])
    (shot,) = read_colmap(tmp_path).shots
    np.testing.assert_allclose(shot.cam_from_world[:3, :3], ROTATION.as_matrix(), atol=1e-12)


def test_two_poses_of_one_name_are_both_left_out(tmp_path: Path, write: Writer) -> None:
    write(tmp_path, [a_camera()], [an_image("a.jpg"), an_image("b.jpg"), an_image("a.jpg")])
    shots = read_colmap(tmp_path)
    assert [shot.name for shot in shots.shots] == ["b.jpg"]
    assert [item.name for item in shots.left_out] == ["a.jpg", "a.jpg"]
    assert "used 2 times" in left_out(shots)["a.jpg"]


def test_a_sphere_is_left_out_and_named(tmp_path: Path) -> None:
    write_text(tmp_path, [(7, "EQUIRECTANGULAR", 800, 400, (800.0, 400.0))], [an_image()])
    assert "full sphere" in left_out(read_colmap(tmp_path))[NAME]


TEXT_FAULTS = {
    "unknown model": ("cameras.txt", "7 PINHOL 800 600 1 1 1 1\n", "line 1.*'PINHOL'"),
    "no number": ("cameras.txt", "7 PINHOLE 800 wide 1 1 1 1\n", "line 1.*wide"),
    "cut short": ("cameras.txt", "7 PINHOLE 800\n", "line 1"),
    "no cameras": ("cameras.txt", "# nothing\n", "no camera"),
    "empty cameras": ("cameras.txt", "", "no camera"),
    "camera twice": (
        "cameras.txt",
        "7 PINHOLE 8 6 1 1 1 1\n7 PINHOLE 8 6 2 2 1 1\n",
        "line 2.*second time",
    ),
    "no images": ("images.txt", "# nothing\n", "no image"),
    "image cut short": ("images.txt", "1 1 0 0 0 0 0\n", "line 1"),
    "image without name": ("images.txt", "1 1 0 0 0 0 0 0 7\n", "line 1"),
    "word in a pose": ("images.txt", "1 1 0 zero 0 0 0 0 7 a.jpg\n", "line 1"),
    "binary in text": ("images.txt", b"\xff\xfe\x00\x01", "no UTF-8"),
}


@pytest.mark.parametrize("fault", TEXT_FAULTS)
def test_a_bad_text_file_is_named_with_its_line(tmp_path: Path, fault: str) -> None:
    file, content, message = TEXT_FAULTS[fault]
    write_text(tmp_path, [a_camera()], [an_image()])
    (tmp_path / file).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(CaptureError, match=f"(?s){file}.*{message}"):
        read_colmap(tmp_path)


COUNT = struct.Struct("<Q").pack
BINARY_FAULTS = {
    "empty": ("cameras.bin", b"", "end of the file"),
    "no cameras": ("cameras.bin", COUNT(0), "no camera"),
    "count too high": ("cameras.bin", COUNT(3) + camera_bytes(a_camera()), "camera 2 of 3"),
    "count too low": ("cameras.bin", COUNT(0) + camera_bytes(a_camera()), "56 bytes after the 0"),
    "count of 2^64": ("images.bin", b"\xff" * 8, "image 1 of"),
    "unknown model": ("cameras.bin", COUNT(1) + camera_bytes((7, "99", 8, 6, ())), "number 99"),
    "no images": ("images.bin", COUNT(0), "no image"),
    "name without end": ("images.bin", COUNT(1) + image_bytes(an_image())[:70], "image 1 of 1"),
    "points that lie": (
        "images.bin",
        COUNT(1) + image_bytes(an_image(), num_points=0)[:-8] + COUNT(2**61),
        "image 1 of 1",
    ),
    "name of bytes": (
        "images.bin",
        COUNT(1) + image_bytes(an_image("aa")).replace(b"aa\0", b"\xff\xfe\0"),
        "no UTF-8",
    ),
    "text in binary": ("images.bin", b"# Image list with two lines of data", "image 1 of"),
}


@pytest.mark.parametrize("fault", BINARY_FAULTS)
def test_a_bad_binary_file_is_named_with_its_record(tmp_path: Path, fault: str) -> None:
    file, content, message = BINARY_FAULTS[fault]
    write_binary(tmp_path, [a_camera()], [an_image()])
    (tmp_path / file).write_bytes(content)
    with pytest.raises(CaptureError, match=f"(?s){file}.*{message}"):
        read_colmap(tmp_path)


def test_half_a_model_is_named(tmp_path: Path) -> None:
    write_text(tmp_path, [a_camera()], [an_image()])
    (tmp_path / "images.txt").unlink()
    with pytest.raises(CaptureError, match=r"found cameras\.txt.*images\.bin"):
        read_colmap(tmp_path)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    file=st.sampled_from(["cameras", "images"]),
    cut=st.floats(0, 1),
    at=st.floats(0, 1),
    byte=st.integers(0, 255),
)
def test_damage_is_an_error_of_ours_or_none(
    tmp_path: Path, write: Writer, file: str, cut: float, at: float, byte: int
) -> None:
    write(tmp_path, [a_camera("OPENCV")], [an_image(), an_image("b.jpg")])
    path = next(tmp_path.glob(f"{file}.*"))
    damaged = bytearray(path.read_bytes())
    damaged[int(at * (len(damaged) - 1))] = byte
    path.write_bytes(damaged[: int(len(damaged) * (0.5 + cut))])
    with suppress(CaptureError):
        assert read_colmap(tmp_path).path == tmp_path
