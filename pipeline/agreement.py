"""How well a photo and an atlas agree on a surface, point by point.

Where a point of the surface is seen, photo and atlas must be bright and dark together. A pose that
is wrong in any way loses that agreement, whatever it does to the silhouette.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8

from texsr.pipeline.atlas import Atlas, TexturedMesh, uv_to_texel
from texsr.pipeline.camera import Camera
from texsr.pipeline.capture import Photo
from texsr.pipeline.color import luma, to_float
from texsr.pipeline.mistakes import Mistake
from texsr.pipeline.rays import RayCaster

MIN_POINTS = 30  # a correlation of fewer says nothing
GRAZING = 0.2  # cosine to the line of sight below which a point is not asked


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurfaceSamples:
    """Points spread evenly over a surface, with what the atlas shows there."""

    points: Float64[np.ndarray, "n 3"]  # world
    normals: Float64[np.ndarray, "n 3"]
    luma: Float32[np.ndarray, " n"]
    luma_flipped: Float32[np.ndarray, " n"]  # with the texture read upside down


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How a photo fits a surface."""

    share_in_front: float  # of the points, in front of the camera
    share_inside: float  # of the points, projected inside the photo
    correlation: float | None  # of luma, where the surface is seen; None: too few points to say

    @property
    def score(self) -> float:
        """Correlation, discounted where the photo shows little of the surface."""
        return (self.correlation or 0.0) * min(1.0, self.share_inside / 0.5)


def sample_surface(surface: TexturedMesh, *, count: int, seed: int = 0) -> SurfaceSamples:
    """Draw textured points, evenly over the area."""
    rng = np.random.default_rng(seed)
    areas = np.where(surface.charts.material_id >= 0, surface.mesh.face_areas(), 0.0)
    total = float(areas.sum())
    if total == 0.0:
        empty = np.zeros(0, np.float32)
        nowhere = np.zeros((0, 3))
        return SurfaceSamples(points=nowhere, normals=nowhere, luma=empty, luma_flipped=empty)
    face = rng.choice(len(areas), size=count, p=areas / total)
    root, along = np.sqrt(rng.random(count)), rng.random(count)
    bary = np.stack([1 - root, root * (1 - along), root * along], axis=1)[:, :, None]
    uv = (surface.charts.uv[surface.charts.uv_faces[face]] * bary).sum(axis=1)
    flipped = np.stack([uv[:, 0], 1.0 - uv[:, 1]], axis=1)
    material = surface.charts.material_id[face].astype(np.int64)
    return SurfaceSamples(
        points=(surface.mesh.vertices[surface.mesh.faces[face]] * bary).sum(axis=1),
        normals=surface.mesh.face_normals()[face],
        luma=_atlas_luma(surface.atlases, material, uv),
        luma_flipped=_atlas_luma(surface.atlases, material, flipped),
    )


def _atlas_luma(
    atlases: tuple[Atlas, ...], material: Int64[np.ndarray, " n"], uv: Float64[np.ndarray, "n 2"]
) -> Float32[np.ndarray, " n"]:
    """Look up the nearest texel; textures repeat beyond the unit square."""
    found = np.zeros(len(uv), np.float32)
    for index, atlas in enumerate(atlases):
        mine = material == index
        place = uv_to_texel(
            np.mod(uv[mine], 1.0), height_tx=atlas.height_tx, width_tx=atlas.width_tx
        )
        x = np.clip(place[:, 0].astype(np.int64), 0, atlas.width_tx - 1)
        y = np.clip(place[:, 1].astype(np.int64), 0, atlas.height_tx - 1)
        color = to_float(atlas.stored[y, x, : atlas.num_color])
        found[mine] = luma(np.broadcast_to(color, (len(color), 3)))
    return found


def fit(
    samples: SurfaceSamples,
    camera: Camera,
    *,
    caster: RayCaster,
    photo: Photo | None = None,
    mistake: Mistake | None = None,
) -> Fit:
    """Say how a photo fits the surface, as it was read or with a mistake undone.

    Args:
        caster: over the same mesh.
        photo: None: geometry alone.
    """
    undone = mistake or Mistake(name="", remedy="")
    meant = undone.camera(camera)
    px, depth = meant.project(samples.points)
    px = undone.pixels(px, meant)
    in_front = depth > 0
    inside = in_front & ((px >= 0) & (px < [meant.width_px, meant.height_px])).all(axis=1)
    correlation = None
    if photo is not None:
        shown = samples.luma_flipped if undone.flips_v else samples.luma
        seen = _seen(samples, meant, inside, caster)
        correlation = _correlation(shown[seen], px[seen], photo)
    return Fit(
        share_in_front=_share(in_front),
        share_inside=_share(inside),
        correlation=correlation,
    )


def _seen(
    samples: SurfaceSamples, camera: Camera, inside: Bool[np.ndarray, " n"], caster: RayCaster
) -> Int64[np.ndarray, " s"]:
    """Index the points with a free line of sight that is not grazing, whatever the winding."""
    sight = camera.centre - samples.points
    length = np.linalg.norm(sight, axis=1)
    cosine = np.abs((sight * samples.normals).sum(axis=1)) / np.maximum(length, 1e-300)
    asked = np.flatnonzero(inside & (cosine > GRAZING))
    origins = np.broadcast_to(camera.centre, (len(asked), 3)).copy()
    return asked[~caster.blocked(origins, samples.points[asked])]


def _correlation(
    shown: Float32[np.ndarray, " s"], px: Float64[np.ndarray, "s 2"], photo: Photo
) -> float | None:
    height, width = photo.valid.shape
    x = np.clip(px[:, 0].astype(np.int64), 0, width - 1)
    y = np.clip(px[:, 1].astype(np.int64), 0, height - 1)
    valid = photo.valid[y, x]
    color: UInt8[np.ndarray, "s 3"] = photo.color[y[valid], x[valid]]
    taken = luma(to_float(color))
    shown = shown[valid]
    if len(taken) < MIN_POINTS or taken.std() < 1e-3 or shown.std() < 1e-3:
        return None
    return float(np.corrcoef(shown, taken)[0, 1])


def _share(flags: Bool[np.ndarray, " n"]) -> float:
    return float(flags.mean()) if len(flags) else 0.0
