"""A triangle mesh, and its parametrisation kept apart from its geometry."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mesh:
    """A triangle surface in world coordinates."""

    vertices: Float64[np.ndarray, "v 3"]  # capture units, right-handed
    faces: Int32[np.ndarray, "f 3"]  # counter-clockwise seen from outside

    def face_normals(self) -> Float64[np.ndarray, "f 3"]:
        """Unit normals; zero for faces without area."""
        a, b, c = (self.vertices[self.faces[:, i]] for i in range(3))
        normals = np.cross(b - a, c - a)
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        return np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)

    def vertex_normals(self) -> Float64[np.ndarray, "v 3"]:
        """Area-weighted unit normals, shared by vertices at one place (split seams are welded)."""
        a, b, c = (self.vertices[self.faces[:, i]] for i in range(3))
        weighted = np.cross(b - a, c - a)
        _, place = np.unique(self.vertices, axis=0, return_inverse=True)
        place = place.reshape(-1)
        total = np.zeros((int(place.max(initial=-1)) + 1, 3))
        for corner in range(3):
            np.add.at(total, place[self.faces[:, corner]], weighted)
        normals = total[place]
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        return np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)

    def face_areas(self) -> Float64[np.ndarray, " f"]:
        """Areas in square capture units."""
        a, b, c = (self.vertices[self.faces[:, i]] for i in range(3))
        return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Charts:
    """Where each face of a mesh lies in the texture plane."""

    uv: Float64[np.ndarray, "t 2"]  # origin lower-left, v up
    uv_faces: Int32[np.ndarray, "f 3"]  # rows of `uv`, parallel to `Mesh.faces`
    chart_id: Int32[np.ndarray, " f"]  # 0 ... n-1, islands connected in uv
    material_id: Int32[np.ndarray, " f"]  # rows of `TexturedMesh.atlases`; -1: no texture

    def uv_areas(self) -> Float64[np.ndarray, " f"]:
        """Signed areas on the unit square; negative where the winding is mirrored."""
        a, b, c = (self.uv[self.uv_faces[:, i]] for i in range(3))
        return ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2


def label_charts(
    mesh: Mesh, uv: Float64[np.ndarray, "t 2"], uv_faces: Int32[np.ndarray, "f 3"]
) -> Int32[np.ndarray, " f"]:
    """Number the islands of faces that are connected in uv.

    Corners are welded by position *and* uv first: exporters repeat rows of `v` and `vt`.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if len(uv_faces) == 0:
        return np.zeros(0, np.int32)
    corner = np.concatenate(
        [mesh.vertices[mesh.faces.reshape(-1)], uv[uv_faces.reshape(-1)]], axis=1
    )
    _, welded = np.unique(corner, axis=0, return_inverse=True)
    nodes = welded.reshape(-1, 3)
    rows = np.concatenate([nodes[:, 0], nodes[:, 1]])
    cols = np.concatenate([nodes[:, 1], nodes[:, 2]])
    size = int(nodes.max()) + 1
    graph = coo_array((np.ones(len(rows), np.int8), (rows, cols)), shape=(size, size))
    _, label = connected_components(graph, directed=False)
    _, chart = np.unique(label[nodes[:, 0]], return_inverse=True)
    return chart.reshape(-1).astype(np.int32)
