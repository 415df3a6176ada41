"""A real capture made small keeps its geometry, and its atlas is the truth."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.scene_cameras import orbit
from tests.scene_files import write_scene
from tests.scene_variants import with_noise_behind
from tests.scenes import Scene, Shape, make_scene, render_photo, waves
from texsr.pipeline.atlas import Atlas, ImageKind
from texsr.pipeline.capture import Capture
from texsr.pipeline.color import to_float, to_integer
from texsr.pipeline.dataset import AtlasOrigin, OwnCapture, OwnSettings, PhotoRole
from texsr.pipeline.errors import CaptureError, OutputError, SettingsError
from texsr.pipeline.resample import resize
from texsr.pipeline.stages.load import load_capture, load_photo
from texsr.pipeline.stages.own_capture import own_capture, truth_size

ATLAS_TX = 128


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A cube whose own atlas has 128 texels a side."""
    return make_scene(
        Shape.CUBE,
        low_tx=ATLAS_TX,
        scale=1,
        cameras=orbit(4, size_px=96),
        color_of=waves(cycles_per_unit=0.8),
    )


@pytest.fixture(scope="module")
def root(scene, tmp_path_factory) -> Path:
    root = write_scene(scene, tmp_path_factory.mktemp("real") / "cube")
    (root / "ATTRIBUTION.txt").write_text("by the tests\n", encoding="utf-8")
    return root


def make(capture: Capture, out: Path, settings: OwnSettings | None = None, **origin) -> OwnCapture:
    chosen = settings or OwnSettings()
    trusted = origin.pop("trusted", None)
    if trusted is None:
        trusted = np.ones(truth_size(capture, chosen.scale), bool)
    known = AtlasOrigin(roles=origin.pop("roles", {}), trusted=trusted, **origin)
    erosion_px = capture.mask_erosion_px
    return own_capture(
        capture, lambda view: load_photo(view, mask_erosion_px=erosion_px), known, out, chosen
    )


