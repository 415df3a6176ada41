"""Variants of a capture change what they name and load as captures."""

import numpy as np
import pytest
from PIL import Image

from tests.benchmarks.derive_capture import derive
from tests.scene_cameras import orbit
from tests.scene_files import write_scene
from tests.scenes import Shape, make_scene, waves
from texsr.pipeline.stages.load import load_capture, load_photo


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    scene = make_scene(Shape.CUBE, low_tx=16, scale=1, cameras=orbit(6, size_px=64))
    return write_scene(scene, tmp_path_factory.mktemp("plain") / "capture")


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    scene = make_scene(Shape.SPHERE, low_tx=8, cameras=orbit(3, size_px=48), color_of=waves(seed=9))
    return write_scene(scene, tmp_path_factory.mktemp("other") / "capture")


def test_masked_photos_keep_the_object_and_lose_the_rest(root, tmp_path):
    derive(root, "masked", tmp_path / "masked")
    before, after = load_capture(root), load_capture(tmp_path / "masked")
    for old, new in zip(before.views, after.views, strict=True):
        np.testing.assert_allclose(new.camera.cam_from_world, old.camera.cam_from_world, atol=1e-12)
        photo, clean = load_photo(new), load_photo(old)
        assert 0.05 < photo.valid.mean() < 0.9
        assert (photo.color == clean.color)[photo.valid].all()
        assert photo.color[:8, :8].std() > 20


def test_decoys_come_last_under_cameras_of_others(root, other, tmp_path):
    derive(root, "decoys", tmp_path / "decoys", other=other)
    views = load_capture(tmp_path / "decoys").views
    assert [view.name for view in views if view.name.startswith("decoy")] == [
        "decoy_0.jpg",
        "decoy_1.jpg",
    ]
    claimed = {view.name: view.camera.centre.tolist() for view in views}
    assert claimed["decoy_0.jpg"] == claimed["001.png"]
    with Image.open(root / "images" / "001.png") as true:
        decoy = Image.open(tmp_path / "decoys" / "images" / "decoy_0.jpg")
        assert decoy.size == true.size
        assert np.abs(np.asarray(decoy).astype(int) - np.asarray(true)).mean() > 5
        decoy.close()


def test_half_keeps_photos_of_one_side(root, tmp_path):
    derive(root, "half", tmp_path / "half")
    kept = load_capture(tmp_path / "half").views
    assert len(kept) == 3
    centres = np.array([view.camera.centre for view in kept])
    assert ((centres @ centres[0]) > -4.0).all()
    dropped = {view.name for view in load_capture(root).views} - {view.name for view in kept}
    assert len(dropped) == 3


def test_baked_atlases_come_from_the_photos(root, tmp_path):
    derive(root, "baked", tmp_path / "baked")
    old, new = (load_capture(path).surface.atlases[0].stored for path in (root, tmp_path / "baked"))
    assert old.shape == new.shape
    change = np.abs(old.astype(int) - new)
    assert (change > 0).any()
    assert change.mean() < 20


def test_an_unknown_variant_is_refused(root, tmp_path):
    with pytest.raises(ValueError, match="none of masked"):
        derive(root, "blurred", tmp_path / "blurred")
