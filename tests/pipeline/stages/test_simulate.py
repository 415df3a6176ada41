"""Simulated captures: what is written is what was asked for."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.scene_files import write_scene
from tests.scenes import Scene, Shape, make_scene, render_photo, waves
from texsr.pipeline.atlas import Atlas, ImageKind, TexturedMesh
from texsr.pipeline.color import to_float, to_integer
from texsr.pipeline.errors import OutputError, SettingsError
from texsr.pipeline.formats.colmap import read_colmap
from texsr.pipeline.formats.meshes import read_textured_mesh
from texsr.pipeline.resample import resize
from texsr.pipeline.simulation import CameraFile, LowAtlas, SimulateSettings
from texsr.pipeline.stages.simulate import place_cameras, simulate, simulate_surface

SMALL = SimulateSettings(num_photos=3, photo_size_px=80)
PERFECT = replace(SMALL, exposure=0.0, white_balance=0.0, noise=0.0, pose_error_px=0.0)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(Shape.CUBE, low_tx=32, cameras=[], color_of=waves(cycles_per_unit=0.8))


@pytest.fixture(scope="module")
def surface(scene: Scene) -> TexturedMesh:
    """The scene's surface under its true texture."""
    return with_texture(scene, to_integer(scene.truth, np.dtype(np.uint8)))


def with_texture(scene: Scene, stored: np.ndarray) -> TexturedMesh:
    atlas = Atlas(name="atlas.png", path=None, kind=ImageKind.PNG, stored=stored)
    return replace(scene.surface, atlases=(atlas,))


def seed(number: int = 0) -> np.random.Generator:
    return np.random.default_rng(number)


