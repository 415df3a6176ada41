"""Simulated captures with the faults of real ones: light that moves, wrong meshes, decoys."""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from tests.scenes import Scene, Shape, make_scene, waves
from texsr.pipeline.atlas import Atlas, ImageKind, TexturedMesh
from texsr.pipeline.color import linear_from_srgb, to_float, to_integer
from texsr.pipeline.errors import SettingsError
from texsr.pipeline.formats.colmap import read_colmap
from texsr.pipeline.formats.meshes import read_textured_mesh
from texsr.pipeline.photo_plan import plan_photos
from texsr.pipeline.simulation import CameraFile, SimulateSettings
from texsr.pipeline.stages.simulate import place_cameras, simulate_surface

EXACT = SimulateSettings(
    num_photos=4,
    photo_size_px=72,
    exposure=0.0,
    white_balance=0.0,
    noise=0.0,
    pose_error_px=0.0,
    jpeg_quality=100,
)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(Shape.SPHERE, low_tx=32, cameras=[], color_of=waves(cycles_per_unit=0.6))


@pytest.fixture(scope="module")
def surface(scene: Scene) -> TexturedMesh:
    stored = to_integer(scene.truth, np.dtype(np.uint8))
    atlas = Atlas(name="atlas.png", path=None, kind=ImageKind.PNG, stored=stored)
    return replace(scene.surface, atlases=(atlas,))


def made(surface: TexturedMesh, folder: Path, seed: int = 3, **changes: object) -> Path:
    settings = replace(EXACT, **changes)  # type: ignore[arg-type]
    return simulate_surface(surface, folder, settings, np.random.default_rng(seed)).capture


def photos(capture: Path) -> list[np.ndarray]:
    files = sorted((capture / "images").iterdir())
    pictures = []
    for file in files:
        with Image.open(file) as photo:
            pictures.append(to_float(np.asarray(photo)))
    return pictures


def on_surface(plain: list[np.ndarray], lit: list[np.ndarray]) -> list[np.ndarray]:
    """Give the linear light that each photo has gained, on the object (the middle of it)."""
    middle = (slice(26, 46), slice(26, 46))
    return [
        linear_from_srgb(b[middle]).mean(axis=2) / linear_from_srgb(a[middle]).mean(axis=2)
        for a, b in zip(plain, lit, strict=True)
    ]


def test_zero_strengths_change_no_byte(tmp_path, surface):
    plain = made(surface, tmp_path / "plain", noise=2.0, pose_error_px=0.3)
    zero = made(surface, tmp_path / "zero", noise=2.0, pose_error_px=0.3, moving_lamp=True)
    files = sorted(path.relative_to(plain) for path in plain.rglob("*") if path.is_file())
    assert len(files) > 8
    assert all((plain / file).read_bytes() == (zero / file).read_bytes() for file in files)


def test_light_changes_photos_and_nothing_else(tmp_path, surface):
    plain = made(surface, tmp_path / "plain", pose_error_px=0.3)
    lit = made(surface, tmp_path / "lit", pose_error_px=0.3, shading=0.8)
    for name in ("sparse/0/images.txt", "mesh.obj", "atlas.png"):
        assert (plain / name).read_bytes() == (lit / name).read_bytes()
    assert max(np.ptp(light) for light in on_surface(photos(plain), photos(lit))) > 0.15


def test_a_lamp_that_stands_shades_places_and_one_that_moves_does_not(tmp_path, surface):
    size = surface.atlases[0].stored.shape[:2]
    cameras = place_cameras(surface, size, EXACT, np.random.default_rng(3))
    lamps = {}
    for moving in (False, True):
        settings = replace(EXACT, shading=0.8, highlight=0.2, moving_lamp=moving)
        plan = plan_photos(surface.mesh, cameras, settings, np.random.default_rng(3))
        lamps[moving] = np.stack([photo.lighting.to_lamp for photo in plan if photo.lighting])
        assert len(lamps[moving]) == len(cameras)
        assert len({photo.lighting.exponent for photo in plan if photo.lighting}) == 1
    assert np.ptp(lamps[False], axis=0).max() == 0
    assert np.ptp(lamps[True], axis=0).max() > 0.3


