"""Seams are the edges where charts part, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from tests.scene_variants import with_empty_faces
from tests.scenes import Shape, make_scene, make_surface
from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.seams import find_seams


def surface_of(shape: Shape, subdivisions: int) -> TexturedMesh:
    scene = make_scene(Shape.PLANE, low_tx=8, cameras=[])
    mesh, charts = make_surface(shape, subdivisions=subdivisions)
    return replace(scene.surface, mesh=mesh, charts=charts)


def test_a_cube_has_the_twelve_edges_of_its_sides():
    seams = find_seams(surface_of(Shape.CUBE, 3), 0)
    assert len(seams.length) == 12 * 3
    assert seams.length.sum() == pytest.approx(12 * 2.0)


def test_both_sides_show_the_same_points_of_the_surface():
    surface = surface_of(Shape.SPHERE, 4)
    seams = find_seams(surface, 0)
    mesh, charts = surface.mesh, surface.charts
    for end in (0, 1):
        for side in (0, 1):
            face = seams.face_ids[:, side]
            corner_uv = charts.uv[charts.uv_faces[face]]  # e 3 2
            corner = (corner_uv == seams.uv[:, side, end][:, None]).all(axis=2).argmax(axis=1)
            here = mesh.vertices[mesh.faces[face, corner]]
            if side == 0:
                expected = here
        np.testing.assert_array_equal(here, expected)
    np.testing.assert_array_equal(seams.uv_at(0.0), seams.uv[:, :, 0])
    np.testing.assert_allclose(seams.uv_at(0.5), seams.uv.mean(axis=2))


def test_there_are_none_within_a_chart_or_on_a_rim_or_in_another_atlas():
    assert len(find_seams(surface_of(Shape.PLANE, 3), 0).length) == 0
    assert len(find_seams(surface_of(Shape.CUBE, 3), 1).length) == 0


def test_vertices_split_at_seams_are_welded():
    surface = surface_of(Shape.CUBE, 2)
    mesh = surface.mesh
    split = replace(
        mesh,
        vertices=mesh.vertices[mesh.faces.reshape(-1)],
        faces=np.arange(mesh.faces.size, dtype=np.int32).reshape(-1, 3),
    )
    assert len(find_seams(replace(surface, mesh=split), 0).length) == 12 * 2


def test_faces_without_area_are_passed_over():
    scene = make_scene(Shape.CUBE, low_tx=8, cameras=[])
    plain, empty = (find_seams(one.surface, 0) for one in (scene, with_empty_faces(scene, count=5)))
    assert len(plain.length) == len(empty.length)
