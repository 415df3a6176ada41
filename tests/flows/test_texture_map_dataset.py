"""Tiles lie where the manifest says, and their references show them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pictures import most_alike_db
from tests.scene_cameras import look_at, orbit, rolled
from tests.scene_files import write_scene, write_truth
from tests.scenes import Scene, Shape, make_scene, waves
from texsr.flows.chart_sights import ChartSight, choose_sights
from texsr.flows.scene import Scene as WorkScene
from texsr.flows.settings import RunSettings
from texsr.flows.texture_map_dataset import texture_map_dataset
from texsr.flows.texture_tiles import TileCutter
from texsr.pipeline.dataset import TextureMapSettings
from texsr.pipeline.errors import CaptureError, OutputError, SettingsError
from texsr.pipeline.formats.images import read_image
from texsr.pipeline.formats.texture_map_folders import read_texture_maps, read_texture_tile
from texsr.pipeline.stages.load import load_capture
from texsr.pipeline.tile import Region

SMALL = TextureMapSettings(low_tile_tx=16, licence="CC0-1.0")


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(
        Shape.CUBE,
        low_tx=48,
        cameras=orbit(10, size_px=160),
        color_of=waves(cycles_per_unit=1.5),
    )


@pytest.fixture(scope="module")
def root(scene, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("simulated") / "cube"
    write_scene(scene, root / "capture")
    write_truth(scene, root / "truth")
    (root / "capture" / "LICENSE.txt").write_text("CC0\n", encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def made(root, tmp_path_factory):
    return texture_map_dataset([root], tmp_path_factory.mktemp("made") / "maps", SMALL)


def test_the_set_reads_back_as_it_was_told(made):
    again = read_texture_maps(made.root)
    assert (again.scale, again.licence, again.validation_only) == (4, "CC0-1.0", False)
    assert [tile.name for tile in again.maps[0].tiles] == [tile.name for tile in made.maps[0].tiles]
    for old, new in zip(made.maps[0].tiles, again.maps[0].tiles, strict=True):
        assert new.box == old.box
        assert new.mask_share == pytest.approx(old.mask_share, abs=1e-4)
        assert [r.view for r in new.references] == [r.view for r in old.references]
    assert (made.root / "cube" / "LICENSE.txt").read_text() == "CC0\n"


def test_tiles_are_cut_where_their_box_says(made, scene, root):
    truth, _ = read_image(root / "truth" / "atlas.png", where="truth")
    low = scene.surface.atlases[0].stored
    tiles = made.maps[0].tiles
    assert len(tiles) == 9, "every 64 x 64 tile of this atlas lies on a chart enough"
    for tile in tiles:
        pixels = read_texture_tile(tile)
        np.testing.assert_array_equal(pixels.truth, truth[tile.box.slices])
        small = Region(x=tile.box.x // 4, y=tile.box.y // 4, width=16, height=16)
        np.testing.assert_array_equal(pixels.low, low[small.slices])
        np.testing.assert_array_equal(pixels.mask, scene.covered[tile.box.slices])
        assert tile.mask_share == pytest.approx(scene.covered[tile.box.slices].mean())
        assert 1 <= len(pixels.references) <= 8
        assert all(0.0 < reference.shows <= 1.0 for reference in tile.references)


def test_references_show_the_sides_of_the_cube_that_their_tile_holds(tmp_path):
    """Each side of the cube has one colour; a crop shows in its middle one that its tile has."""
    scene = make_scene(
        Shape.CUBE, low_tx=48, cameras=orbit(10, size_px=160), color_of=_color_of_side
    )
    write_scene(scene, tmp_path / "cube" / "capture")
    write_truth(scene, tmp_path / "cube" / "truth")
    made = texture_map_dataset([tmp_path / "cube"], tmp_path / "maps", SMALL)
    for tile in map(read_texture_tile, made.maps[0].tiles):
        held = np.unique(tile.truth[tile.mask], axis=0)
        assert len(held) < 6
        for color in tile.references:
            height, width, _ = color.shape
            middle = np.median(
                color[height // 3 : -height // 3, width // 3 : -width // 3], axis=(0, 1)
            )
            assert np.abs(held - middle).max(axis=1).min() <= 2


def _color_of_side(points: np.ndarray) -> np.ndarray:
    axis = np.abs(points).argmax(axis=1)
    level = np.where(np.take_along_axis(points, axis[:, None], axis=1)[:, 0] > 0, 0.9, 0.4)
    return (np.eye(3)[axis] * level[:, None] + 0.05).astype(np.float32)


@pytest.mark.parametrize("turned", [True, False])
def test_turned_crops_hold_the_truth_as_it_stands(turned, tmp_path):
    """Cameras held anyhow and at any distance: 48 x 48 texels are found again at 38 dB."""
    cameras = [
        rolled(look_at((0, 0, distance), size_px=160, focal=1.2), roll)
        for distance, roll in ((3.0, 0.5), (4.0, 1.8), (5.5, -2.2))
    ]
    scene = make_scene(Shape.PLANE, low_tx=16, cameras=cameras, color_of=waves(cycles_per_unit=2.0))
    write_scene(scene, tmp_path / "plane" / "capture")
    write_truth(scene, tmp_path / "plane" / "truth")
    settings = replace(SMALL, turned=turned)
    made = texture_map_dataset([tmp_path / "plane"], tmp_path / "maps", settings)
    assert made.turned == read_texture_maps(made.root).turned == turned
    pixels = read_texture_tile(made.maps[0].tiles[0])
    wanted = pixels.truth[8:56, 8:56].astype(float)
    found = [most_alike_db(wanted, color.astype(float)) for color in pixels.references]
    assert len(found) == 3
    assert min(found) > 38.0 if turned else max(found) < 30.0
    assert max(max(color.shape) for color in pixels.references) <= 2 * 64 or not turned


def test_fewer_references_are_the_first_of_more(made, root, tmp_path):
    settings = TextureMapSettings(low_tile_tx=16, max_references=2)
    fewer = texture_map_dataset([root], tmp_path / "maps", settings)
    for few, many in zip(fewer.maps[0].tiles, made.maps[0].tiles, strict=True):
        assert [r.view for r in few.references] == [r.view for r in many.references[:2]]
    none = TextureMapSettings(low_tile_tx=16, max_references=0)
    bare = texture_map_dataset([root], tmp_path / "bare", none)
    assert not any(tile.references for tile in bare.maps[0].tiles)


def test_masked_photos_give_no_background(scene, root, tmp_path):
    """Crops hold no pixel of the noise that stands behind the object."""
    masked = tmp_path / "masked"
    shutil.copytree(root, masked)
    for view, photo in zip(scene.views, scene.photos, strict=True):
        red = np.where(photo.valid[..., None], photo.color, np.uint8([255, 0, 0]))
        Image.fromarray(red).save(masked / "capture" / "images" / view.name)
        levels = Image.fromarray(photo.valid.astype(np.uint8) * 255)
        (masked / "capture" / "masks").mkdir(exist_ok=True)
        levels.save(masked / "capture" / "masks" / view.name)
    made = texture_map_dataset([masked], tmp_path / "maps", SMALL)
    crops = [c for tile in made.maps[0].tiles for c in read_texture_tile(tile).references]
    assert len(crops) > 9
    for color in crops:
        assert not ((color[..., 0] == 255) & (color[..., 1] == 0)).any()


def test_a_photo_whose_view_of_a_tile_is_masked_is_no_reference(scene, root, made, tmp_path):
    views = [r.view for tile in made.maps[0].tiles for r in tile.references]
    most_used = max(set(views), key=views.count)
    masked = tmp_path / "masked"
    shutil.copytree(root, masked)
    corner = np.zeros((160, 160), np.uint8)
    corner[:12, :12] = 255
    (masked / "capture" / "masks").mkdir()
    Image.fromarray(corner).save(masked / "capture" / "masks" / most_used)
    again = texture_map_dataset([masked], tmp_path / "maps", SMALL)
    left = {r.view for tile in again.maps[0].tiles for r in tile.references}
    assert left == set(views) - {most_used}


def test_tiles_off_the_mask_are_left_out(root, scene, tmp_path):
    capture = load_capture(root / "capture")
    truth, _ = read_image(root / "truth" / "atlas.png", where="truth")
    mask = scene.covered.copy()
    mask[:, 64:] = False
    work = WorkScene(capture, RunSettings(), lambda stage, done, total: None)
    cutter = TileCutter(work, truth, mask, SMALL)
    assert [region.x for region in cutter.regions()] == [0, 0, 0]
    strict = TextureMapSettings(low_tile_tx=16, min_mask_share=1.0)
    assert TileCutter(work, truth, mask, strict).regions() == []


def sight(view_index: int, points: list[int], value: float) -> ChartSight:
    return ChartSight(
        view_index=view_index,
        point=np.array(points, np.int64),
        px=np.zeros((len(points), 2)),
        value=np.full(len(points), value, np.float32),
    )


def test_what_is_not_shown_yet_is_worth_more():
    sights = [sight(0, [0, 1, 2], 0.9), sight(1, [0, 1, 2], 0.8), sight(2, [3, 4], 0.7)]
    chosen = choose_sights(sights, 5, 3, lambda one: one)
    assert [one.view_index for one in chosen] == [0, 2, 1]
    assert len(choose_sights(sights, 5, 2, lambda one: one)) == 2


def test_a_sight_that_turns_out_to_be_masked_costs_no_place():
    sights = [sight(0, [0, 1, 2], 0.9), sight(1, [0, 1, 2], 0.8)]
    chosen = choose_sights(sights, 3, 1, lambda one: one if one.view_index else None)
    assert [one.view_index for one in chosen] == [1]


def test_a_truth_that_does_not_fit_is_told(root, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(root, broken)
    Image.fromarray(np.zeros((190, 192, 3), np.uint8)).save(broken / "truth" / "atlas.png")
    with pytest.raises(CaptureError, match="a truth of 192 x 190"):
        texture_map_dataset([broken], tmp_path / "maps", SMALL)
    (broken / "truth" / "mask.png").unlink()
    with pytest.raises(CaptureError, match=r"no truth/mask\.png"):
        texture_map_dataset([broken], tmp_path / "maps", SMALL)
    with pytest.raises(CaptureError, match="no such folder"):
        texture_map_dataset([tmp_path / "nowhere"], tmp_path / "maps", SMALL)
    assert not (tmp_path / "maps").exists()


def test_maps_need_names_of_their_own_and_one_scale(root, tmp_path):
    with pytest.raises(CaptureError, match="names of their own"):
        texture_map_dataset([root, root], tmp_path / "maps", SMALL)
    other = make_scene(Shape.PLANE, low_tx=32, scale=2, cameras=orbit(1, size_px=64, half=True))
    write_scene(other, tmp_path / "plane" / "capture")
    write_truth(other, tmp_path / "plane" / "truth")
    with pytest.raises(CaptureError, match=r"x4.*x2"):
        texture_map_dataset([root, tmp_path / "plane"], tmp_path / "maps", SMALL)


def test_sets_are_not_written_where_they_come_from(root, tmp_path):
    with pytest.raises(OutputError, match="a place inside"):
        texture_map_dataset([root], root / "capture" / "maps", SMALL)
    shared = tmp_path / "shared" / "data" / "captures" / "mine"
    with pytest.raises(OutputError, match="shared data"):
        texture_map_dataset([root], shared, SMALL)


def test_what_comes_from_validation_data_is_marked(root, tmp_path):
    kept = tmp_path / "shared" / "data" / "captures" / "cube"
    shutil.copytree(root, kept)
    made = texture_map_dataset([kept], tmp_path / "maps", SMALL)
    assert made.validation_only
    assert json.loads((tmp_path / "maps" / "manifest.json").read_text())["validation_only"] is True


@pytest.mark.parametrize(
    "words", [{"low_tile_tx": 8}, {"min_mask_share": 1.5}, {"max_references": 9}]
)
def test_settings_without_sense_are_refused(words):
    with pytest.raises(SettingsError, match="texture maps"):
        TextureMapSettings(**words)