def test_a_flash_is_brightest_where_the_surface_faces_the_camera(tmp_path, surface):
    plain, lit = (photos(made(surface, tmp_path / str(flash), flash=flash)) for flash in (0.0, 1.0))
    for a, b in zip(plain, lit, strict=True):
        inside = np.abs(a - a[0, 0]).max(axis=2) > 0.08
        row, column = np.nonzero(inside)
        away = np.hypot(row - 35.5, column - 35.5) / 36
        gain = linear_from_srgb(b[inside]).mean(axis=1) / linear_from_srgb(a[inside]).mean(axis=1)
        rim = away > np.quantile(away, 0.93)
        assert np.median(gain[rim]) < 0.6 * np.median(gain[away < 0.3])


def test_outlines_take_the_light_of_what_is_beside_them(tmp_path, surface):
    # A highlight too faint to see still sends every pixel through the lighting.
    plain = photos(made(surface, tmp_path / "plain"))
    lit = photos(made(surface, tmp_path / "lit", highlight=1e-6))
    for a, b in zip(plain, lit, strict=True):
        assert np.abs(a - b).max() < 4 / 255  # what JPEG makes of rounding


def test_light_passes_through_the_lens(tmp_path, surface):
    lens = {"cameras": CameraFile.TRANSFORMS, "radial_k1": -0.1}
    plain = photos(made(surface, tmp_path / "plain", **lens))
    lit = photos(made(surface, tmp_path / "lit", shading=0.9, moving_lamp=True, **lens))
    assert max(np.ptp(light) for light in on_surface(plain, lit)) > 0.15


def test_corners_darken_by_what_is_asked_for(tmp_path, surface):
    plain = photos(made(surface, tmp_path / "plain"))[0]
    dark = photos(made(surface, tmp_path / "dark", vignetting=0.5))[0]
    kept = (dark / plain) ** 2.2
    assert kept[0, 0].mean() == pytest.approx(0.5, abs=0.03)
    assert kept[0, 36].mean() == pytest.approx(0.75, abs=0.03)


def test_varied_photos_differ_in_quality_and_sharpness(tmp_path, surface):
    same, varied = (
        made(surface, tmp_path / str(vary), vary=vary, defocus_px=3.0, jpeg_quality=95)
        for vary in (False, True)
    )

    def tables(capture: Path) -> set[str]:
        found = set()
        for file in (capture / "images").iterdir():
            with Image.open(file) as photo:
                assert isinstance(photo, JpegImageFile)
                found.add(str(photo.quantization))
        return found

    assert len(tables(same)) == 1 < len(tables(varied))
    sharper = [
        np.abs(np.diff(b, axis=0)).max() > 1.1 * np.abs(np.diff(a, axis=0)).max()
        for a, b in zip(photos(same), photos(varied), strict=True)
    ]
    assert any(sharper)


def test_a_rough_mesh_keeps_its_faces_uv_and_seams(tmp_path, surface):
    exact = made(surface, tmp_path / "exact")
    rough = made(surface, tmp_path / "rough", roughness=0.01)
    for name in ("images/000.jpg", "sparse/0/images.txt", "atlas.png"):
        assert (exact / name).read_bytes() == (rough / name).read_bytes()
    true, wrong = (read_textured_mesh(root / "mesh.obj", root=root) for root in (exact, rough))
    np.testing.assert_array_equal(true.mesh.faces, wrong.mesh.faces)
    np.testing.assert_array_equal(true.charts.uv, wrong.charts.uv)
    np.testing.assert_array_equal(true.charts.uv_faces, wrong.charts.uv_faces)
    moved = np.linalg.norm(true.mesh.vertices - wrong.mesh.vertices, axis=1)
    diagonal = np.linalg.norm(np.ptp(true.mesh.vertices, axis=0))
    assert moved.max() == pytest.approx(0.01 * diagonal, rel=1e-6)
    assert moved.std() > 0.1 * moved.max()


