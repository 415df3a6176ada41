"""Normals, areas and charts of simple solids."""

import numpy as np
import pytest

from tests.scenes import Shape, make_surface
from texsr.pipeline.atlas import texel_to_uv, uv_to_texel
from texsr.pipeline.mesh import Charts, Mesh, label_charts


def test_a_cube_has_the_normals_and_areas_of_a_cube():
    mesh, charts = make_surface(Shape.CUBE, subdivisions=3)
    normals = mesh.face_normals()
    assert set(map(tuple, np.round(np.abs(normals), 9).tolist())) == {
        (1, 0, 0),
        (0, 1, 0),
        (0, 0, 1),
    }
    middle = mesh.vertices[mesh.faces].mean(axis=1)
    assert (np.einsum("ij,ij->i", normals, middle) > 0.99).all()
    assert mesh.face_areas().sum() == pytest.approx(24.0)
    assert len(np.unique(charts.chart_id)) == 6
    assert (charts.uv_areas() > 0).all()


def test_faces_without_area_have_no_normal_and_poison_no_vertex():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [2, 0, 0]], np.float64)
    mesh = Mesh(vertices=vertices, faces=np.array([[0, 1, 2], [0, 1, 3], [2, 2, 2]], np.int32))
    assert mesh.face_normals().tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert mesh.face_areas().tolist() == [0.5, 0, 0]
    normals = mesh.vertex_normals()
    assert normals[:3].tolist() == [[0, 0, 1]] * 3
    assert normals[3].tolist() == [0, 0, 0]


def test_vertices_split_at_a_seam_share_their_normal():
    mesh, _ = make_surface(Shape.SPHERE, subdivisions=4)
    split = Mesh(
        vertices=mesh.vertices[mesh.faces.reshape(-1)],
        faces=np.arange(mesh.faces.size, dtype=np.int32).reshape(-1, 3),
    )
    joined = mesh.vertex_normals()[mesh.faces.reshape(-1)]
    np.testing.assert_allclose(split.vertex_normals(), joined, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(joined, axis=1), 1.0)


def test_larger_faces_weigh_more_in_a_vertex_normal():
    vertices = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0], [0, 0, 1]], np.float64)
    mesh = Mesh(vertices=vertices, faces=np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    expected = np.array([4.0, 0.0, 16.0]) / np.hypot(4, 16)
    np.testing.assert_allclose(mesh.vertex_normals()[0], expected)


def test_islands_are_counted_by_place_not_by_row():
    """Rows of v and vt that exporters repeat join; faces that touch at a corner of uv join too."""
    mesh, charts = make_surface(Shape.CUBE, subdivisions=2)
    loose = Mesh(
        vertices=mesh.vertices[mesh.faces.reshape(-1)],
        faces=np.arange(mesh.faces.size, dtype=np.int32).reshape(-1, 3),
    )
    uv = charts.uv[charts.uv_faces.reshape(-1)]
    again = label_charts(loose, uv, loose.faces)
    pairs = set(zip(again.tolist(), charts.chart_id.tolist(), strict=True))
    assert len(pairs) == 6
    assert label_charts(loose, np.zeros((0, 2)), np.zeros((0, 3), np.int32)).shape == (0,)


def test_mirrored_charts_have_negative_areas():
    charts = Charts(
        uv=np.array([[0.0, 0], [1, 0], [0, 1]]),
        uv_faces=np.array([[0, 1, 2], [0, 2, 1]], np.int32),
        chart_id=np.zeros(2, np.int32),
        material_id=np.zeros(2, np.int32),
    )
    assert charts.uv_areas().tolist() == [0.5, -0.5]


def test_uv_and_texels_are_two_names_of_a_place():
    uv = np.random.default_rng(0).uniform(-1, 2, (50, 2))
    texel = uv_to_texel(uv, height_tx=7, width_tx=13)
    np.testing.assert_allclose(texel_to_uv(texel, height_tx=7, width_tx=13), uv, atol=1e-12)
    corner = uv_to_texel(np.array([[0.0, 1.0]]), height_tx=7, width_tx=13)
    assert corner.tolist() == [[0.0, 0.0]]
