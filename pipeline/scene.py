"""A textured mesh made ready to be drawn by rays, any number of times."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64, Shaped, UInt8, UInt16

from texsr.pipeline.atlas import TexturedMesh, uv_to_texel
from texsr.pipeline.camera import Camera
from texsr.pipeline.mesh import Mesh
from texsr.pipeline.mipmap import Mipmap
from texsr.pipeline.rays import RayCaster

# Anonymous axes: textures of one surface, and before and after, have sizes of their own.
Texture = UInt8[np.ndarray, "_ _ _"] | UInt16[np.ndarray, "_ _ _"]
Paint = Sequence[Mipmap | None]  # parallel to `TexturedMesh.atlases`; None: drawn in grey

BAND_RAYS = 1 << 19
UNPAINTED = 0.5
MIN_FACING = 0.1  # bounds the footprint of surfaces seen edge-on


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rendered:
    """What a camera sees of a mesh. All but colour and share are those of the pixel centres."""

    color: Float32[np.ndarray, "h w 3"]  # of the mesh alone, no background mixed in; 0 where none
    share: Float32[np.ndarray, "h w"]  # of the pixel that the mesh covers
    depth: Float32[np.ndarray, "h w"]  # along z, capture units; inf where nothing
    normal: Float32[np.ndarray, "h w 3"]  # unit, world, outward; 0 where nothing
    hit: Bool[np.ndarray, "h w"]
    face_id: Int32[np.ndarray, "h w"]  # -1 where nothing
    bary: Float32[np.ndarray, "h w 2"]  # weights of corners 0 and 1; 0 where nothing

    def over(self, background: Float32[np.ndarray, " 3"]) -> Float32[np.ndarray, "h w 3"]:
        """Lay the picture over a plain colour, outlines smoothed."""
        share = self.share[..., None]
        return self.color * share + background * (1.0 - share)


def paint_from(textures: Sequence[Texture | None]) -> list[Mipmap | None]:
    """Make textures ready for look-ups at any distance."""
    return [None if texture is None else Mipmap(texture) for texture in textures]


@final
class Scene:
    """A surface, its search tree for rays, and how finely each face lies on the uv square."""

    def __init__(self, surface: TexturedMesh) -> None:
        """Prepare a surface; its own stored atlases are not looked at."""
        areas, uv_areas = surface.mesh.face_areas(), np.abs(surface.charts.uv_areas())
        ratio = np.divide(uv_areas, areas, out=np.zeros_like(areas), where=areas > 0)
        self.surface = surface
        self.caster = RayCaster(surface.mesh)
        self.normals = surface.mesh.face_normals().astype(np.float32)
        self.uv_per_unit = np.sqrt(ratio)  # lengths on the uv square for one capture unit

    def draw(
        self, paints: Sequence[Paint], camera: Camera, *, supersample: int = 2
    ) -> list[Rendered]:
        """Draw one view once for each paint; the rays are cast once for all of them."""
        height, width = camera.height_px, camera.width_px
        colors = [np.zeros((height, width, 3), np.float32) for _ in paints]
        share = np.zeros((height, width), np.float32)
        depth = np.full((height, width), np.inf, np.float32)
        face_id = np.full((height, width), -1, np.int32)
        bary = np.zeros((height, width, 2), np.float32)
        reached = _reached(self.surface.mesh, camera)
        for rows in _bands(camera, supersample):
            centres = _Band.cast(self, camera, rows, reached[rows], 1)
            depth[rows] = centres.distance.reshape(-1, width)
            face_id[rows] = centres.face_id.reshape(-1, width)
            bary[rows] = centres.bary.reshape(-1, width, 2)
            band = centres
            if supersample > 1:
                band = _Band.cast(self, camera, rows, reached[rows], supersample)
            hit = (band.face_id >= 0).astype(np.float32)
            weight = _pooled(hit[:, None], width, supersample)
            share[rows] = weight[..., 0]
            for color, paint in zip(colors, paints, strict=True):
                total = _pooled(band.shade(self, paint), width, supersample)
                color[rows] = np.divide(total, weight, out=total, where=weight > 0)
        hit = face_id >= 0
        normal = np.where(hit[..., None], self.normals[face_id], np.float32(0.0))
        return [
            Rendered(
                color=color,
                share=share,
                depth=depth,
                normal=normal,
                hit=hit,
                face_id=face_id,
                bary=bary,
            )
            for color in colors
        ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Band:
    """What the rays of some picture rows met, rows and sub-rows first."""

    face_id: Int32[np.ndarray, " n"]
    distance: Float64[np.ndarray, " n"]  # along z
    bary: Float32[np.ndarray, "n 2"]  # weights of corners 0 and 1
    uv: Float64[np.ndarray, "n 2"]
    spread: Float64[np.ndarray, " n"]  # capture units across a ray's share of the pixel

    @classmethod
    def cast(
        cls,
        scene: Scene,
        camera: Camera,
        rows: slice,
        reached: Bool[np.ndarray, "h w"],
        supersample: int,
    ) -> "_Band":
        fine = np.repeat(np.repeat(reached, supersample, axis=0), supersample, axis=1)
        sent = np.flatnonzero(fine)
        row, column = np.divmod(sent, fine.shape[1])
        x = (column + 0.5) / supersample
        y = (row + rows.start * supersample + 0.5) / supersample
        ahead = np.stack([x, y, np.ones(len(sent))], axis=1)
        # The direction has z = 1 in camera axes, so distances come out as depth.
        directions = ahead @ np.linalg.inv(camera.K).T @ camera.cam_from_world[:3, :3]
        origins = np.broadcast_to(camera.centre, directions.shape)
        met = scene.caster.first_hit(origins, directions)
        face_id = _scattered(met.face_id, sent, fine.size, -1)
        distance = _scattered(met.distance, sent, fine.size, np.inf)
        bary = _scattered(met.bary, sent, fine.size, 0.0)
        charts = scene.surface.charts
        hit = np.flatnonzero(face_id >= 0)
        directions = directions[met.face_id >= 0]
        a, b = bary[hit, :1].astype(np.float64), bary[hit, 1:].astype(np.float64)
        corners = charts.uv[charts.uv_faces[face_id[hit]]]  # n 3 2
        uv = np.zeros((fine.size, 2))
        uv[hit] = corners[:, 0] * a + corners[:, 1] * b + corners[:, 2] * (1.0 - a - b)
        # A pixel's solid angle shrinks off the axis as the direction's length grows: one over the
        # plain product is the exact stretch of its area.
        facing = np.abs(np.einsum("ij,ij->i", scene.normals[face_id[hit]], directions))
        focal_px = np.sqrt(camera.K[0, 0] * camera.K[1, 1]) * supersample
        spread = np.zeros(fine.size)
        spread[hit] = distance[hit] / focal_px / np.sqrt(np.maximum(facing, MIN_FACING))
        return cls(face_id=face_id, distance=distance, bary=bary, uv=uv, spread=spread)

    def shade(self, scene: Scene, paint: Paint) -> Float32[np.ndarray, "n 3"]:
        """Look up the colour that each ray met; 0 where it met nothing."""
        color = np.zeros((len(self.face_id), 3), np.float32)
        hit = np.flatnonzero(self.face_id >= 0)
        color[hit] = UNPAINTED
        material = scene.surface.charts.material_id[self.face_id[hit]]
        for index, mipmap in enumerate(paint):
            here = hit[material == index]
            if mipmap is None or len(here) == 0:
                continue
            size = {"height_tx": mipmap.height_tx, "width_tx": mipmap.width_tx}
            texel = uv_to_texel(_wrapped(self.uv[here]), **size)
            per_uv = np.sqrt(mipmap.height_tx * mipmap.width_tx)
            footprint = self.spread[here] * scene.uv_per_unit[self.face_id[here]] * per_uv
            color[here] = mipmap.sample(texel, footprint)
        return color


def _reached(mesh: Mesh, camera: Camera) -> Bool[np.ndarray, "h w"]:
    """Mark the pixels that any face can reach: those in the boxes around the projected faces."""
    height, width = camera.height_px, camera.width_px
    px, depth = camera.project(mesh.vertices)
    if (depth[mesh.faces] <= 0).any():
        return np.ones((height, width), bool)
    corners = px[mesh.faces]  # f 3 2
    # A pixel more on every side than rounding needs, here and in the ray caster.
    size = (width, height)
    first = np.clip(np.floor(corners.min(axis=1)) - 1, 0, size).astype(np.int64)
    last = np.clip(np.floor(corners.max(axis=1)) + 2, 0, size).astype(np.int64)
    stride = width + 1
    # Boxes are added up as the four corners of each, and summed over rows and columns.
    begin, end = first[:, 1] * stride, last[:, 1] * stride
    plus = np.concatenate([begin + first[:, 0], end + last[:, 0]])
    minus = np.concatenate([begin + last[:, 0], end + first[:, 0]])
    cells = stride * (height + 1)
    count = np.bincount(plus, minlength=cells) - np.bincount(minus, minlength=cells)
    total = count.reshape(height + 1, stride).cumsum(axis=0).cumsum(axis=1)
    return total[:height, :width] > 0


def _scattered(
    values: Shaped[np.ndarray, "m *rest"], places: Int64[np.ndarray, " m"], size: int, empty: float
) -> Shaped[np.ndarray, "n *rest"]:
    """Lay values out among `size` rows, the others `empty`."""
    out = np.full((size, *values.shape[1:]), empty, values.dtype)
    out[places] = values
    return out


def _wrapped(uv: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
    """Bring uv beyond the unit square back by whole turns, as renderers repeat textures."""
    return np.where((uv < 0.0) | (uv > 1.0), uv - np.floor(uv), uv)


def _pooled(
    values: Float32[np.ndarray, "n c"], width: int, supersample: int
) -> Float32[np.ndarray, "h w c"]:
    """Average sub-rays into pixels."""
    channels = values.shape[1]
    blocks = values.reshape(-1, supersample, width, supersample, channels)
    return blocks.mean(axis=(1, 3))


def _bands(camera: Camera, supersample: int) -> Iterator[slice]:
    step = max(1, BAND_RAYS // (camera.width_px * supersample**2))
    for first in range(0, camera.height_px, step):
        yield slice(first, min(first + step, camera.height_px))
