"""capture.toml says what is wanted, and a slip in it is told."""

from pathlib import Path

import pytest

from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats import toml_settings
from texsr.pipeline.formats.toml_settings import CaptureToml, PhotoSet, read_capture_toml


def read(folder: Path, text: str | bytes) -> CaptureToml:
    path = folder / "capture.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_capture_toml(path)


def test_the_example_of_the_documentation_is_read(tmp_path: Path) -> None:
    _, example = (toml_settings.__doc__ or "").split("\n", maxsplit=1)
    assert read(tmp_path, example) == CaptureToml(
        mesh="scan.glb",
        scale=4.0,
        unit_m=0.001,
        mask_erosion_px=3,
        include=("front_*.jpg",),
        exclude=("front_017.jpg",),
        photo_set=PhotoSet(
            cameras="sparse/1",
            images="photos",
            masks="silhouettes",
            undo_applied_transform=True,
        ),
        second_set=PhotoSet(
            cameras="close_ups/sparse/0", images="close_ups/images", masks="close_ups/masks"
        ),
    )


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "# nothing\n") == CaptureToml()


def test_cameras_may_be_a_name_alone(tmp_path: Path) -> None:
    assert read(tmp_path, 'cameras = "sparse/1"').photo_set == PhotoSet(cameras="sparse/1")


def test_no_erosion_is_no_default(tmp_path: Path) -> None:
    assert read(tmp_path, "mask_erosion_px = 0").mask_erosion_px == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mesh = ", "no TOML"),
        (b"mesh = '\xff'", "no TOML"),
        ('mash = "a.obj"', "found the key 'mash'; expected only .*mesh"),
        ("mesh = 3", "mesh: found 3; expected text"),
        ("scale = 'four'", "scale: found 'four'"),
        ("scale = 0.5", "scale: found 0.5; expected a number from 1.5 to 8"),
        ("scale = nan", "scale: found nan"),
        ("scale = true", "scale: found True"),
        ("unit_m = -1", "unit_m: found -1"),
        ("mask_erosion_px = 1.5", "whole number"),
        ("cameras = ['a']", "cameras: found"),
        ("[cameras]\npaths = 'a'", "cameras: found the key 'paths'"),
        ("[cameras]\nundo_applied_transform = 1", "true or false"),
        ("photos = 'a'", "photos: found 'a'"),
        ("[photos]\nexclude = 'a.jpg'", "photos: exclude: found 'a.jpg'; expected a list"),
        ("[photos]\nexclude = [1]", "photos: exclude"),
        ("[second_set]\nimages = 'b'", "second_set: cameras"),
        ("[second_set]\ncameras = 'b'", "second_set: images"),
        ("[second_set]", "second_set: cameras"),
        ("[second_set]\ncameras = 'b'\nimages = 'b'\nmesh = 'c'", "the key 'mesh'"),
        (b"#" * (2**20 + 1), "at most"),
    ],
)
def test_a_slip_is_told(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(CaptureError, match=rf"capture\.toml.*{message}"):
        read(tmp_path, text)
