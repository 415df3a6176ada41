"""Where charts part: mesh edges whose two faces lie apart in uv."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.mesh import Charts

MIN_UV_AREA = 1e-14  # of the unit square; below it a face holds no texels to agree with


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seams:
    """Edges of the surface that two places of the atlas show.

    Both sides run in the same direction: (1 - t) start + t end is one point of the surface.
    """

    face_ids: Int64[np.ndarray, "e 2"]  # the faces on either side
    uv: Float64[np.ndarray, "e 2 2 2"]  # side, end, (u, v)
    length: Float64[np.ndarray, " e"]  # capture units

    def uv_at(self, share: float) -> Float64[np.ndarray, "e 2 2"]:
        """The uv of a point of every edge, on both sides; `share` runs from 0 to 1 along it."""
        return self.uv[:, :, 0] * (1.0 - share) + self.uv[:, :, 1] * share


def find_seams(surface: TexturedMesh, atlas_index: int) -> Seams:
    """Find the seams between faces of one atlas.

    Vertices are welded by position, since exporters repeat them at seams. Faces without uv area are
    passed over. Where more than two faces share an edge, each is compared with the next.
    """
    mesh, charts = surface.mesh, surface.charts
    used = charts.material_id == atlas_index
    used &= np.abs(charts.uv_areas()) > MIN_UV_AREA
    face_ids = np.flatnonzero(used)
    vertices, place = np.unique(mesh.vertices, axis=0, return_inverse=True)
    node = place.reshape(-1)[mesh.faces[face_ids]]  # f 3
    start, end = node, np.roll(node, -1, axis=1)
    low, high = np.minimum(start, end).ravel(), np.maximum(start, end).ravel()
    code = low.astype(np.int64) * (len(vertices) + 1) + high
    order = np.argsort(code, kind="stable")
    same = (code[order][1:] == code[order][:-1]) & (low != high)[order][1:]
    pairs = np.stack([order[:-1][same], order[1:][same]], axis=1)  # half-edges of one edge
    uv = _uv_from_low_to_high(charts, face_ids, start.ravel() == low)[pairs]
    apart = (uv[:, 0] != uv[:, 1]).any(axis=(1, 2))
    first = pairs[apart, 0]
    length = np.linalg.norm(vertices[high[first]] - vertices[low[first]], axis=1)
    return Seams(face_ids=face_ids[pairs[apart] // 3], uv=uv[apart], length=length)


def _uv_from_low_to_high(
    charts: Charts, face_ids: Int64[np.ndarray, " f"], forward: np.ndarray
) -> Float64[np.ndarray, "h 2 2"]:
    """The uv at both ends of every half-edge, from its lower welded vertex to the higher."""
    corners = charts.uv[charts.uv_faces[face_ids]]  # f 3 2
    ends = np.stack([corners, np.roll(corners, -1, axis=1)], axis=2).reshape(-1, 2, 2)
    return np.where(forward[:, None, None], ends, ends[:, ::-1])
