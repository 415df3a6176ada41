"""Photos keep apart by name, and keep their masks, when they are written anew."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.scene_cameras import look_at
from texsr.pipeline.capture import Photo, View
from texsr.pipeline.formats.own_photos import (
    name_below_images,
    write_full_photo,
    write_small_photo,
)
from texsr.pipeline.lens import Lens


@pytest.fixture
def view(tmp_path) -> View:
    camera = look_at((0.0, 0.0, 3.0), size_px=40, focal=1.0)
    lens = Lens(model="PINHOLE", params=(40.0, 40.0, 20.0, 20.0), width_px=40, height_px=40)
    path = tmp_path / "cube" / "images" / "left" / "a.png"
    return View(name="left/a.png", camera=camera, lens=lens, photo_path=path, mask_path=None)


@pytest.fixture
def photo(rng) -> Photo:
    color = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    valid = np.ones((40, 40), bool)
    valid[:, :10] = False
    return Photo(color=color, valid=valid)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("images/left/a.png", "left/a.png"),
        ("close_ups/a.png", "close_ups/a.png"),
        ("../elsewhere/a.png", "a.png"),
    ],
)
def test_names_are_below_the_folder_of_photos(view, place, name):
    root = Path("/some/cube")
    assert name_below_images(replace(view, photo_path=root / place), root) == name


def test_a_small_photo_takes_its_mask_along(view, photo, tmp_path):
    camera = view.camera.scaled(0.25)
    assert write_small_photo(photo, camera, tmp_path, "left/a.jpg")
    assert np.asarray(Image.open(tmp_path / "images" / "left" / "a.jpg")).shape == (10, 10, 3)
    mask = np.asarray(Image.open(tmp_path / "masks" / "left" / "a.jpg.png")) > 127
    assert not mask[:, :3].any(), "pixels that hold some of what is masked"
    assert mask[:, 5:].all()
    whole = Photo(color=photo.color, valid=np.ones((40, 40), bool))
    assert not write_small_photo(whole, camera, tmp_path / "whole", "a.jpg")
    assert not (tmp_path / "whole" / "masks").exists()


def test_a_photo_through_a_lens_is_kept_as_it_is_without_it(view, photo, tmp_path):
    lens = Lens(model="SIMPLE_RADIAL", params=(40.0, 20.0, 20.0, 0.1), width_px=40, height_px=40)
    name = write_full_photo(replace(view, lens=lens), photo, tmp_path, "left/a.jpg")
    assert name == "left/a.jpg.png"
    kept = np.asarray(Image.open(tmp_path / "images" / name))
    np.testing.assert_array_equal(kept, photo.color)
    mask = np.asarray(Image.open(tmp_path / "masks" / f"{name}.png")) > 127
    np.testing.assert_array_equal(mask, photo.valid)
