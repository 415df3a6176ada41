"""Geometry without texture coordinates, in any container that trimesh knows."""

from pathlib import Path

import numpy as np

from texsr.pipeline.errors import CaptureError
from texsr.pipeline.mesh import Mesh

SUFFIXES = (".stl", ".off", ".ply", ".obj", ".glb")


def read_bare_mesh(path: Path) -> Mesh:
    """Read positions and triangles alone; corners at the same place become one vertex.

    Faces keep their order. Materials, texture coordinates and what else the file names are not
    opened.

    Raises:
        CaptureError: no such file, an unknown container, or no usable triangle in it.
    """
    import trimesh

    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        raise _unusable(path, "no such mesh file")
    try:
        loaded = trimesh.load_mesh(str(path), process=False, skip_materials=True)
    except Exception as error:  # each of trimesh's readers raises what its parsing happens to raise
        raise _unusable(path, f"{type(error).__name__}: {error}".splitlines()[0]) from error
    if len(loaded.faces) == 0 or not np.isfinite(loaded.vertices).all():
        raise _unusable(path, "no triangles with finite corners")
    vertices, place = np.unique(
        np.asarray(loaded.vertices, np.float64), axis=0, return_inverse=True
    )
    faces = place.reshape(-1)[np.asarray(loaded.faces)]
    return Mesh(vertices=vertices, faces=faces.astype(np.int32))


def _unusable(path: Path, found: str) -> CaptureError:
    return CaptureError(
        path,
        found=found,
        expected=f"a triangle mesh: {', '.join(SUFFIXES)}",
        remedy="export the mesh again, for example as PLY",
    )
