"""Carry an atlas across to another parametrisation of the same surface."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, UInt8, UInt16

from texsr.pipeline.atlas import TexturedMesh, uv_to_texel
from texsr.pipeline.color import to_integer
from texsr.pipeline.errors import DependencyError
from texsr.pipeline.mesh import Charts, Mesh
from texsr.pipeline.mipmap import bilinear
from texsr.pipeline.texture_plane import TexturePlane, bands, texel_centres, with_gutter

DEBIAN_PACKAGES = "libegl1 libgl1 libx11-6 libusb-1.0-0"
GUTTER_TX = 4

Stored = UInt8[np.ndarray, "H W c"] | UInt16[np.ndarray, "H W c"]


def transfer(
    source: TexturedMesh,
    mesh: Mesh,
    charts: Charts,
    *,
    size_tx: tuple[int, int],
    gutter_tx: int = GUTTER_TX,
) -> Stored:
    """Paint new charts with the colour of the nearest point of a textured surface.

    Both meshes show the same surface in the same coordinates; where a wall is thinner than the
    distance between them, the colour of its other side can win. Bilinear in the source's texels.

    Args:
        source: carries the colour; faces without texture give black.
        mesh: the surface in its new triangles.
        charts: parallel to it; all on one plane.
        size_tx: height and width of the new atlas.
        gutter_tx: texels around each chart that get the nearest one's colour.

    Returns:
        The new atlas, rows from the top; sample type and channels of the source's first atlas,
        alpha left out.

    Raises:
        DependencyError: a system library that Open3D needs is not there.
    """
    first = source.atlases[0]
    height, width = size_tx
    painted = np.zeros((height, width, first.num_color), first.stored.dtype)
    covered = np.zeros((height, width), bool)
    plane = TexturePlane(_as_surface(source, mesh, charts), 0)
    nearest = _NearestPoints(source.mesh)
    for rows in bands(height, width):
        face_id, bary = plane.under(texel_centres(rows, height=height, width=width))
        on_chart = face_id >= 0
        points = _places(mesh, face_id[on_chart], bary[on_chart])
        color = _color_at(source, *nearest.to(points))[:, : first.num_color]
        covered[rows] = on_chart.reshape(-1, width)
        painted[rows][covered[rows]] = to_integer(color, first.stored.dtype)
    return with_gutter(painted, covered, gutter_tx=gutter_tx)


class _NearestPoints:
    """Open3D's search for the closest point of a mesh, in the unit ball's single precision."""

    def __init__(self, mesh: Mesh) -> None:
        open3d = _import_open3d()
        self._tensor = open3d.core.Tensor
        low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
        self._centre = (low + high) / 2
        self._radius = float(np.linalg.norm(high - low)) / 2 or 1.0
        self._scene = open3d.t.geometry.RaycastingScene()
        self._scene.add_triangles(
            self._tensor(self._unit(mesh.vertices)), self._tensor(mesh.faces.astype(np.uint32))
        )

    def to(
        self, points: Float64[np.ndarray, "n 3"]
    ) -> tuple[Int32[np.ndarray, " n"], Float64[np.ndarray, "n 3"]]:
        """Give the nearest face, and the weights of its three corners there."""
        if len(points) == 0:
            return np.zeros(0, np.int32), np.zeros((0, 3))
        found = self._scene.compute_closest_points(self._tensor(self._unit(points)))
        second_third = found["primitive_uvs"].numpy().astype(np.float64)
        weights = np.concatenate([1 - second_third.sum(1, keepdims=True), second_third], axis=1)
        return found["primitive_ids"].numpy().astype(np.int32), weights

    def _unit(self, points: Float64[np.ndarray, "n 3"]) -> Float32[np.ndarray, "n 3"]:
        return ((points - self._centre) / self._radius).astype(np.float32)


def _import_open3d() -> Any:
    try:
        import open3d
    except (ImportError, OSError) as error:
        raise DependencyError(
            "transfer",
            found=f"Open3D cannot be imported ({str(error).splitlines()[0]})",
            expected="Open3D with the system libraries it links to",
            remedy=f"on Debian: apt-get install {DEBIAN_PACKAGES}",
        ) from error
    return open3d


def _as_surface(source: TexturedMesh, mesh: Mesh, charts: Charts) -> TexturedMesh:
    return TexturedMesh(path=source.path, mesh=mesh, charts=charts, atlases=source.atlases[:1])


def _places(
    mesh: Mesh, face_id: Int32[np.ndarray, " n"], bary: Float32[np.ndarray, "n 2"]
) -> Float64[np.ndarray, "n 3"]:
    """Give the world position of points inside faces."""
    corners = mesh.vertices[mesh.faces[face_id]]  # n 3 3
    first, second = bary[:, 0, None].astype(np.float64), bary[:, 1, None].astype(np.float64)
    return corners[:, 0] * first + corners[:, 1] * second + corners[:, 2] * (1 - first - second)


def _color_at(
    source: TexturedMesh, face_id: Int32[np.ndarray, " n"], weights: Float64[np.ndarray, "n 3"]
) -> Float32[np.ndarray, "n 3"]:
    """Look up the colour of points inside faces, each in its face's atlas."""
    charts = source.charts
    uv = np.einsum("nk,nkd->nd", weights, charts.uv[charts.uv_faces[face_id]])
    color = np.zeros((len(face_id), 3), np.float32)
    for index, atlas in enumerate(source.atlases):
        mine: Bool[np.ndarray, " n"] = charts.material_id[face_id] == index
        texel = uv_to_texel(uv[mine], height_tx=atlas.height_tx, width_tx=atlas.width_tx)
        color[mine] = bilinear(atlas.stored, texel, atlas.num_color)
    return color
