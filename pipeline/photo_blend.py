"""An atlas baked the plain way: every photo that sees a texel, blended by how squarely it does."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, UInt8

from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.camera import Camera
from texsr.pipeline.mipmap import bilinear
from texsr.pipeline.rays import RayCaster
from texsr.pipeline.texture_plane import TexturePlane, bands, texel_centres

Shot = tuple[Camera, UInt8[np.ndarray, "_ _ 3"]]  # photos may differ in size

MIN_COSINE = 0.15
EDGE_PX = 1.0  # what lies nearer to the border of a photo is not taken from it


def blend_photos(
    surface: TexturedMesh, shots: Sequence[Shot], *, height: int, width: int, supersample: int
) -> tuple[Float32[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    """Bake the photos into an atlas of one material.

    Each texel averages `supersample`² points and all photos that see them, weighted by cosine² over
    distance². Bands of texels are worked through one after another.

    Returns:
        Colour, 0 where no photo sees the texel, and which texels are seen.
    """
    plane, caster = TexturePlane(surface, 0), RayCaster(surface.mesh)
    color = np.zeros((height, width, 3), np.float32)
    seen = np.zeros((height, width), bool)
    fine = {"height": height * supersample, "width": width * supersample}
    for rows in bands(height, width * supersample**2):
        points = slice(rows.start * supersample, rows.stop * supersample)
        face_id, bary = plane.under(texel_centres(points, **fine))
        on = np.flatnonzero(face_id >= 0)
        total = np.zeros((len(face_id), 4), np.float32)
        total[on] = _gathered(surface, caster, face_id[on], bary[on], shots)
        blocks = total.reshape(-1, supersample, width, supersample, 4).sum(axis=(1, 3))
        weight = blocks[..., 3:]
        color[rows] = np.divide(
            blocks[..., :3], weight, out=np.zeros_like(blocks[..., :3]), where=weight > 0
        )
        seen[rows] = weight[..., 0] > 0
    return color, seen


def _gathered(
    surface: TexturedMesh,
    caster: RayCaster,
    face_id: Int32[np.ndarray, " n"],
    bary: Float32[np.ndarray, "n 2"],
    shots: Sequence[Shot],
) -> Float32[np.ndarray, "n 4"]:
    """Sum weighted colour and weight over the photos that see each point."""
    mesh = surface.mesh
    a, b = bary[:, :1].astype(np.float64), bary[:, 1:].astype(np.float64)
    corners = mesh.vertices[mesh.faces[face_id]]
    points = corners[:, 0] * a + corners[:, 1] * b + corners[:, 2] * (1.0 - a - b)
    normals = mesh.face_normals()[face_id]
    total = np.zeros((len(points), 4), np.float32)
    for camera, photo in shots:
        px, weight = _facing(camera, points, normals)
        use = np.flatnonzero(weight > 0)
        origin = np.broadcast_to(camera.centre, (len(use), 3))
        use = use[~caster.blocked(origin, points[use])]
        share = weight[use, None].astype(np.float32)
        total[use, :3] += share * bilinear(photo, px[use], 3)
        total[use, 3:] += share
    return total


def _facing(
    camera: Camera, points: Float64[np.ndarray, "n 3"], normals: Float64[np.ndarray, "n 3"]
) -> tuple[Float64[np.ndarray, "n 2"], Float64[np.ndarray, " n"]]:
    """Project points, and weigh them: 0 where out of the photo or turned away."""
    px, depth = camera.project(points)
    toward = camera.centre - points
    squared = (toward**2).sum(axis=1)
    cosine = (toward * normals).sum(axis=1) / np.sqrt(squared)
    size = np.array([camera.width_px, camera.height_px])
    framed = ((px > EDGE_PX) & (px < size - EDGE_PX)).all(axis=1) & (depth > 0)
    return px, np.where(framed & (cosine > MIN_COSINE), cosine**2 / squared, 0.0)
