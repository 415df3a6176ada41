"""Which view sees which texel.

A view sees a texel when the surface faces it, the texel projects into the photo onto a valid pixel
and no other part of the mesh stands in between. Rays are exact: nothing leaks through thin parts,
and a clearance in units of the mesh keeps a surface from hiding itself. What is seen fades out
towards its end over a few texels, so that no line shows where a view stops contributing; towards a
chart's border it does not, since the surface goes on there.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64
from scipy import ndimage

from texsr.pipeline.atlas import TexelMap
from texsr.pipeline.camera import Camera
from texsr.pipeline.mesh import Mesh
from texsr.pipeline.rays import RayCaster

MIN_COSINE = 0.1  # a texel seen flatter than this shows nothing worth having
MAX_CREASE_COSINE = 0.866  # of 30 degrees between a face and its smoothed normal
FRAME_MARGIN_PX = 2.0
FEATHER_START_TX, FEATHER_TX = 1.5, 2.0  # from a hidden texel: where the ramp starts, its length


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurfacePoints:
    """The surface under the covered texels of a region, in row-major order."""

    texels: TexelMap
    position: Float64[np.ndarray, "n 3"]  # world
    face_id: Int32[np.ndarray, " n"]
    face_normal: Float64[np.ndarray, "n 3"]
    normal: Float64[np.ndarray, "n 3"]  # interpolated between vertices, but not across hard edges


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sight:
    """What one view sees of some surface points."""

    seen: Bool[np.ndarray, " n"]
    cosine: Float32[np.ndarray, " n"]  # of the angle between normal and ray; 0 where unseen
    px: Float64[np.ndarray, "n 2"]  # where each point projects to, before any correction


def surface_points(
    mesh: Mesh,
    texels: TexelMap,
    face_normals: Float64[np.ndarray, "f 3"],
    vertex_normals: Float64[np.ndarray, "v 3"],
) -> SurfacePoints:
    """Look up positions and normals under the covered texels."""
    covered = texels.covered
    face_id = texels.face_id[covered]
    weight = texels.bary[covered].astype(np.float64)
    corner = vertex_normals[mesh.faces[face_id]]
    third = 1.0 - weight.sum(axis=1)
    normal = (
        corner[:, 0] * weight[:, :1] + corner[:, 1] * weight[:, 1:] + corner[:, 2] * third[:, None]
    )
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    normal = np.divide(normal, length, out=np.zeros_like(normal), where=length > 0)
    # At a hard edge the average of the faces belongs to none: there the face's own normal stands.
    flat = face_normals[face_id]
    smooth = np.einsum("ij,ij->i", normal, flat) > MAX_CREASE_COSINE
    return SurfacePoints(
        texels=texels,
        position=texels.positions(mesh),
        face_id=face_id,
        face_normal=flat,
        normal=np.where(smooth[:, None], normal, flat),
    )


def look(
    points: SurfacePoints,
    camera: Camera,
    caster: RayCaster,
    valid: Bool[np.ndarray, "h w"] | None = None,
) -> Sight:
    """Find the points that a view sees.

    Args:
        points: surface points.
        camera: the view's.
        caster: rays against the whole mesh.
        valid: pixels of the photo that may be used; None: all.
    """
    px, depth = camera.project(points.position)
    size = np.array([camera.width_px, camera.height_px], np.float64)
    inside = (depth > 0) & (px > FRAME_MARGIN_PX).all(axis=1)
    inside &= (px < size - FRAME_MARGIN_PX).all(axis=1)
    ray = camera.centre - points.position
    ray /= np.maximum(np.linalg.norm(ray, axis=1, keepdims=True), 1e-300)
    flat = np.einsum("ij,ij->i", points.face_normal, ray)
    smooth = np.einsum("ij,ij->i", points.normal, ray)
    # The face decides what is seen; the worse of the two normals, how well.
    cosine = np.clip(np.minimum(flat, smooth), MIN_COSINE / 2, 1.0).astype(np.float32)
    maybe = np.flatnonzero(inside & (flat > MIN_COSINE))
    if valid is not None and len(maybe):
        column, row = px[maybe].astype(np.int64).T
        maybe = maybe[valid[row, column]]
    seen = np.zeros(len(px), bool)
    if len(maybe):
        origin = np.broadcast_to(camera.centre, (len(maybe), 3))
        seen[maybe] = ~caster.blocked(np.ascontiguousarray(origin), points.position[maybe])
    return Sight(seen=seen, cosine=np.where(seen, cosine, np.float32(0.0)), px=px)


def feathered(
    seen: Bool[np.ndarray, "h w"], chart: Int32[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w"]:
    """Fade a view out towards texels of the same chart that it does not see.

    What lies beside a texel on another chart lies elsewhere on the surface, and says nothing.

    Args:
        seen: texels that the view sees.
        chart: whose texel it is; -1 off the charts.

    Returns:
        [0, 1]; 0 where unseen and at the border of what is seen, 1 some texels inside.
    """
    hidden = (chart >= 0) & ~seen
    if not hidden.any():
        return seen.astype(np.float32)
    distance = np.asarray(ndimage.distance_transform_edt(~hidden), np.float32)
    reach = FEATHER_START_TX + FEATHER_TX
    rows, columns = np.nonzero(seen & (distance < reach))
    nearest = _distance_within_chart(hidden, chart, rows, columns, int(np.ceil(reach)))
    # The ramp begins behind the outermost seen texels, corners included: interpolated weights end
    # where rays were cast.
    ramp = seen.astype(np.float32)
    ramp[rows, columns] = np.clip((nearest - FEATHER_START_TX) / FEATHER_TX, 0.0, 1.0)
    return ramp


def _distance_within_chart(
    hidden: Bool[np.ndarray, "h w"],
    chart: Int32[np.ndarray, "h w"],
    rows: Int64[np.ndarray, " n"],
    columns: Int64[np.ndarray, " n"],
    reach: int,
) -> Float32[np.ndarray, " n"]:
    """Distance of texels to the nearest hidden one of their own chart, as far as `reach`."""
    around = np.pad(np.where(hidden, chart, np.int32(-2)), reach, constant_values=-2)
    own = chart[rows, columns]
    nearest = np.full(len(rows), np.inf, np.float32)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            meets = around[rows + (reach + dy), columns + (reach + dx)] == own
            nearest[meets] = np.minimum(nearest[meets], np.float32(np.hypot(dx, dy)))
    return nearest


def footprints(
    mesh: Mesh,
    face_ids: Int32[np.ndarray, " n"],
    uv_areas_tx: Float64[np.ndarray, " f"],
    camera: Camera,
) -> Float32[np.ndarray, " n"]:
    """Photo px per texel and axis, foreshortening included, on the face under each of n points.

    Args:
        mesh: the surface.
        face_ids: face of each point; repeats are looked up once.
        uv_areas_tx: area of each face of the mesh on the texel plane, tx^2.
        camera: the view's.
    """
    faces, point = np.unique(face_ids, return_inverse=True)
    corners = mesh.vertices[mesh.faces[faces].reshape(-1)]
    px, depth = camera.project(corners)
    a, b, c = px.reshape(-1, 3, 2).transpose(1, 0, 2)
    cross = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    area = uv_areas_tx[faces]
    front = (depth.reshape(-1, 3) > 0).all(axis=1) & (area > 0)
    ratio = np.divide(np.abs(cross) / 2, area, out=np.zeros(len(faces)), where=front)
    return np.sqrt(ratio).astype(np.float32)[point.reshape(-1)]