def test_decoys_stand_among_honest_photos_which_stay_as_they_were(tmp_path, surface):
    plain = made(surface, tmp_path / "plain", noise=2.0)
    settings = replace(EXACT, noise=2.0, decoys=3)
    result = simulate_surface(surface, tmp_path / "out", settings, np.random.default_rng(3))
    files = {file.name: file.read_bytes() for file in (result.capture / "images").iterdir()}
    assert len(files) == 7
    assert len(result.decoys) == 3
    honest = {data for name, data in files.items() if name not in result.decoys}
    assert honest == {file.read_bytes() for file in (plain / "images").iterdir()}
    told = {s.name for s in read_colmap(result.capture / "sparse/0").shots}
    assert told == set(files)


def test_decoys_of_every_kind_do_not_show_what_their_camera_sees(surface):
    size = surface.atlases[0].stored.shape[:2]
    settings = replace(EXACT, decoys=30)
    cameras = place_cameras(surface, size, settings, np.random.default_rng(0))
    plan = plan_photos(surface.mesh, cameras, settings, np.random.default_rng(0))
    kinds = {(photo.shows, photo.said is not None) for photo in plan if photo.misleads}
    assert len(kinds) == 3
    assert [photo.camera for photo in plan if not photo.misleads] == cameras
    for photo in plan:
        if photo.said is not None:
            assert np.abs(photo.said.centre - photo.camera.centre).max() > 1e-3


def test_drawn_settings_are_the_seeds_and_span_what_people_do():
    many = [SimulateSettings.drawn(np.random.default_rng(seed)) for seed in range(300)]
    again = SimulateSettings.drawn(np.random.default_rng(17), scale=2)
    assert replace(again, scale=4) == many[17]
    spans = {
        "num_photos": (6, 20),
        "px_per_texel": (0.3, 1.2),
        "noise": (0.5, 4.0),
        "jpeg_quality": (85, 97),
        "pose_error_px": (0.2, 1.0),
        "defocus_px": (0.0, 1.0),
        "shake_px": (0.0, 1.5),
        "roughness": (0.0, 0.004),
        "decoys": (0, 2),
        "sharpening": (0.0, 0.8),
    }
    for name, (low, high) in spans.items():
        values = [getattr(settings, name) for settings in many]
        assert low <= min(values) <= low + 0.1 * (high - low)
        assert high - 0.3 * (high - low) <= max(values) <= high
    dark = [s for s in many if s.shading == s.flash == s.highlight == 0]
    assert 0.25 < len(dark) / len(many) < 0.42
    assert sum(s.decoys > 0 for s in many) < 0.25 * len(many)


def test_a_careful_photographer_does_better_than_most():
    many = [SimulateSettings.careful(np.random.default_rng(seed), scale=2) for seed in range(200)]
    assert many[3] == SimulateSettings.careful(np.random.default_rng(3), scale=2)
    assert {s.scale for s in many} == {2}
    assert max(s.noise for s in many) <= 2.5
    assert max(s.pose_error_px for s in many) <= 0.4
    assert min(s.jpeg_quality for s in many) >= 91
    assert not any(s.flash or s.highlight or s.defocus_px or s.roughness for s in many)
    assert 0.6 < sum(s.shading == 0 for s in many) / len(many) < 0.8


@pytest.mark.parametrize("draw", [SimulateSettings.drawn, SimulateSettings.careful])
def test_drawn_settings_are_plain_numbers(draw):
    drawn = draw(np.random.default_rng(0))
    values = {field.name: getattr(drawn, field.name) for field in fields(drawn)}
    assert json.loads(json.dumps(values)) == values


def test_a_sharpening_camera_takes_crisper_photos_of_the_same(tmp_path, surface):
    plain, sharp = (
        photos(made(surface, tmp_path / str(amount), sharpening=amount)) for amount in (0.0, 1.0)
    )
    for a, b in zip(plain, sharp, strict=True):
        middle = (slice(26, 46), slice(26, 46))
        assert np.abs(np.diff(b[middle], axis=1)).sum() > np.abs(np.diff(a[middle], axis=1)).sum()
        assert b[middle].mean() == pytest.approx(a[middle].mean(), abs=0.01)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("shading", 1.5),
        ("flash", -0.1),
        ("highlight", 2.0),
        ("vignetting", 1.0),
        ("roughness", 0.2),
        ("decoys", -1),
        ("sharpening", -0.5),
    ],
)
def test_light_out_of_range_is_named(field, value):
    with pytest.raises(SettingsError, match=field):
        SimulateSettings(**{field: value})
