"""The analytic scenes are what they say."""

import numpy as np
import pytest

from tests.scene_cameras import look_at, orbit
from tests.scene_files import write_scene, write_truth
from tests.scene_variants import with_decoys, with_empty_faces, with_noise_behind, with_stacked_uvs
from tests.scenes import Shape, make_scene, make_surface, render_photo, waves
from texsr.pipeline.atlas import texel_to_uv
from texsr.pipeline.color import to_float


@pytest.mark.parametrize("shape", list(Shape))
def test_faces_point_outward_and_charts_wind_counter_clockwise(shape):
    mesh, charts = make_surface(shape, subdivisions=3)
    centres = mesh.vertices[mesh.faces].mean(axis=1)
    outward = np.array([0.0, 0.0, 1.0]) if shape is Shape.PLANE else centres
    assert ((mesh.face_normals() * outward).sum(axis=1) > 0).all()
    assert (charts.uv_areas() > 0).all()
    assert charts.chart_id.max() + 1 == (1 if shape is Shape.PLANE else 6)


def test_plane_atlas_has_the_exact_color_at_every_covered_texel():
    scene = make_scene(Shape.PLANE, low_tx=16, cameras=[])
    size = len(scene.truth)
    y, x = np.nonzero(scene.covered)
    uv = texel_to_uv(np.stack([x, y], 1) + 0.5, height_tx=size, width_tx=size)
    low, high = scene.surface.charts.uv.min(axis=0), scene.surface.charts.uv.max(axis=0)
    points = np.concatenate([(uv - low) / (high - low) * 2 - 1, np.zeros((len(uv), 1))], axis=1)
    np.testing.assert_allclose(scene.truth[y, x], scene.color_of(points), atol=1e-6)


def test_photo_of_the_plane_agrees_with_its_homography():
    mesh, _ = make_surface(Shape.PLANE)
    color_of = waves(cycles_per_unit=0.5)
    camera = look_at((1.0, 0.7, 3.0), size_px=40, focal=1.1)
    picture, full = render_photo(mesh, color_of, camera, supersample=3)
    y, x = np.nonzero(full)
    world_from_px = np.linalg.inv(camera.px_from_world[:, [0, 1, 3]])
    on_plane = np.stack([x + 0.5, y + 0.5, np.ones(len(x))], axis=1) @ world_from_px.T
    points = np.concatenate([on_plane[:, :2] / on_plane[:, 2:], np.zeros((len(x), 1))], axis=1)
    np.testing.assert_allclose(picture[full], color_of(points), atol=2e-3)


def test_variants_change_only_what_they_name():
    scene = make_scene(Shape.CUBE, low_tx=12, cameras=orbit(3, size_px=32))
    noisy = with_noise_behind(scene)
    full = scene.photos[0].valid
    assert (noisy.photos[0].color[full] == scene.photos[0].color[full]).all()
    assert noisy.photos[0].color[~full].std() > 50 > scene.photos[0].color[~full].std()
    decoyed = with_decoys(scene)
    assert len(decoyed.views) == 5
    assert decoyed.views[:3] == scene.views
    stacked = with_stacked_uvs(scene).surface.charts
    assert np.isclose(
        np.abs(stacked.uv_areas()).sum(), np.abs(scene.surface.charts.uv_areas()).sum()
    )
    assert len(np.unique(stacked.uv_faces)) < len(np.unique(scene.surface.charts.uv_faces))
    empty = with_empty_faces(scene).surface
    assert (empty.mesh.face_areas() == 0).sum() == (empty.charts.uv_areas() == 0).sum() == 3


def test_photos_and_atlas_show_the_same_surface():
    scene = make_scene(Shape.SPHERE, low_tx=24, scale=2, cameras=orbit(2, size_px=48))
    photo, camera = scene.photos[0], scene.views[0].camera
    mesh = scene.surface.mesh
    centres = mesh.vertices[mesh.faces].mean(axis=1)
    toward = ((camera.centre - centres) * mesh.face_normals()).sum(axis=1) > 2.0
    px, _ = camera.project(centres[toward])
    seen = to_float(photo.color)[px[:, 1].astype(int), px[:, 0].astype(int)]
    assert np.abs(seen - scene.color_of(centres[toward])).mean() < 0.06


def test_written_scene_has_the_files_of_a_capture(tmp_path):
    scene = with_noise_behind(
        make_scene(Shape.PLANE, low_tx=8, cameras=orbit(2, size_px=16, half=True))
    )
    root = write_scene(scene, tmp_path / "capture")
    write_truth(scene, tmp_path / "truth")
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert {
        "capture/mesh.obj", "capture/mesh.mtl", "capture/atlas.png", "capture/images/001.png",
        "capture/masks/001.png", "capture/sparse/0/cameras.txt", "truth/atlas.png",
        "truth/mask.png",
    } <= names  # fmt: skip
    assert (root / "sparse/0/images.txt").read_text().count(".png") == 2