def picture(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_capture_and_its_truth_are_written(tmp_path, scene, surface):
    made = simulate_surface(surface, tmp_path / "out", SMALL, seed())
    assert (picture(made.truth / "atlas.png") == surface.atlases[0].stored).all()
    mask = picture(made.truth / "mask.png") > 127
    assert (mask ^ scene.covered).mean() < 0.002
    assert made.share_covered == pytest.approx(scene.covered.mean(), abs=0.002)
    expected = resize(to_float(surface.atlases[0].stored), height=32, width=32)
    low = picture(made.capture / "atlas.png")
    assert np.abs(to_float(low) - expected).max() < 0.51 / 255 + 1e-6
    assert picture(made.capture / "images" / "002.jpg").shape == (80, 80, 3)
    assert not (made.capture / "masks").exists()


def test_the_mesh_reads_back_to_the_last_bit(tmp_path, surface):
    made = simulate_surface(surface, tmp_path / "out", SMALL, seed())
    back = read_textured_mesh(made.capture / "mesh.obj", root=made.capture)
    for ours, theirs in [(surface.mesh, back.mesh), (surface.charts, back.charts)]:
        corners = {"Mesh": ("vertices", "faces"), "Charts": ("uv", "uv_faces")}
        values, rows = corners[type(ours).__name__]
        np.testing.assert_array_equal(
            getattr(ours, values)[getattr(ours, rows)],
            getattr(theirs, values)[getattr(theirs, rows)],
        )


def test_perfect_photos_agree_with_the_analytic_surface(tmp_path, scene, surface):
    settings = replace(PERFECT, jpeg_quality=100)
    made = simulate_surface(surface, tmp_path / "out", settings, seed())
    for shot in read_colmap(made.capture / "sparse" / "0").shots:
        camera = shot.lens.pinhole(shot.cam_from_world)
        exact, full = render_photo(scene.surface.mesh, scene.color_of, camera)
        photo = to_float(picture(made.capture / "images" / shot.name))
        assert full.sum() > 500
        assert np.abs(photo - exact)[full].mean() < 0.012


def test_the_same_seed_gives_the_same_bytes(tmp_path, surface):
    settings = replace(SMALL, masks=True, shake_px=2.0, num_photos=2)
    one, two, other = (
        contents(simulate_surface(surface, tmp_path / name, settings, seed(s)).capture)
        for name, s in [("a", 7), ("b", 7), ("c", 8)]
    )
    assert one == two
    assert one["images/000.jpg"] != other["images/000.jpg"]
    assert one["sparse/0/images.txt"] != other["sparse/0/images.txt"]


def test_masks_are_silhouettes_before_noise(tmp_path, scene, surface):
    settings = replace(PERFECT, masks=True, num_photos=1)
    made = simulate_surface(surface, tmp_path / "out", settings, seed())
    mask = picture(made.capture / "masks" / "000.png") > 127
    (shot,) = read_colmap(made.capture / "sparse" / "0").shots
    _, full = render_photo(
        scene.surface.mesh, scene.color_of, shot.lens.pinhole(shot.cam_from_world), supersample=1
    )
    assert (mask & ~full).sum() < 0.01 * full.sum()
    assert (full & ~mask).sum() < 0.1 * full.sum()
    photo = picture(made.capture / "images" / "000.jpg").astype(float)
    assert photo[~full].std() > 20


def test_px_per_texel_sets_the_size_of_the_photos(surface):
    size = surface.atlases[0].stored.shape[:2]
    sizes = [
        place_cameras(surface, size, SimulateSettings(px_per_texel=target), seed())[0].width_px
        for target in (0.4, 0.8)
    ]
    assert sizes[1] == pytest.approx(2 * sizes[0], rel=0.02)
    # A side of the cube: 2 units on 56 texels, seen head-on from at least 2 units.
    assert 30 < sizes[1] < 400


def test_poses_are_off_by_what_is_asked_for(tmp_path, surface):
    settings = replace(PERFECT, num_photos=40, photo_size_px=40, supersample=1)
    size = surface.atlases[0].stored.shape[:2]
    true = place_cameras(surface, size, settings, seed(3))
    noisy = replace(settings, pose_error_px=0.5)
    made = simulate_surface(surface, tmp_path / "out", noisy, seed(3))
    told = [s.lens.pinhole(s.cam_from_world) for s in read_colmap(made.capture / "sparse/0").shots]
    points = surface.mesh.vertices
    offsets = [a.project(points)[0] - b.project(points)[0] for a, b in zip(true, told, strict=True)]
    assert np.std(np.concatenate(offsets)) == pytest.approx(0.5, rel=0.3)


def test_exposure_noise_and_blur_change_the_photos(tmp_path, surface):
    variants = {
        "plain": PERFECT,
        "exposed": replace(PERFECT, exposure=0.3),
        "noisy": replace(PERFECT, noise=10.0),
        "soft": replace(PERFECT, defocus_px=3.0),
    }
    photos = {
        name: to_float(
            picture(
                simulate_surface(surface, tmp_path / name, settings, seed()).capture
                / "images/000.jpg"
            )
        )
        for name, settings in variants.items()
    }
    plain = photos["plain"]
    gain = photos["exposed"].mean() / plain.mean()
    assert 0.01 < abs(gain - 1) < 0.31
    assert np.abs(photos["exposed"] / gain - plain).mean() < 0.01
    corner = (slice(0, 12), slice(0, 12))  # plain background
    assert plain[corner].std() < 0.005 < 10 / 255 * 0.5 < photos["noisy"][corner].std()
    assert np.diff(photos["soft"], axis=0).std() < 0.7 * np.diff(plain, axis=0).std()


def test_a_baked_atlas_is_near_the_reduced_one_where_photos_see_it(tmp_path, surface):
    settings = replace(PERFECT, num_photos=8, photo_size_px=160, atlas=LowAtlas.BAKED)
    made = simulate_surface(surface, tmp_path / "out", settings, seed())
    baked = to_float(picture(made.capture / "atlas.png"))
    mask = to_float(picture(made.truth / "mask.png"))[..., None]
    inside = resize(mask, height=32, width=32)[..., 0] > 0.999
    reduced = resize(to_float(surface.atlases[0].stored), height=32, width=32)
    error = np.abs(baked - reduced).mean(axis=2)[inside]
    assert 0 < error.mean() < 0.02
    assert (baked > 0.01).all()


def test_transforms_tell_the_lens_that_the_photos_were_taken_through(tmp_path, scene, surface):
    through = replace(PERFECT, cameras=CameraFile.TRANSFORMS, radial_k1=-0.2, jpeg_quality=100)
    settings = replace(through, num_photos=1, photo_size_px=160, field_of_view_deg=80.0)
    made = simulate_surface(surface, tmp_path / "out", settings, seed())
    document = json.loads((made.capture / "transforms.json").read_text())
    assert (document["camera_model"], document["k1"]) == ("SIMPLE_RADIAL", -0.2)
    frame = document["frames"][0]
    assert (made.capture / frame["file_path"]).is_file()
    (camera,) = place_cameras(surface, surface.atlases[0].stored.shape[:2], settings, seed())
    exact, full = render_photo(scene.surface.mesh, scene.color_of, camera)
    photo = to_float(picture(made.capture / "images" / "000.jpg"))
    y, x = (axis[full] for axis in np.mgrid[0:160, 0:160])
    rays = (np.stack([x, y], axis=1) + 0.5 - camera.K[:2, 2]) / camera.K[0, 0]
    bent = rays * (1 - 0.2 * (rays**2).sum(axis=1, keepdims=True))
    place = np.rint(bent * camera.K[0, 0] + camera.K[:2, 2] - 0.5).astype(int)
    straight = np.abs(photo[full] - exact[full]).mean()
    assert np.abs(photo[place[:, 1], place[:, 0]] - exact[full]).mean() < 0.4 * straight


def test_sixteen_bit_textures_keep_their_depth(tmp_path, scene):
    deep = with_texture(scene, to_integer(scene.truth, np.dtype(np.uint16)))
    made = simulate_surface(deep, tmp_path / "out", replace(SMALL, num_photos=1), seed())
    back = read_textured_mesh(made.capture / "mesh.obj", root=made.capture)
    assert back.atlases[0].stored.dtype == np.uint16


def test_a_mesh_file_becomes_a_capture(tmp_path, scene):
    root = write_scene(scene, tmp_path / "object")
    told = []
    made = simulate(
        root / "mesh.obj", tmp_path / "out", SMALL, seed(), lambda *news: told.append(news)
    )
    assert picture(made.capture / "atlas.png").shape == (8, 8, 3)
    assert told[0] == ("photos", 0, 3)
    assert told[-1] == ("photos", 3, 3)


def test_a_folder_that_holds_something_is_left_alone(tmp_path, surface):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="already there"):
        simulate_surface(surface, tmp_path / "out", SMALL, seed())
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_nothing_is_left_behind_after_a_failure(tmp_path, surface, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError("midway")

    monkeypatch.setattr("texsr.pipeline.stages.simulate.write_capture_mesh", fail)
    with pytest.raises(RuntimeError, match="midway"):
        simulate_surface(surface, tmp_path / "out", SMALL, seed())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("field", "value"), [("scale", 1), ("num_photos", 0), ("photo_size_px", 9), ("noise", -1.0)]
)
def test_settings_out_of_range_are_named(field, value):
    with pytest.raises(SettingsError, match=field):
        SimulateSettings(**{field: value})


def test_a_lens_needs_a_file_that_can_tell_it():
    with pytest.raises(SettingsError, match="transforms"):
        SimulateSettings(radial_k1=0.1)
