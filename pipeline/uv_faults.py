"""What can be wrong with a parametrisation, counted."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from texsr.pipeline.mesh import Charts, Mesh

# Stacked charts are searched on a plane of at most this many texels a side: enough to find every
# overlap a person would care for, in a second.
SEARCH_SIDE_TX = 1024
CHUNK_TEXELS = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class UvFaults:
    """Faults of the charts; all zero where nothing is wrong."""

    faces_without_area: int  # on the surface
    faces_without_uv_area: int
    faces_without_texture: int
    faces_outside: int  # with a corner outside the unit square
    mirrored_faces: int  # wound against most faces
    stacked_share: float  # of the covered texels, claimed by more than one face


def find_uv_faults(mesh: Mesh, charts: Charts, sizes_tx: list[tuple[int, int]]) -> UvFaults:
    """Count the faults of a parametrisation.

    Args:
        sizes_tx: height and width of each atlas that `charts.material_id` counts.
    """
    signed = charts.uv_areas()
    turning = signed[signed != 0]
    positive = int((turning > 0).sum())
    corners = charts.uv[charts.uv_faces]  # f 3 2
    slack = 1e-6  # exporters round
    outside = ((corners < -slack) | (corners > 1 + slack)).any(axis=(1, 2))
    return UvFaults(
        faces_without_area=int((mesh.face_areas() == 0).sum()),
        faces_without_uv_area=int((signed == 0).sum()),
        faces_without_texture=int((charts.material_id < 0).sum()),
        faces_outside=int(outside.sum()),
        mirrored_faces=min(positive, len(turning) - positive),
        stacked_share=_stacked_share(charts, corners, sizes_tx),
    )


def _stacked_share(
    charts: Charts, corners: Float64[np.ndarray, "f 3 2"], sizes_tx: list[tuple[int, int]]
) -> float:
    covered = stacked = 0
    for material, (height, width) in enumerate(sizes_tx):
        shrink = min(1.0, SEARCH_SIDE_TX / max(height, width))
        rows, columns = max(1, round(height * shrink)), max(1, round(width * shrink))
        triangles = corners[charts.material_id == material] * [columns, rows]
        claims = count_claims(triangles, height=rows, width=columns)
        covered += int((claims > 0).sum())
        stacked += int((claims > 1).sum())
    return stacked / covered if covered else 0.0


def count_claims(
    triangles: Float64[np.ndarray, "f 3 2"], *, height: int, width: int
) -> Int64[np.ndarray, "h w"]:
    """Count the triangles that strictly contain each pixel centre of a plane.

    Centres on an edge count for neither side, so neighbours never look stacked.

    Args:
        triangles: corners (x, y) in pixels; what lies outside the plane is ignored.
    """
    claims = np.zeros(height * width, np.int64)
    low = np.floor(triangles.min(axis=1)).astype(np.int64)
    high = np.ceil(triangles.max(axis=1)).astype(np.int64)
    low = np.clip(low, 0, [width, height])
    extent = np.clip(high, 0, [width, height]) - low  # f 2
    for chosen, span in _like_sized(extent):
        x = low[chosen, 0, None, None] + np.arange(span[0])[None, None, :]
        y = low[chosen, 1, None, None] + np.arange(span[1])[None, :, None]
        x, y = np.broadcast_arrays(x, y)
        inside = _contains(triangles[chosen], x + 0.5, y + 0.5) & (x < width) & (y < height)
        claims += np.bincount((y * width + x)[inside], minlength=len(claims))
    return claims.reshape(height, width)


def _like_sized(
    extent: Int64[np.ndarray, "f 2"],
) -> Iterator[tuple[Int64[np.ndarray, " c"], tuple[int, int]]]:
    """Group faces whose boxes round up to the same powers of two, in chunks of bounded size."""
    seen = (extent > 0).all(axis=1)
    power = np.ceil(np.log2(np.maximum(extent, 1))).astype(np.int64)
    for columns, rows in np.unique(power[seen], axis=0):
        like = np.flatnonzero(seen & (power[:, 0] == columns) & (power[:, 1] == rows))
        span = (int(2**columns), int(2**rows))
        step = max(1, CHUNK_TEXELS // (span[0] * span[1]))
        for start in range(0, len(like), step):
            yield like[start : start + step], span


def _contains(
    triangles: Float64[np.ndarray, "c 3 2"],
    x: Float64[np.ndarray, "c h w"],
    y: Float64[np.ndarray, "c h w"],
) -> Bool[np.ndarray, "c h w"]:
    a, b, c = (triangles[:, i, :, None, None] for i in range(3))
    sides = [
        (q[:, 0] - p[:, 0]) * (y - p[:, 1]) - (q[:, 1] - p[:, 1]) * (x - p[:, 0])
        for p, q in ((a, b), (b, c), (c, a))
    ]
    slack = 1e-9
    left = np.logical_and.reduce([side > slack for side in sides])
    right = np.logical_and.reduce([side < -slack for side in sides])
    return np.logical_or(left, right)
