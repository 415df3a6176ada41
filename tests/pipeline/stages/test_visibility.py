"""What is seen is what geometry says: exact on planes, cubes and spheres."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.scene_cameras import look_at, orbit
from tests.scenes import Shape, make_surface
from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.camera import Camera
from texsr.pipeline.mesh import Charts, Mesh
from texsr.pipeline.rays import RayCaster
from texsr.pipeline.stages.rasterize import rasterize
from texsr.pipeline.stages.visibility import (
    FEATHER_TX,
    FRAME_MARGIN_PX,
    MIN_COSINE,
    Sight,
    SurfacePoints,
    feathered,
    footprints,
    look,
    surface_points,
)
from texsr.pipeline.tile import Region

SIDE = 64


def points_of(surface: TexturedMesh, side: int = SIDE) -> SurfacePoints:
    region = Region(x=0, y=0, width=side, height=side)
    texels = rasterize(surface, 0, (side, side), region)
    mesh = surface.mesh
    return surface_points(mesh, texels, mesh.face_normals(), mesh.vertex_normals())


def textured(mesh: Mesh, charts: Charts) -> TexturedMesh:
    return TexturedMesh(path=Path("m.obj"), mesh=mesh, charts=charts, atlases=())


def shape(kind: Shape, subdivisions: int = 2) -> TexturedMesh:
    return textured(*make_surface(kind, subdivisions=subdivisions))


def quads(*corners: np.ndarray) -> TexturedMesh:
    """Squares (4 corners each, counter-clockwise seen from outside), each a chart of its own."""
    count = len(corners)
    uv, faces = [], []
    for i in range(count):
        left, right = (i + 0.02) / count, (i + 0.98) / count
        uv += [(left, 0.02), (right, 0.02), (right, 0.98), (left, 0.98)]
        faces += [(4 * i, 4 * i + 1, 4 * i + 2), (4 * i, 4 * i + 2, 4 * i + 3)]
    corner = np.array(faces, np.int32)
    charts = Charts(
        uv=np.array(uv),
        uv_faces=corner,
        chart_id=np.repeat(np.arange(count), 2).astype(np.int32),
        material_id=np.zeros(2 * count, np.int32),
    )
    return textured(Mesh(vertices=np.concatenate(corners), faces=corner), charts)


def square(*, half: float = 1.0, z: float = 0.0, up: bool = True) -> np.ndarray:
    order = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    if not up:
        order.reverse()
    return np.array([(x * half, y * half, z) for x, y in order], np.float64)


def seen_by(surface: TexturedMesh, camera: Camera, valid=None) -> tuple[SurfacePoints, Sight]:
    points = points_of(surface)
    return points, look(points, camera, RayCaster(surface.mesh), valid)


def in_frame(points, camera):
    px, _ = camera.project(points.position)
    return (px > 3).all(axis=1) & (px < [camera.width_px - 3, camera.height_px - 3]).all(axis=1)


def test_a_plane_is_seen_from_its_front_wholly_and_from_behind_not_at_all():
    surface = shape(Shape.PLANE)
    points, front = seen_by(surface, look_at((0.5, -0.3, 3), size_px=200, focal=1.0))
    assert front.seen.all()
    _, behind = seen_by(surface, look_at((0.5, -0.3, -3), size_px=200, focal=1.0))
    assert not behind.seen.any()
    assert len(points.position) == points.texels.covered.sum()


@pytest.mark.parametrize("eye", [(3, 0.2, 0.1), (2.2, 2.4, 0.3), (2.0, -2.1, 2.4), (-2, -2, -2)])
def test_the_sides_of_a_cube_that_face_the_eye_are_seen_and_no_others(eye):
    points, sight = seen_by(shape(Shape.CUBE), look_at(eye, size_px=300, focal=0.9))
    toward = np.asarray(eye) - points.position
    cosine = (points.face_normal * toward).sum(axis=1) / np.linalg.norm(toward, axis=1)
    # The face decides what is seen; the worse of its own and the smoothed normal, how well.
    smooth = (points.normal * toward).sum(axis=1) / np.linalg.norm(toward, axis=1)
    expected = np.clip(np.minimum(cosine, smooth), MIN_COSINE / 2, 1.0)
    clear = np.abs(cosine - MIN_COSINE) > 1e-6
    clear &= in_frame(points, look_at(eye, size_px=300, focal=0.9))
    np.testing.assert_array_equal(sight.seen[clear], (cosine > MIN_COSINE)[clear])
    np.testing.assert_allclose(sight.cosine[sight.seen], expected[sight.seen], atol=1e-6)
    assert (sight.cosine[~sight.seen] == 0).all()


def test_hard_edges_hide_nothing_of_a_side_that_faces_the_eye():
    surface = shape(Shape.CUBE)
    facing, seen = 0, 0
    for camera in orbit(12, size_px=192):
        points, sight = seen_by(surface, camera)
        toward = camera.centre - points.position
        cosine = (points.face_normal * toward).sum(axis=1) / np.linalg.norm(toward, axis=1)
        wanted = (cosine > 0.3) & in_frame(points, camera)
        facing += int(wanted.sum())
        seen += int(sight.seen[wanted].sum())
    assert seen == facing


@pytest.mark.parametrize("camera", orbit(4, size_px=300, distance=3.5), ids=range(4))
def test_a_sphere_shows_its_cap_without_speckles(camera):
    """A texel is seen where the eye is above its horizon; the facets cost a margin there."""
    points, sight = seen_by(shape(Shape.SPHERE, subdivisions=12), camera)
    toward = camera.centre - points.position
    cosine = (points.position * toward).sum(axis=1) / np.linalg.norm(toward, axis=1)
    assert sight.seen[cosine > MIN_COSINE + 0.12].all()
    assert not sight.seen[cosine < MIN_COSINE - 0.12].any()
    assert (cosine > MIN_COSINE + 0.12).sum() > 500


@pytest.mark.parametrize("gap", [1e-3, 1e-2])
def test_a_thin_sheet_does_not_leak(gap):
    """Two sheets a thousandth apart: an eye above sees the upper one and nothing of the lower."""
    sheet = quads(square(z=gap), square(z=0.0), square(z=-gap, up=False))
    for eye in [(0.1, 0.2, 2.5), (1.5, 0.4, 1.5), (-1.2, -1.4, 1.0)]:
        points, above = seen_by(sheet, look_at(eye, size_px=400, focal=0.35))
        layer = points.face_id // 2
        assert above.seen[layer == 0].all()
        under = layer == 1
        # At the rim a slanted ray may pass beside the upper sheet: not further than this.
        slack = gap * np.hypot(eye[0], eye[1]) / eye[2] * 4 + 1e-9
        inner = (np.abs(points.position[:, :2]) < 1 - slack).all(axis=1)
        assert not above.seen[under & inner].any()
        assert not above.seen[layer == 2].any()
        mirrored = (eye[0], eye[1], -eye[2])
        _, below = seen_by(sheet, look_at(mirrored, size_px=400, focal=0.35))
        assert below.seen[layer == 2].all()
        assert not below.seen[layer < 2].any()


def test_an_occluder_casts_the_shadow_that_geometry_says():
    """A small square above a large one hides what lies on the lines from the eye through it."""
    eye, height, half = np.array([0.7, -0.4, 3.0]), 0.8, 0.3
    surface = quads(square(), square(half=half, z=height))
    points, sight = seen_by(surface, look_at(eye.tolist(), size_px=400, focal=0.8))
    ground = points.face_id < 2
    share = height / eye[2]
    through = eye[:2] * share + points.position[:, :2] * (1 - share)  # at the occluder's height
    depth = half - np.abs(through).max(axis=1)  # inside the shadow where positive
    hidden = ground & (depth > 0)
    assert hidden.sum() > 50
    np.testing.assert_array_equal(sight.seen[ground & (depth < -1e-3)], True)
    np.testing.assert_array_equal(sight.seen[ground & (depth > 1e-3)], False)
    assert (np.abs(depth) <= 1e-3)[ground].mean() < 0.02
    assert sight.seen[~ground].all()


def test_what_projects_out_of_the_photo_or_near_its_rim_is_not_seen():
    camera = look_at((0, 0, 1.2), size_px=100, focal=1.0)
    points, sight = seen_by(shape(Shape.PLANE), camera)
    px, _ = camera.project(points.position)
    inside = ((px > FRAME_MARGIN_PX) & (px < 100 - FRAME_MARGIN_PX)).all(axis=1)
    assert 0 < inside.sum() < len(inside)
    facing = points.normal @ np.array([0, 0, 1.0]) > 0.5
    np.testing.assert_array_equal(sight.seen, inside & facing)
    np.testing.assert_allclose(sight.px, px)


def test_what_lies_behind_the_camera_is_not_seen():
    surface = quads(square(z=0.0), square(half=0.5, z=2.0))
    camera = look_at((0, 0, 1), size_px=100, focal=0.5)
    points, sight = seen_by(surface, camera)
    assert not sight.seen[points.face_id >= 2].any()
    assert sight.seen[points.face_id < 2].sum() > 100


def test_invalid_pixels_show_nothing():
    camera = look_at((0, 0, 3), size_px=200, focal=1.0)
    valid = np.zeros((200, 200), bool)
    valid[:, :90] = True
    points, sight = seen_by(shape(Shape.PLANE), camera, valid)
    px, _ = camera.project(points.position)
    np.testing.assert_array_equal(sight.seen, px[:, 0] < 90)


def test_an_empty_region_sees_nothing():
    surface = shape(Shape.PLANE)
    region = Region(x=0, y=0, width=1, height=1)
    texels = rasterize(surface, 0, (SIDE, SIDE), region)
    mesh = surface.mesh
    points = surface_points(mesh, texels, mesh.face_normals(), mesh.vertex_normals())
    sight = look(points, look_at((0, 0, 3), size_px=50, focal=1.0), RayCaster(mesh))
    assert sight.seen.shape == (0,)
    assert sight.px.shape == (0, 2)


def test_normals_lie_between_those_of_the_corners():
    points = points_of(shape(Shape.SPHERE, subdivisions=10))
    cosine = (points.normal * points.position).sum(axis=1) / np.linalg.norm(points.position, axis=1)
    assert (cosine > np.cos(0.05)).all()
    np.testing.assert_allclose(np.linalg.norm(points.normal, axis=1), 1.0)


def test_sight_fades_out_over_two_texels_towards_hidden_surface_only():
    covered = np.zeros((9, 20), bool)
    covered[:, 2:18] = True
    seen = covered.copy()
    seen[:, 10:] = False
    weight = feathered(seen, np.where(covered, np.int32(0), np.int32(-1)))
    ramp = [max(d - 1.5, 0) / FEATHER_TX for d in (1, 2, 3, 4)]
    np.testing.assert_allclose(weight[:, 9], ramp[0])
    np.testing.assert_allclose(weight[:, 8], ramp[1])
    np.testing.assert_allclose(weight[:, 7], ramp[2])
    np.testing.assert_allclose(weight[:, 2:7], 1.0)  # to the chart's border, where nothing hides
    assert (weight[~seen] == 0).all()


def test_feathering_agrees_with_the_distance_to_the_nearest_hidden_texel_of_the_chart():
    rng = np.random.default_rng(5)
    chart = rng.integers(-1, 3, (14, 17)).astype(np.int32)
    chart[:, 8:] = 3  # one whole chart beside confetti
    seen = (chart >= 0) & (rng.random(chart.shape) < 0.8)
    weight = feathered(seen, chart)
    for y, x in zip(*np.nonzero(seen), strict=True):
        rows, columns = np.nonzero((chart == chart[y, x]) & ~seen)
        distance = np.hypot(rows - y, columns - x).min(initial=np.inf)
        assert weight[y, x] == pytest.approx(min(max((distance - 1.5) / FEATHER_TX, 0), 1))
    assert (weight[~seen] == 0).all()
    np.testing.assert_array_equal(feathered(chart >= 0, chart), chart >= 0)


def test_footprints_of_a_plane_are_those_of_similar_triangles():
    """Straight on, a texel spans f * size / distance px; tilted, sqrt(cos) of that per axis."""
    surface = shape(Shape.PLANE, subdivisions=8)
    points = points_of(surface)
    uv_areas_tx = np.abs(surface.charts.uv_areas()) * SIDE * SIDE
    side_tx = np.sqrt(uv_areas_tx.sum())
    distance, focal_px = 4.0, 1.2 * 300
    straight = look_at((0, 0, distance), size_px=300, focal=1.2)
    got = footprints(surface.mesh, points.face_id, uv_areas_tx, straight)
    one_texel = 2.0 / side_tx * focal_px / distance
    np.testing.assert_allclose(got, one_texel, rtol=1e-5)
    far = 400.0  # nearly parallel rays: foreshortening alone
    for angle in (0.3, 0.8, 1.2):
        tilted = look_at(
            (far * np.sin(angle), 0, far * np.cos(angle)), size_px=3000, focal=far / distance * 0.12
        )
        got = footprints(surface.mesh, points.face_id, uv_areas_tx, tilted)
        np.testing.assert_allclose(got, one_texel * np.sqrt(np.cos(angle)), rtol=0.01)


def test_footprints_behind_the_camera_or_without_texels_are_zero():
    surface = shape(Shape.PLANE)
    faces = np.arange(len(surface.mesh.faces), dtype=np.int32)
    areas = np.abs(surface.charts.uv_areas()) * SIDE * SIDE
    behind = look_at((0, 0, 1), (0, 0, 2), size_px=50, focal=1.0)
    assert (footprints(surface.mesh, faces, areas, behind) == 0).all()
    front = look_at((0, 0, 2), size_px=50, focal=1.0)
    none = footprints(surface.mesh, faces, np.zeros_like(areas), front)
    assert (none == 0).all()


def test_mirrored_charts_have_the_same_footprints():
    surface = shape(Shape.PLANE)
    mirrored = replace(
        surface.charts, uv=np.stack([1 - surface.charts.uv[:, 0], surface.charts.uv[:, 1]], axis=1)
    )
    camera = look_at((0.5, 0.5, 3), size_px=100, focal=1.0)
    faces = np.arange(len(surface.mesh.faces), dtype=np.int32)
    one, other = (
        footprints(surface.mesh, faces, np.abs(charts.uv_areas()) * SIDE**2, camera)
        for charts in (surface.charts, mirrored)
    )
    np.testing.assert_allclose(one, other, rtol=1e-6)
