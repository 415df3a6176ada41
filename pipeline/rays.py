"""Rays against a mesh: the first face that each one meets, and whether a line of sight is free."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, final

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32

from texsr.pipeline.mesh import Mesh

CHUNK_RAYS = 1 << 16

# Embree works in single precision on the unit ball: 1e-4 radii stay clear of its rounding at
# grazing angles, and are a tenth of a millimetre on an object of two metres.
CLEARANCE_RADII = 1e-4

# A ray exactly through a vertex can slip between the faces around it; turned by this much
# (radians), it no longer does.
NUDGE = 1e-6


class Hits(NamedTuple):
    """What each ray met first."""

    face_id: Int32[np.ndarray, " n"]  # -1: nothing
    distance: Float64[np.ndarray, " n"]  # in lengths of the ray's direction; inf where nothing
    bary: Float32[np.ndarray, "n 2"]  # weights of corners 0 and 1; 0 where nothing


@final
class RayCaster:
    """A mesh prepared for rays. Both sides of a face stop a ray; faces without area stop none.

    Embree (through embreex, which needs no system library) finds the face in single precision on
    a mesh moved to the unit ball; distance and barycentrics are then solved in double precision.
    """

    def __init__(self, mesh: Mesh, *, threads: int | None = None) -> None:
        """Build the search tree.

        Args:
            mesh: the surface; up to some millions of faces.
            threads: rays are cast on this many; None: one for each core that we may use.
        """
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene

        self.mesh = mesh
        self._threads = threads or _num_cores()
        used = mesh.vertices[np.unique(mesh.faces)] if len(mesh.faces) else np.zeros((1, 3))
        self._centre = (used.min(axis=0) + used.max(axis=0)) / 2
        self._radius = float(np.linalg.norm(used - self._centre, axis=1).max()) or 1.0
        # Without the robust flag a tenth of the rays along edges pass between two faces.
        self._scene = EmbreeScene(robust=True)
        if len(mesh.faces):
            unit = ((mesh.vertices - self._centre) / self._radius).astype(np.float32)
            TriangleMesh(self._scene, unit, mesh.faces)

    @property
    def centre(self) -> Float64[np.ndarray, " 3"]:
        """Middle of the bounding box, in world coordinates."""
        return self._centre

    @property
    def radius(self) -> float:
        """Radius of the ball around `centre` that holds the mesh, in capture units."""
        return self._radius

    def first_hit(
        self, origins: Float64[np.ndarray, "n 3"], directions: Float64[np.ndarray, "n 3"]
    ) -> Hits:
        """Find the nearest face along each ray.

        Args:
            origins: world coordinates, capture units.
            directions: of any length; distances count in it.
        """
        size = len(origins)
        face_id = np.full(size, -1, np.int32)
        distance = np.full(size, np.inf)
        bary = np.zeros((size, 2), np.float32)

        def work(part: slice) -> None:
            start, unit = self._enter(origins[part], directions[part])
            found = self._intersect(start, unit)
            hit = np.flatnonzero(found >= 0)
            face_id[part] = found
            exact = _solve(self.mesh, found[hit], origins[part][hit], directions[part][hit])
            distance[part][hit], bary[part][hit] = exact

        self._spread(work, size)
        return Hits(face_id, distance, bary)

    def blocked(
        self,
        origins: Float64[np.ndarray, "n 3"],
        targets: Float64[np.ndarray, "n 3"],
        *,
        clearance: float | None = None,
    ) -> Bool[np.ndarray, " n"]:
        """Tell where the mesh stands between two points, such as a pinhole and a surface point.

        Args:
            origins: world coordinates, capture units.
            targets: world coordinates; usually on the mesh.
            clearance: hits nearer than this to the target do not count, in capture units;
                None: 1e-4 of the mesh's radius.
        """
        blocked = np.zeros(len(origins), bool)
        gap = CLEARANCE_RADII * self._radius if clearance is None else clearance

        def work(part: slice) -> None:
            start, _ = self._enter(origins[part], targets[part] - origins[part])
            end = (targets[part] - self._centre) / self._radius
            length = np.linalg.norm(end - start, axis=1)
            reach = 1.0 - np.divide(
                gap / self._radius, length, out=np.ones_like(length), where=length > 0
            )
            wanted = np.flatnonzero(reach > 0)
            if len(wanted) == 0:
                return
            met = self._scene.run(
                start[wanted].astype(np.float32),
                (end - start)[wanted].astype(np.float32),
                dists=reach[wanted].astype(np.float32),
                query="OCCLUDED",
            )
            blocked[part][wanted] = met >= 0

        self._spread(work, len(origins))
        return blocked

    def _spread(self, work: Callable[[slice], None], size: int) -> None:
        """Run `work` over slices of `range(size)` on threads; Embree and NumPy free the lock."""
        if size == 0 or len(self.mesh.faces) == 0:
            return
        with ThreadPoolExecutor(self._threads) as pool:
            for _ in pool.map(work, _chunks(size)):
                pass

    def _enter(
        self, origins: Float64[np.ndarray, "n 3"], directions: Float64[np.ndarray, "n 3"]
    ) -> tuple[Float64[np.ndarray, "n 3"], Float64[np.ndarray, "n 3"]]:
        """Give rays in unit-ball coordinates; far origins move up to the ball, for precision."""
        length = np.linalg.norm(directions, axis=1, keepdims=True)
        unit = np.divide(directions, length, out=np.zeros_like(directions), where=length > 0)
        start = (origins - self._centre) / self._radius
        ahead = -np.einsum("ij,ij->i", start, unit) - 1.0
        within = np.minimum(np.maximum(ahead, 0.0), length[:, 0] / self._radius)
        return start + within[:, None] * unit, unit

    def _intersect(
        self, start: Float64[np.ndarray, "n 3"], unit: Float64[np.ndarray, "n 3"]
    ) -> Int32[np.ndarray, " n"]:
        """Give the face that each ray meets; rays that pass by are cast again, nudged."""
        origins, directions = start.astype(np.float32), unit.astype(np.float32)
        found: np.ndarray = self._scene.run(origins, directions, query="INTERSECT")
        aside = start - np.einsum("ij,ij->i", start, unit)[:, None] * unit
        again = np.flatnonzero((found < 0) & (np.einsum("ij,ij->i", aside, aside) < 1.0))
        if len(again):
            nudged = directions[again] + np.float32(NUDGE) * np.roll(directions[again], 1, axis=1)
            found[again] = self._scene.run(origins[again], nudged, query="INTERSECT")
        return found


def _solve(
    mesh: Mesh,
    face_id: Int32[np.ndarray, " n"],
    origins: Float64[np.ndarray, "n 3"],
    directions: Float64[np.ndarray, "n 3"],
) -> tuple[Float64[np.ndarray, " n"], Float32[np.ndarray, "n 2"]]:
    """Solve distance and barycentrics on faces that are known to be hit.

    Single precision may have picked the neighbour across an edge: weights are brought back into
    the face, and the distance is that of the point they give.
    """
    a, b, c = (mesh.vertices[mesh.faces[face_id, corner]] for corner in range(3))
    normal = np.cross(b - a, c - a)
    square = np.einsum("ij,ij->i", normal, normal)
    slope = np.einsum("ij,ij->i", directions, normal)
    ahead = np.einsum("ij,ij->i", a - origins, normal)
    along = np.divide(ahead, slope, out=np.zeros_like(ahead), where=slope != 0)
    point = origins + along[:, None] * directions
    weights = np.stack(
        [
            np.einsum("ij,ij->i", np.cross(c - b, point - b), normal),
            np.einsum("ij,ij->i", np.cross(a - c, point - c), normal),
            np.einsum("ij,ij->i", np.cross(b - a, point - a), normal),
        ],
        axis=1,
    )
    weights = np.maximum(weights / np.maximum(square, np.finfo(np.float64).tiny)[:, None], 0.0)
    total = weights.sum(axis=1, keepdims=True)
    weights = np.divide(weights, total, out=np.full_like(weights, 1 / 3), where=total > 0)
    inside = a * weights[:, :1] + b * weights[:, 1:2] + c * weights[:, 2:]
    reach = np.einsum("ij,ij->i", directions, directions)
    distance = np.einsum("ij,ij->i", inside - origins, directions) / reach
    return distance, weights[:, :2].astype(np.float32)


def _chunks(size: int) -> Iterator[slice]:
    for first in range(0, size, CHUNK_RAYS):
        yield slice(first, min(first + CHUNK_RAYS, size))


def _num_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
