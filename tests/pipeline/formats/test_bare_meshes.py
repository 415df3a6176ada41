"""Geometry alone, from every container: the same solid, and its faults."""

import numpy as np
import pytest
import trimesh

from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.bare_meshes import SUFFIXES, read_bare_mesh


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_container_gives_the_same_solid(tmp_path, suffix) -> None:
    solid = trimesh.creation.icosphere(subdivisions=1, radius=2.0)
    path = tmp_path / f"solid{suffix}"
    solid.export(path)
    mesh = read_bare_mesh(path)
    assert mesh.vertices.shape == (42, 3)
    corners = mesh.vertices[mesh.faces]
    np.testing.assert_allclose(corners, solid.triangles, atol=1e-6)


def test_materials_are_not_opened(tmp_path) -> None:
    path = tmp_path / "solid.obj"
    path.write_text("mtllib ../../away.mtl\nusemtl a\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    assert read_bare_mesh(path).faces.shape == (1, 3)


FAULTS = {
    "absent": ("none.stl", None, "no such mesh file"),
    "unknown": ("mesh.step", b"ISO-10303-21;", "no such mesh file"),
    "empty": ("mesh.stl", b"", "no triangles"),
    "not a mesh": ("mesh.glb", b"glTF" + bytes(40), "rror"),
    "not finite": ("mesh.obj", b"v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "finite"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_told_in_four_parts(tmp_path, fault) -> None:
    name, content, found = FAULTS[fault]
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CaptureError, match=f"{name}: found .*{found}.*; expected .*export"):
        read_bare_mesh(path)
