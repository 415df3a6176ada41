"""Rasterising whole charts: which edges are borders, in chunks, and single texels looked up."""

from pathlib import Path

import numpy as np

from tests.drawn_triangles import whole
from tests.scenes import Shape, make_scene, make_surface
from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.mesh import Charts, Mesh
from texsr.pipeline.stages import rasterize as drawing
from texsr.pipeline.stages.rasterize import border_edges, on_charts, rasterize
from texsr.pipeline.tile import Region


def test_of_two_borders_equally_near_the_lower_face_is_taken():
    left = [(2, 0), (6, 0), (6, 16)]
    right = [(9, 0), (13, 0), (9, 16)]
    got = whole(np.array([right, left], np.float64), conservative_tx=2.0)
    assert (got.face_id[3:13, 7] == 0).all()
    got = whole(np.array([left, right], np.float64), conservative_tx=2.0)
    assert (got.face_id[3:13, 7] == 0).all()


def test_a_face_collapsed_in_uv_has_no_border():
    nowhere = np.array([[(5, 5), (5, 5), (5, 5)], [(2, 2), (9, 9), (4, 4)]], np.float64)
    assert not whole(nowhere, conservative_tx=2.0).covered.any()
    triangle = np.array([[(1, 1), (15, 1), (1, 15)]], np.float64)
    on_its_rim = np.array([[(1, 1), (15, 1), (15, 1)]], np.float64)
    alone = whole(triangle, conservative_tx=2.0)
    both = whole(np.concatenate([triangle, on_its_rim]), conservative_tx=2.0)
    np.testing.assert_array_equal(both.face_id, alone.face_id)


def test_edges_inside_a_chart_are_no_borders():
    mesh, charts = make_surface(Shape.PLANE, subdivisions=3)
    face_ids = np.arange(len(mesh.faces), dtype=np.int32)
    face, corner = border_edges(mesh, charts, face_ids)
    assert len(face) == 4 * 3
    uv = charts.uv[charts.uv_faces[face]]
    rows = np.arange(len(face))
    ends = np.stack([uv[rows, corner], uv[rows, (corner + 1) % 3]])
    low, high = charts.uv.min(axis=0), charts.uv.max(axis=0)
    on_rim = (np.abs(ends - low) < 1e-12) | (np.abs(ends - high) < 1e-12)
    assert on_rim.all(axis=0).any(axis=1).all()


def test_repeated_rows_of_position_and_uv_are_one_place():
    """Exporters repeat rows: an edge within a chart stays one."""
    mesh, charts = make_surface(Shape.PLANE, subdivisions=2)
    loose_mesh = Mesh(
        vertices=mesh.vertices[mesh.faces.reshape(-1)],
        faces=np.arange(mesh.faces.size, dtype=np.int32).reshape(-1, 3),
    )
    loose = Charts(
        uv=charts.uv[charts.uv_faces.reshape(-1)],
        uv_faces=loose_mesh.faces,
        chart_id=charts.chart_id,
        material_id=charts.material_id,
    )
    face_ids = np.arange(len(mesh.faces), dtype=np.int32)
    assert len(border_edges(loose_mesh, loose, face_ids)[0]) == 4 * 2


def test_a_plane_with_many_faces_is_cut_into_chunks_without_a_trace(monkeypatch):
    mesh, charts = make_surface(Shape.CUBE, subdivisions=6)
    surface = TexturedMesh(path=Path("cube.obj"), mesh=mesh, charts=charts, atlases=())
    region = Region(x=0, y=0, width=64, height=64)
    at_once = rasterize(surface, 0, (64, 64), region, conservative_tx=1.0)
    monkeypatch.setattr("texsr.pipeline.stages.rasterize.CHUNK_TEXELS", 50)
    cut = rasterize(surface, 0, (64, 64), region, conservative_tx=1.0)
    np.testing.assert_array_equal(cut.face_id, at_once.face_id)
    np.testing.assert_array_equal(cut.bary, at_once.bary)


def test_texels_are_looked_up_as_the_whole_plane_has_them(monkeypatch):
    monkeypatch.setattr(drawing, "LOOKED_UP_TX", 7)
    surface = make_scene(Shape.CUBE, low_tx=16, cameras=[]).surface
    whole = rasterize(surface, 0, (24, 33), Region(x=0, y=0, width=33, height=24)).covered
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(24, size=900), rng.integers(33, size=900)
    found = on_charts(surface, 0, (24, 33), rows, columns)
    np.testing.assert_array_equal(found, whole[rows, columns])
    assert 0 < found.mean() < 1
    assert len(on_charts(surface, 0, (24, 33), rows[:0], columns[:0])) == 0
