"""What is known of a real capture's atlas decides what is scored and which photos are used."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.scene_cameras import orbit
from tests.scene_files import write_scene
from tests.scenes import Scene, Shape, make_scene, waves
from texsr.flows.own_dataset import OwnLists, own_dataset
from texsr.pipeline.dataset import OwnSettings
from texsr.pipeline.errors import CaptureError, OutputError, SettingsError
from texsr.pipeline.stages.load import load_capture

ATLAS_TX = 128
NOTHING = OwnLists()


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A cube photographed from one side: some of its sides are never seen."""
    cameras = orbit(4, size_px=96, half=True)
    paint = waves(cycles_per_unit=0.8)
    return make_scene(Shape.CUBE, low_tx=ATLAS_TX, scale=1, cameras=cameras, color_of=paint)


@pytest.fixture(scope="module")
def root(scene, tmp_path_factory) -> Path:
    return write_scene(scene, tmp_path_factory.mktemp("real") / "cube")


def mask_of(folder: Path) -> np.ndarray:
    return np.asarray(Image.open(folder / "truth" / "mask.png")) > 127


def test_texels_that_no_photo_sees_are_not_scored(root, scene, tmp_path):
    made = own_dataset(root, tmp_path / "out", OwnSettings(), NOTHING)
    mask = mask_of(tmp_path / "out")
    assert not (mask & ~scene.covered).any()
    sides = scene.surface.charts.chart_id.max() + 1
    assert 0.3 < mask.sum() / scene.covered.sum() < 1.0 - 0.9 / sides
    assert not made.roles_known
    assert not made.validation_only
    assert len(load_capture(made.capture).views) == 4


def test_only_photos_of_the_atlas_vouch_for_it(root, tmp_path):
    own_dataset(root, tmp_path / "all", OwnSettings(), NOTHING)
    (tmp_path / "baked.txt").write_text("000.png\n", encoding="utf-8")
    lists = OwnLists(baked=tmp_path / "baked.txt")
    made = own_dataset(root, tmp_path / "out", OwnSettings(), lists)
    assert [photo.used for photo in made.photos] == [False, True, True, True]
    by_one, by_all = mask_of(tmp_path / "out"), mask_of(tmp_path / "all")
    assert not (by_one & ~by_all).any()
    assert by_one.sum() < 0.9 * by_all.sum()


def test_references_may_be_listed_instead(root, tmp_path):
    (tmp_path / "fresh.txt").write_text("images/003.png\n", encoding="utf-8")
    lists = OwnLists(references_only=tmp_path / "fresh.txt")
    made = own_dataset(root, tmp_path / "out", OwnSettings(full_photos=False), lists)
    assert [photo.used for photo in made.photos] == [False, False, False, True]
    both = OwnLists(baked=tmp_path / "fresh.txt", references_only=tmp_path / "fresh.txt")
    with pytest.raises(SettingsError, match="both"):
        own_dataset(root, tmp_path / "both", OwnSettings(), both)


def test_a_given_mask_is_taken_at_its_word(root, scene, tmp_path):
    half = np.zeros((ATLAS_TX, ATLAS_TX), np.uint8)
    half[:64] = 255
    Image.fromarray(half).save(tmp_path / "right.png")
    lists = OwnLists(mask=tmp_path / "right.png")
    own_dataset(root, tmp_path / "out", OwnSettings(), lists)
    mask = mask_of(tmp_path / "out")
    assert not mask[64:].any()
    assert (mask ^ scene.covered)[:64].mean() < 0.004
    Image.fromarray(half[:, :64]).save(tmp_path / "right.png")
    with pytest.raises(CaptureError, match="64 x 128 texels; expected 128 x 128"):
        own_dataset(root, tmp_path / "again", OwnSettings(), lists)


def test_progress_is_told_to_its_end(root, tmp_path):
    told: dict[str, tuple[int, int]] = {}

    def tell(stage: str, done: int, total: int) -> None:
        told[stage] = (done, total)

    own_dataset(root, tmp_path / "out", OwnSettings(), NOTHING, tell)
    assert told == {"visibility": (1, 1), "photos": (4, 4)}


def test_nothing_is_written_into_the_capture_nor_into_shared_data(root, tmp_path):
    before = sorted(root.rglob("*"))
    with pytest.raises(OutputError, match="a place inside"):
        own_dataset(root, root / "small", OwnSettings(), NOTHING)
    shared = tmp_path / "shared" / "data" / "captures" / "mine"
    with pytest.raises(OutputError, match="stays as it is"):
        own_dataset(root, shared, OwnSettings(), NOTHING)
    (tmp_path / "taken").write_text("x")
    with pytest.raises(OutputError, match="already there"):
        own_dataset(root, tmp_path / "taken", OwnSettings(), NOTHING)
    assert sorted(root.rglob("*")) == before
    assert not shared.exists()


def test_a_list_may_name_photos_that_cannot_be_used(scene, tmp_path):
    root = write_scene(scene, tmp_path / "cube")
    (root / "images" / "001.png").write_bytes(b"no photo")
    (tmp_path / "baked.txt").write_text("000.png\n001.png\n", encoding="utf-8")
    lists = OwnLists(baked=tmp_path / "baked.txt")
    made = own_dataset(root, tmp_path / "out", OwnSettings(), lists)
    assert [photo.source for photo in made.photos] == ["000.png", "002.png", "003.png"]


@pytest.mark.slow
def test_the_real_shell_comes_out_as_the_validation_capture_was_made(shared, tmp_path):
    shell = shared / "captures" / "real" / "conch"
    if not shell.is_dir():
        pytest.skip(f"{shell} is not there")
    (tmp_path / "list.json").write_bytes((shell / "cameras.json").read_bytes())
    lists = OwnLists(baked=tmp_path / "list.json", mask=shell / "valid_mask.png")
    settings = OwnSettings(full_photos=False)
    made = own_dataset(shell, tmp_path / "out", settings, lists)
    assert made.validation_only
    assert json.loads((tmp_path / "out" / "dataset.json").read_text())["validation_only"] is True
    assert sum(photo.used for photo in made.photos) == 11
    theirs = load_capture(shared / "captures" / "real" / "conch_x4" / "capture")
    ours = load_capture(made.capture)
    assert [view.name for view in ours.views] == [view.name for view in theirs.views]
    change = ours.surface.atlases[0].stored.astype(int) - theirs.surface.atlases[0].stored
    assert np.abs(change).mean() < 0.5
