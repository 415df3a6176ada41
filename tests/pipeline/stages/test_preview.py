import numpy as np
import pytest
from PIL import Image

from tests.scenes import Shape, make_scene
from texsr.pipeline.color import to_integer
from texsr.pipeline.errors import OutputError, SettingsError
from texsr.pipeline.stages.preview import (
    PreviewSettings,
    PreviewTextures,
    change_pictures,
    make_preview,
)

SMALL = PreviewSettings(title="sphere", num_frames=2, frame_px=96, num_crops=2, crop_px=64)


@pytest.fixture(scope="module")
def textures():
    scene = make_scene(Shape.SPHERE, low_tx=48, cameras=[])
    after = to_integer(scene.truth, np.dtype(np.uint8))
    provenance = np.where(scene.covered, 4, 0)[..., None].repeat(2, axis=2).astype(np.uint8)
    return scene, PreviewTextures(
        before=[scene.surface.atlases[0].stored], after=[after], provenance=[provenance]
    )


@pytest.fixture(scope="module")
def files(textures, tmp_path_factory):
    told = []
    out = tmp_path_factory.mktemp("preview") / "new" / "place"
    scene, compared = textures
    made = make_preview(scene.surface, compared, out, SMALL, lambda *step: told.append(step))
    assert told[0] == ("turntable", 0, 2)
    assert told[-1] == ("page", 1, 1)
    return made


def opened(path):
    return np.asarray(Image.open(path)).astype(int)


def test_turntable_shows_the_difference(files):
    assert len(files.before) == len(files.after) == len(files.pairs) == 2
    for before, after, pair in zip(files.before, files.after, files.pairs, strict=True):
        low, high = opened(before), opened(after)
        assert low.shape == high.shape
        assert low.shape[1] == 96
        assert opened(pair).shape == (low.shape[0], 2 * 96 + 4, 3)
        changed = np.abs(low - high).max(axis=2) > 2
        assert changed.mean() > 0.1
        assert not changed[0].any()  # the backdrop is the same


def test_crops_come_as_labelled_pairs(files):
    assert {path.name for path in files.crops} == {
        "atlas_00.png",
        "atlas_01.png",
        "surface_00.png",
        "surface_01.png",
    }
    for path in files.crops:
        crop = opened(path)
        assert crop.shape == (64, 2 * 64 + 4, 3)
        assert np.abs(crop[32:, :64] - crop[32:, 68:]).mean() > 0.5


def test_surface_crop_looks_straight_at_the_mesh(files):
    near = opened(next(path for path in files.crops if path.name == "surface_00.png"))
    backdrop = np.rint(np.array([0.93, 0.94, 0.95]) * 255)
    middle = near[24:40, 92:108]
    assert (np.abs(middle - backdrop).max(axis=2) > 2).mean() > 0.9


def test_page_stands_beside_them(files):
    text = files.page.read_text("utf-8")
    assert "<title>sphere</title>" in text
    assert "48 × 48 → 192 × 192 texels" in text
    assert not list(files.page.parent.glob(".*"))


def test_report_gets_crops_alone(textures):
    scene, compared = textures
    pictures = change_pictures(scene.surface, compared.before, compared.after, SMALL)
    assert pictures[0].caption.startswith("atlas.png")
    assert "before on the left" in pictures[0].alt


def test_place_that_cannot_be_written_is_named(textures, tmp_path):
    scene, compared = textures
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match="taken"):
        make_preview(scene.surface, compared, tmp_path / "taken", SMALL)


@pytest.mark.parametrize("wrong", [{"num_frames": 0}, {"frame_px": 4}, {"num_crops": -1}])
def test_settings_that_show_nothing_are_refused(wrong):
    with pytest.raises(SettingsError, match="at least 1 frame"):
        PreviewSettings(**wrong)
