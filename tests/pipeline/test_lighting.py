"""Light on analytic surfaces has the values that its formulas say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.scene_cameras import look_at
from tests.scenes import Shape, make_surface
from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.camera import Camera
from texsr.pipeline.color import linear_from_srgb
from texsr.pipeline.lighting import Lighting, Lit, corner_normals, lit_points, relit
from texsr.pipeline.mesh import Mesh
from texsr.pipeline.scene import Rendered, Scene, paint_from

ORIGIN = np.zeros(3)
TOP = look_at((0.0, 0.0, 3.0), size_px=96, focal=1.2)


def unit(*direction: float) -> np.ndarray:
    return np.asarray(direction, np.float64) / np.linalg.norm(direction)


def see(shape: Shape, camera: Camera, *, flipped: bool = False) -> tuple[Rendered, Mesh, Lit]:
    """Draw a solid of unit half-size around the origin, and describe what is lit."""
    mesh, charts = make_surface(shape, subdivisions=24 if shape is Shape.SPHERE else 2)
    if flipped:
        mesh = replace(mesh, faces=np.ascontiguousarray(mesh.faces[:, ::-1]))
    surface = TexturedMesh(path=Path("mesh.obj"), mesh=mesh, charts=charts, atlases=())
    drawn = Scene(surface).draw([paint_from([])], camera, supersample=1)[0]
    return drawn, mesh, lit_points(drawn, camera, corner_normals(mesh), ORIGIN)


def hit_points(drawn: Rendered, camera: Camera) -> np.ndarray:
    row, column = np.nonzero(drawn.hit)
    px = np.stack([column + 0.5, row + 0.5], axis=1).astype(np.float64)
    return camera.unproject(px, drawn.depth[drawn.hit].astype(np.float64))


@pytest.mark.parametrize("flipped", [False, True])
def test_a_lamp_on_a_plane_is_the_cosine_whichever_way_it_is_wound(flipped):
    _, _, lit = see(Shape.PLANE, TOP, flipped=flipped)
    lamp = Lighting(to_lamp=unit(1, 2, 3), shading=1.0)
    assert len(lit.normal) > 2000
    np.testing.assert_allclose(lamp.diffuse(lit), 3 / np.sqrt(14), rtol=1e-5)
    below = replace(lamp, to_lamp=unit(1, 2, -3))
    assert (below.diffuse(lit) == 0).all()


def test_a_lamp_on_a_sphere_is_the_cosine_with_its_radius():
    drawn, _, lit = see(Shape.SPHERE, TOP)
    away = hit_points(drawn, TOP)
    outward = away / np.linalg.norm(away, axis=1, keepdims=True)
    expected = np.maximum(outward @ unit(1, 0, 1), 0)
    light = Lighting(to_lamp=unit(1, 0, 1), shading=1.0).diffuse(lit)
    # Facets are some 4 degrees wide; their normals are averages, interpolated.
    assert np.abs(light - expected).max() < 0.02
    assert np.ptp(expected) > 0.9


def test_strengths_mix_the_lamp_with_light_from_all_around():
    _, _, lit = see(Shape.PLANE, TOP)
    lamp = Lighting(to_lamp=unit(0, 3, 4), shading=0.25)
    np.testing.assert_allclose(lamp.diffuse(lit), 0.75 + 0.25 * 0.8, rtol=1e-5)
    soft = replace(lamp, shading=1.0, softness=1.0)
    np.testing.assert_allclose(soft.diffuse(lit), (1 + 0.8) / 2, rtol=1e-5)
    even = Lighting(to_lamp=unit(0, 3, 4)).diffuse(lit)
    np.testing.assert_array_equal(even, 1.0)


def test_a_flash_falls_off_with_the_cosine_and_the_square_of_the_distance():
    camera = look_at((0.0, 0.0, 2.0), size_px=96, focal=0.9)
    drawn, _, lit = see(Shape.PLANE, camera)
    away = np.linalg.norm(hit_points(drawn, camera) - camera.centre, axis=1)
    flash = Lighting(to_lamp=unit(0, 0, 1), flash=1.0).diffuse(lit)
    np.testing.assert_allclose(flash, (2 / away) * (2 / away) ** 2, rtol=1e-4)
    half = Lighting(to_lamp=unit(0, 0, 1), flash=0.5).diffuse(lit)
    np.testing.assert_allclose(half, 0.5 + 0.5 * flash, rtol=1e-5)


def test_a_highlight_peaks_where_the_camera_sees_the_lamp_mirrored():
    camera = look_at((0.5, -0.4, 2.0), size_px=120, focal=1.0)
    drawn, _, lit = see(Shape.PLANE, camera)
    lamp = unit(-0.3, 0.2, 2.0)
    shine = Lighting(to_lamp=lamp, highlight=0.4, exponent=300.0).mirrored(lit)
    assert shine.max() == pytest.approx(0.4, rel=1e-2)
    brightest = hit_points(drawn, camera)[shine.argmax()]
    # Mirrored in the plane z = 0, the lamp's ray through the pinhole meets the plane here.
    expected = camera.centre - lamp * [-1, -1, 1] * camera.centre[2] / lamp[2]
    np.testing.assert_allclose(brightest, expected, atol=2.0 / 120 * 1.1)
    dull = Lighting(to_lamp=lamp, highlight=0.4, exponent=5.0).mirrored(lit)
    assert dull.mean() > 5 * shine.mean()


def test_a_flash_is_mirrored_right_below_the_camera():
    camera = look_at((0.3, 0.1, 2.0), size_px=120, focal=1.0)
    drawn, _, lit = see(Shape.PLANE, camera)
    flash = Lighting(to_lamp=unit(1, 0, 1), flash=1.0, highlight=0.5, exponent=200.0)
    brightest = hit_points(drawn, camera)[flash.mirrored(lit).argmax()]
    np.testing.assert_allclose(brightest, [0.3, 0.1, 0.0], atol=0.04)


def test_no_highlight_where_the_lamp_is_behind_the_surface():
    _, _, lit = see(Shape.PLANE, TOP)
    grazing = Lighting(to_lamp=unit(1, 0, -0.01), highlight=1.0, exponent=2.0)
    assert (grazing.mirrored(lit) == 0).all()


def test_edges_stay_hard_and_round_things_smooth():
    cube, _ = make_surface(Shape.CUBE, subdivisions=2)
    expected = np.repeat(cube.face_normals()[:, None], 3, axis=1)
    at_edges = np.abs(corner_normals(cube) - expected).max(axis=(1, 2))
    assert at_edges.max() < 1e-6
    ball, _ = make_surface(Shape.SPHERE, subdivisions=6)
    outward = ball.vertices[ball.faces]
    assert np.abs(corner_normals(ball) - outward).max() < 0.12
    _, _, lit = see(Shape.CUBE, look_at((3.0, 2.0, 1.5), size_px=64, focal=1.2))
    assert len(np.unique(np.round(lit.normal, 4), axis=0)) == 3


def test_even_light_leaves_colours_and_light_is_linear():
    color = np.random.default_rng(0).uniform(size=(500, 3)).astype(np.float32)
    none = np.zeros(500, np.float32)
    same = relit(color, np.full(500, 0.7, np.float32), none)
    np.testing.assert_allclose(same, color, atol=2e-6)
    light = np.linspace(0.1, 1.0, 500, dtype=np.float32)
    shown = linear_from_srgb(relit(color, light, none))
    exposure = 1 / np.percentile(light, 90)
    expected = linear_from_srgb(color) * light[:, None] * exposure
    np.testing.assert_allclose(shown, expected, atol=3e-6)
    added = linear_from_srgb(relit(color, light, none + 0.25)) - shown
    np.testing.assert_allclose(added, 0.25, atol=3e-6)


def test_darkness_and_nothing_are_light_too():
    assert np.isfinite(relit(np.ones((4, 3), np.float32), *np.zeros((2, 4), np.float32))).all()
    assert relit(np.zeros((0, 3), np.float32), *np.zeros((2, 0), np.float32)).shape == (0, 3)


def test_lamps_are_drawn_above_the_horizon_and_move_without_their_surface():
    rng = np.random.default_rng(0)
    drawn = [Lighting.drawn(rng, shading=0.3, flash=0.2, highlight=0.1) for _ in range(200)]
    toward = np.stack([light.to_lamp for light in drawn])
    np.testing.assert_allclose(np.linalg.norm(toward, axis=1), 1.0)
    assert (toward[:, 2] >= 0.1).all()
    assert (np.abs(toward[:, :2].mean(axis=0)) < 0.12).all()
    assert min(light.exponent for light in drawn) > 5
    moved = drawn[0].with_lamp_moved(rng)
    assert np.abs(moved.to_lamp - drawn[0].to_lamp).max() > 0.05
    kept = ("shading", "flash", "highlight", "exponent")
    assert all(getattr(moved, name) == getattr(drawn[0], name) for name in kept)