def picture(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_the_atlas_becomes_the_truth_and_its_reduction_the_low_one(scene, root, tmp_path):
    made = make(load_capture(root), tmp_path / "out", validation_only=True)
    truth = picture(made.truth / "atlas.png")
    np.testing.assert_array_equal(truth, scene.surface.atlases[0].stored)
    low = resize(to_float(truth), height=ATLAS_TX // 4, width=ATLAS_TX // 4)
    np.testing.assert_array_equal(
        picture(made.capture / "atlas.png"), to_integer(low, np.dtype(np.uint8))
    )
    mask = picture(made.truth / "mask.png") > 127
    assert (mask ^ scene.covered).mean() < 0.002
    assert made.share_scored == pytest.approx(mask.mean())
    assert made.validation_only
    again = load_capture(made.capture)
    np.testing.assert_allclose(again.surface.mesh.vertices, scene.surface.mesh.vertices)
    assert (made.capture / "ATTRIBUTION.txt").read_text() == "by the tests\n"


def test_small_photos_show_what_a_small_camera_would_have_seen(scene, root, tmp_path):
    made = make(load_capture(root), tmp_path / "out", OwnSettings(photo_scale=0.3))
    small = load_capture(made.capture)
    assert [view.name for view in small.views] == [f"{i:03d}.png.jpg" for i in range(4)]
    for view, full in zip(small.views, scene.views, strict=True):
        assert (view.camera.width_px, view.camera.height_px) == (29, 29)
        np.testing.assert_allclose(view.camera.K, full.camera.scaled(0.3).K)
        np.testing.assert_allclose(
            view.camera.cam_from_world, full.camera.cam_from_world, atol=1e-12
        )
        color, whole = render_photo(scene.surface.mesh, scene.color_of, view.camera)
        error = np.abs(to_float(load_photo(view).color) - color)[_inner(whole)]
        assert error.mean() < 0.02


def _inner(mask: np.ndarray) -> np.ndarray:
    """Pixels whose neighbours are in the mask too."""
    inner = mask.copy()
    for axis in (0, 1):
        for step in (-2, -1, 1, 2):
            inner &= np.roll(mask, step, axis)
    return inner


def test_photos_shrink_with_the_atlas_unless_told_otherwise(root, tmp_path):
    capture = load_capture(root)
    plain = make(capture, tmp_path / "plain", OwnSettings(scale=2))
    assert plain.photo_scale == 0.5
    asked = make(capture, tmp_path / "asked", OwnSettings(px_per_texel=0.2))
    assert asked.px_per_texel == pytest.approx(0.2, rel=0.05)
    assert asked.photo_scale == pytest.approx(0.5 * 0.2 / plain.px_per_texel, rel=1e-6)
    with pytest.raises(SettingsError, match="ask for at most"):
        make(capture, tmp_path / "never", OwnSettings(px_per_texel=9.0))


def test_full_photos_are_kept_whole_with_their_cameras(scene, root, tmp_path):
    capture = load_capture(root)
    made = make(capture, tmp_path / "out")
    folder = made.truth / "photos"
    for view in scene.views:
        kept = (folder / "images" / view.name).read_bytes()
        assert kept == (root / "images" / view.name).read_bytes()
    rows = (folder / "sparse" / "0" / "cameras.txt").read_text()
    assert " 96 96 " in rows
    bare = make(capture, tmp_path / "bare", OwnSettings(full_photos=False))
    assert sorted(path.name for path in bare.truth.iterdir()) == ["atlas.png", "mask.png"]


def test_photos_of_the_atlas_are_left_out_where_they_are_known(root, tmp_path):
    roles = {"001.png": PhotoRole.REFERENCE_ONLY, "002.png": PhotoRole.BAKED}
    made = make(load_capture(root), tmp_path / "out", roles=roles)
    assert [view.name for view in load_capture(made.capture).views] == ["001.png.jpg"]
    assert [(photo.role, photo.used) for photo in made.photos] == [
        (PhotoRole.UNKNOWN, False),
        (PhotoRole.REFERENCE_ONLY, True),
        (PhotoRole.BAKED, False),
        (PhotoRole.UNKNOWN, False),
    ]
    assert made.roles_known
    assert len(list((made.truth / "photos" / "images").iterdir())) == 4
    told = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert told["format"] == "texsr-own-capture"
    assert told["photos"][1] == {
        "name": "001.png",
        "source": "001.png",
        "role": "reference_only",
        "used": True,
    }


def test_only_photos_of_the_atlas_are_not_enough(root, tmp_path):
    roles = {f"{i:03d}.png": PhotoRole.BAKED for i in range(4)}
    with pytest.raises(CaptureError, match="4 photos, none of which"):
        make(load_capture(root), tmp_path / "out", roles=roles)
    assert not (tmp_path / "out").exists()


def test_only_trusted_texels_are_scored(root, scene, tmp_path):
    trusted = np.zeros((ATLAS_TX, ATLAS_TX), bool)
    trusted[:, : ATLAS_TX // 2] = True
    made = make(load_capture(root), tmp_path / "out", trusted=trusted)
    mask = picture(made.truth / "mask.png") > 127
    assert not mask[:, ATLAS_TX // 2 :].any()
    assert (mask ^ scene.covered)[:, : ATLAS_TX // 2].mean() < 0.004


def test_masked_pixels_stay_masked_and_no_background_is_mixed_in(scene, tmp_path):
    noisy = with_noise_behind(scene)
    capture = load_capture(write_scene(noisy, tmp_path / "real"))
    made = make(capture, tmp_path / "out", OwnSettings(photo_scale=0.5))
    small = load_capture(made.capture)
    assert small.mask_erosion_px == 0
    for view in small.views:
        photo = load_photo(view, mask_erosion_px=small.mask_erosion_px)
        color, whole = render_photo(scene.surface.mesh, scene.color_of, view.camera)
        assert 0.05 < photo.valid.mean() < whole.mean()
        assert np.abs(to_float(photo.color) - color)[photo.valid].max() < 0.12
    assert len(list((made.truth / "photos" / "masks").iterdir())) == 4


def test_an_atlas_of_odd_size_is_brought_to_multiples(scene, root, tmp_path):
    capture = load_capture(root)
    (atlas,) = capture.surface.atlases
    odd = Atlas(name="a", path=None, kind=ImageKind.PNG, stored=atlas.stored[:126, :127])
    capture = replace(capture, surface=replace(capture.surface, atlases=(odd,)))
    assert truth_size(capture, 4) == (124, 124)
    made = make(capture, tmp_path / "out")
    assert picture(made.truth / "atlas.png").shape == (124, 124, 3)
    assert picture(made.capture / "atlas.png").shape == (31, 31, 3)


def test_sixteen_bits_stay_sixteen_bits(root, tmp_path):
    capture = load_capture(root)
    (atlas,) = capture.surface.atlases
    deep = replace(atlas, stored=atlas.stored.astype(np.uint16) * 257)
    capture = replace(capture, surface=replace(capture.surface, atlases=(deep,)))
    made = make(capture, tmp_path / "out")
    (again,) = load_capture(made.capture).surface.atlases
    assert again.stored.dtype == np.uint16


@pytest.mark.parametrize(
    ("count", "side", "said"), [(2, 128, "2 textures"), (1, 60, "at least 64")]
)
def test_an_atlas_of_no_use_is_told(count, side, said, root):
    capture = load_capture(root)
    (atlas,) = capture.surface.atlases
    small = replace(atlas, stored=atlas.stored[:side, :side])
    capture = replace(capture, surface=replace(capture.surface, atlases=(small,) * count))
    with pytest.raises(CaptureError, match=said):
        truth_size(capture, 4)


def test_a_place_that_is_taken_stays_as_it_is(root, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("x")
    with pytest.raises(OutputError):
        make(load_capture(root), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    "words",
    [{"scale": 1}, {"photo_scale": 1.5}, {"photo_scale": 0.5, "px_per_texel": 0.5}],
)
def test_settings_without_sense_are_refused(words):
    with pytest.raises(SettingsError, match="own capture"):
        OwnSettings(**words)
