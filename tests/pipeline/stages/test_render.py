from dataclasses import replace

import numpy as np
import pytest

from tests.scene_cameras import look_at, orbit
from tests.scenes import Shape, make_scene, render_photo
from texsr.pipeline.camera import Camera
from texsr.pipeline.color import to_integer
from texsr.pipeline.errors import DependencyError
from texsr.pipeline.scene import Scene, paint_from
from texsr.pipeline.stages.render import Backend, render_reference_views, render_view


@pytest.fixture(scope="module")
def cube():
    return make_scene(Shape.CUBE, low_tx=64, cameras=orbit(2, size_px=80))


def truth_of(scene):
    return to_integer(scene.truth, np.dtype(np.uint16))


def test_cube_has_its_analytic_colour(cube):
    for view in cube.views:
        drawn = render_view(cube.surface, [truth_of(cube)], view.camera, supersample=3)
        exact, full = render_photo(cube.surface.mesh, cube.color_of, view.camera)
        assert full.mean() > 0.1
        assert np.abs(drawn.color - exact)[full].max() < 0.01
        assert drawn.share[full].min() == 1.0


def test_depth_and_normal_of_a_tilted_plane_are_exact():
    scene = make_scene(Shape.PLANE, cameras=[])
    camera = look_at(np.array([0.7, -0.4, 2.5]), size_px=40, focal=1.6)
    drawn = render_view(scene.surface, [None], camera)
    y, x = np.nonzero(drawn.hit)
    assert len(x) > 400
    points = camera.unproject(np.stack([x, y], axis=1) + 0.5, drawn.depth[y, x].astype(np.float64))
    assert np.abs(points[:, 2]).max() < 1e-6
    assert np.allclose(drawn.normal[drawn.hit], [0, 0, 1])
    assert np.isinf(drawn.depth[~drawn.hit]).all()
    assert (drawn.color[drawn.hit] == 0.5).all()


def test_far_camera_sees_averages_and_no_aliases():
    scene = make_scene(Shape.PLANE, cameras=[])
    board = (np.indices((512, 512)).sum(axis=0) % 2 * 255).astype(np.uint8)
    camera = look_at(np.array([0.0, 0.0, 9.0]), size_px=24, focal=1.2)
    drawn = render_view(scene.surface, [np.repeat(board[..., None], 3, axis=2)], camera)
    inner = drawn.share == 1.0
    assert inner.any()
    assert np.abs(drawn.color[inner] - 0.5).max() < 0.02


def test_pixel_centre_meets_the_texel_under_it():
    scene = make_scene(Shape.PLANE, cameras=[])
    rng = np.random.default_rng(5)
    stored = rng.integers(0, 256, (50, 50, 3), dtype=np.uint8)
    # The chart leaves 6 % free on every side: 44 texels span the plane of side 2, one a pixel.
    K = np.array([[220.0, 0, 22.0], [0, 220.0, 22.0], [0, 0, 1.0]])
    pose = np.diag([1.0, -1.0, -1.0, 1.0])
    pose[2, 3] = 10.0
    camera = Camera(K=K, cam_from_world=pose, width_px=44, height_px=44)
    drawn = render_view(scene.surface, [stored], camera, supersample=1)
    assert drawn.hit.all()
    assert np.abs(drawn.color - stored[3:47, 3:47] / np.float32(255)).max() < 1e-3


def test_one_cast_draws_many_paints(cube):
    black = np.zeros((8, 8, 1), np.uint8)
    paints = [paint_from([truth_of(cube)]), paint_from([black])]
    both = Scene(cube.surface).draw(paints, cube.views[0].camera)
    alone = render_view(cube.surface, [truth_of(cube)], cube.views[0].camera)
    assert np.array_equal(both[0].color, alone.color)
    assert both[1].color.max() == 0.0
    backdrop = both[1].over(np.ones(3, np.float32))
    assert backdrop[both[1].share == 0].min() == 1.0


def test_several_materials_each_take_their_own_texture(cube):
    charts = cube.surface.charts
    on_top = cube.surface.mesh.face_normals()[:, 2] > 0.5
    split = replace(charts, material_id=on_top.astype(np.int32))
    surface = replace(cube.surface, charts=split, atlases=cube.surface.atlases * 2)
    red, blue = np.zeros((2, 4, 4, 3), np.uint8)
    red[..., 0] = blue[..., 2] = 255
    corner = look_at(np.array([3.0, 2.0, 3.0]), size_px=40, focal=1.2)
    drawn = render_view(surface, [red, blue], corner, supersample=1)
    seen = np.unique(np.rint(drawn.color[drawn.hit] * 255), axis=0)
    assert seen.tolist() == [[0, 0, 255], [255, 0, 0]]


def test_uv_beyond_the_square_repeats_the_texture(cube):
    charts = cube.surface.charts
    moved = replace(cube.surface, charts=replace(charts, uv=charts.uv + np.array([3.0, -2.0])))
    camera = cube.views[0].camera
    here, there = (render_view(s, [truth_of(cube)], camera) for s in (cube.surface, moved))
    assert np.abs(here.color - there.color).max() < 1e-5


@pytest.mark.gl
def test_pyrender_and_rays_draw_the_same_framing(cube):
    skewed = replace(
        cube.views[0].camera,
        K=np.array([[100.0, 3.0, 45.0], [0.0, 90.0, 30.0], [0.0, 0.0, 1.0]]),
        width_px=90,
        height_px=70,
    )
    cameras = [skewed, cube.views[1].camera]
    texture = truth_of(cube)[:, :253]
    try:
        drawn = list(
            render_reference_views(cube.surface, [texture], cameras, backend=Backend.PYRENDER)
        )
    except DependencyError as error:
        pytest.skip(str(error))
    cast = list(render_reference_views(cube.surface, [texture], cameras, backend=Backend.RAYS))
    for gl, rays in zip(drawn, cast, strict=True):
        assert gl.color.shape == rays.color.shape
        both = gl.valid & rays.valid
        assert both.mean() > 0.1
        middle = [np.argwhere(photo.valid).mean(axis=0) for photo in (gl, rays)]
        assert np.abs(middle[0] - middle[1]).max() < 0.15
        drawn_float = gl.color.astype(float)
        here = np.abs(drawn_float - rays.color)[both].mean()
        assert here < 3.0
        for axis in (0, 1):
            moved = np.abs(np.roll(drawn_float, 1, axis) - rays.color)[both].mean()
            assert moved > 2 * here


def test_without_opengl_rays_draw_and_pyrender_is_named(cube, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyrender", None)
    camera = [cube.views[0].camera]
    texture = [truth_of(cube)]
    fallen_back = next(render_reference_views(cube.surface, texture, camera))
    assert fallen_back.valid.any()
    with pytest.raises(DependencyError, match="libegl1"):
        next(render_reference_views(cube.surface, texture, camera, backend=Backend.PYRENDER))
