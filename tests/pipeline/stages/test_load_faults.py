"""Captures and photos that cannot be used: named, with what to do; nothing else is lost."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.small_captures import (
    NAMES,
    camera,
    make_capture,
    make_photo,
    names_of,
    spoil_pose,
    truncate,
    use_transforms,
)
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.colmap import write_colmap_text
from texsr.pipeline.stages.load import LoadSettings, load_capture, load_photo


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "my capture"
    make_capture(root)
    return root


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda root: (root / "images/left/b b.jpg").unlink(), "found no photo"),
    "empty": (lambda root: (root / "images/left/b b.jpg").write_bytes(b""), "no JPEG"),
    "text": (lambda root: (root / "images/left/b b.jpg").write_text("hello"), "no JPEG"),
    "cut short": (lambda root: truncate(root / "images/left/b b.jpg"), "cut short"),
    "wrong size": (
        lambda root: make_photo(root / "images/left/b b.jpg", size=(128, 96)),
        "128 x 96 px; expected 64 x 48",
    ),
    "turned": (
        lambda root: make_photo(root / "images/left/b b.jpg", size=(48, 64)),
        "turned against its intrinsics",
    ),
    "blank": (
        lambda root: Image.new("RGB", (64, 48), (9, 9, 9)).save(root / "images/left/b b.jpg"),
        "blank",
    ),
    "NaN pose": (lambda root: spoil_pose(root, "nan"), "NaN"),
    "non-rigid pose": (lambda root: spoil_pose(root, "1.5"), "quaternion of length"),
    "a folder": (
        lambda root: (
            (root / "images/left/b b.jpg").unlink(),
            (root / "images/left/b b.jpg").mkdir(),
        ),
        "found no photo",
    ),
    "link that leaves": (
        lambda root: (
            (root / "images/left/b b.jpg").rename(root.parent / "out.jpg"),
            (root / "images/left/b b.jpg").symlink_to(root.parent / "out.jpg"),
        ),
        "symbolic link",
    ),
    "bad mask": (
        lambda root: make_photo(root / "masks/left/b b.png", size=(10, 10)),
        "mask: found b b.png of 10 x 10 px",
    ),
    "mask that is none": (
        lambda root: (
            (root / "masks/left").mkdir(parents=True),
            (root / "masks/left/b b.jpg.png").write_text("x"),
        ),
        "no JPEG",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_photo_costs_only_itself(root: Path, kind: str) -> None:
    damage, message = BAD[kind]
    damage(root)
    capture = load_capture(root)
    assert names_of(capture) == [NAMES[0], NAMES[2]]
    (left_out,) = capture.left_out
    assert left_out.name == NAMES[1]
    assert re.search(message, str(left_out.reason))
    assert isinstance(left_out.reason, CaptureError)
    with pytest.raises(CaptureError, match=message):
        load_capture(root, LoadSettings(strict=True))


def test_no_usable_photo_is_an_error_that_says_why(root: Path) -> None:
    shutil.rmtree(root / "images")
    with pytest.raises(CaptureError, match=r"3 were left out, the first because of .*no photo"):
        load_capture(root)


@pytest.mark.parametrize(
    "name",
    [
        "../../secret.jpg",
        "/etc/passwd",
        "C:\\x.jpg",
        "%2e%2e/..%2fsecret.jpg",
        "%252e%252e%252f..%5c..",
        "http://x/y.jpg",
    ],
)
@pytest.mark.parametrize("carrier", ["colmap", "transforms", "mask_path"])
def test_names_that_leave_the_capture_are_refused(root: Path, name: str, carrier: str) -> None:
    make_photo(root.parent / "secret.jpg")
    if carrier == "colmap":
        write_colmap_text(root / "sparse" / "0", [(NAMES[0], camera(0)), (name, camera(1))])
    elif carrier == "transforms":
        use_transforms(root, (NAMES[0], name))
    else:
        use_transforms(root, NAMES[:2])
        document = json.loads((root / "transforms.json").read_text())
        document["frames"][1]["mask_path"] = name
        (root / "transforms.json").write_text(json.dumps(document))
    capture = load_capture(root)
    assert names_of(capture) == [NAMES[0]]
    assert "stays inside" in capture.left_out[0].reason.expected


def no_directory(root: Path) -> None:
    shutil.rmtree(root)


def a_file(root: Path) -> None:
    shutil.rmtree(root)
    root.write_text("x")


def nothing_in_it(root: Path) -> None:
    shutil.rmtree(root)
    root.mkdir()


FATAL: dict[str, tuple[Callable[[Path], object], str]] = {
    "no directory": (no_directory, "nothing there; expected a capture directory"),
    "a file": (a_file, "found a file"),
    "empty": (nothing_in_it, "an empty directory"),
    "no mesh": (lambda root: (root / "mesh.obj").unlink(), "no mesh"),
    "several meshes": (
        lambda root: [
            (root / "mesh.obj").rename(root / "one.obj"),
            shutil.copy(root / "one.obj", root / "two.obj"),
        ],
        r"several meshes: one\.obj, two\.obj.*capture\.toml: mesh =",
    ),
    "no cameras": (lambda root: shutil.rmtree(root / "sparse"), r"no cameras.*sparse/0"),
    "Metashape's cameras": (
        lambda root: [
            shutil.rmtree(root / "sparse"),
            (root / "cameras.xml").write_text("<document/>"),
        ],
        r"cameras\.xml, a Metashape file \(not read\)",
    ),
    "half a model": (lambda root: (root / "sparse/0/images.txt").unlink(), r"cameras\.txt"),
    "unknown lens": (
        lambda root: (root / "sparse/0/cameras.txt").write_text("1 WIDE 64 48 1 2 3\n"),
        r"cameras\.txt: line 1: found the camera model 'WIDE'",
    ),
    "broken transforms": (
        lambda root: [
            shutil.rmtree(root / "sparse"),
            (root / "transforms.json").write_text("{"),
        ],
        "no JSON",
    ),
    "mesh named, not there": (
        lambda root: (root / "capture.toml").write_text("mesh = 'other.obj'"),
        r"mesh: found the name 'other\.obj', and no such file",
    ),
    "mesh outside": (
        lambda root: (root / "capture.toml").write_text("mesh = '../other.obj'"),
        "leads out of the capture",
    ),
    "cameras named, not there": (
        lambda root: (root / "capture.toml").write_text("cameras = 'sparse/7'"),
        "cameras: found the name 'sparse/7', and nothing there",
    ),
    "cameras named, another format": (
        lambda root: [
            (root / "capture.toml").write_text("cameras = 'cameras.xml'"),
            (root / "cameras.xml").write_text("<document/>"),
        ],
        "and a Metashape file there; expected a folder with a COLMAP model",
    ),
    "bad capture.toml": (lambda root: (root / "capture.toml").write_text("x"), "no TOML"),
    "no photo wanted": (
        lambda root: (root / "capture.toml").write_text("photos.exclude = ['*']"),
        "include and exclude",
    ),
}


@pytest.mark.parametrize("kind", FATAL)
def test_a_capture_that_cannot_be_used_says_what_to_do(root: Path, kind: str) -> None:
    damage, message = FATAL[kind]
    damage(root)
    with pytest.raises(CaptureError, match=f"(?s){message}") as caught:
        load_capture(root)
    assert caught.value.remedy


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_told(root: Path) -> None:
    (root / "sparse/0/cameras.txt").chmod(0)
    with pytest.raises(CaptureError, match="permissions"):
        load_capture(root)


def test_a_mask_that_leaves_nothing_is_told(root: Path) -> None:
    (root / "masks").mkdir()
    Image.new("L", (64, 48)).save(root / "masks" / "a.png")
    with pytest.raises(CaptureError, match=r"a\.jpg: found no pixel inside"):
        load_photo(load_capture(root).views[0])


def test_a_photo_that_changes_after_load_is_told(root: Path) -> None:
    view = load_capture(root).views[0]
    make_photo(view.photo_path, size=(32, 48))
    with pytest.raises(CaptureError, match=r"a\.jpg: found 32 x 48 px; expected 64 x 48"):
        load_photo(view)
    truncate(view.photo_path)
    with pytest.raises(CaptureError, match=r"a\.jpg: .*cut short"):
        load_photo(view)
