"""Analytic captures: a plane, a cube and a sphere whose photos and atlases have exact values.

The colour of a surface is a smooth, band-limited function of the world position, so every photo
pixel, every texel and every point of a seam has one true value that needs no image to know.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Float64

from tests.scene_cameras import orbit
from texsr.pipeline.atlas import Atlas, ImageKind, TexturedMesh, uv_to_texel
from texsr.pipeline.camera import Camera
from texsr.pipeline.capture import Capture, Photo, View
from texsr.pipeline.color import to_float, to_integer
from texsr.pipeline.lens import Lens
from texsr.pipeline.mesh import Charts, Mesh, label_charts
from texsr.pipeline.resample import resize

ColorOf = Callable[[Float64[np.ndarray, "n 3"]], Float32[np.ndarray, "n 3"]]

GUTTER_TX = 4
CHART_MARGIN = 0.06  # of a chart's cell, left free on every side


class Shape(Enum):
    """Solids of this file."""

    PLANE = "plane"
    CUBE = "cube"
    SPHERE = "sphere"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """A capture with a known answer, in memory."""

    surface: TexturedMesh  # carries the low atlas
    truth: Float32[np.ndarray, "H W 3"]
    covered: Bool[np.ndarray, "H W"]  # truth texels whose centre lies on a chart
    views: tuple[View, ...]
    photos: tuple[Photo, ...]  # parallel to `views`
    color_of: ColorOf
    masked: bool = False  # whether `write_scene` writes each photo's `valid` as a mask

    @property
    def scale(self) -> int:
        """Truth texels per low texel and axis."""
        return len(self.truth) // self.surface.atlases[0].height_tx

    @property
    def capture(self) -> Capture:
        """The scene as `load` would give it, had it been written to the surface's folder."""
        root = self.surface.path.parent
        return Capture(
            root=root,
            surface=self.surface,
            views=self.views,
            left_out=(),
            findings=(),
            cameras_path=root / "sparse" / "0",
            unit_m=None,
        )


def waves(
    *, seed: int = 0, cycles_per_unit: float = 4.0, num_waves: int = 6, contrast: float = 0.35
) -> ColorOf:
    """Make a sum of plane waves over world position: band-limited, within [0, 1]."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=(num_waves, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    frequency = direction * rng.uniform(0.3, 1.0, (num_waves, 1)) * cycles_per_unit * 2 * np.pi
    phase = rng.uniform(0, 2 * np.pi, (num_waves, 3))
    amplitude = contrast / num_waves

    def color_of(points: Float64[np.ndarray, "n 3"]) -> Float32[np.ndarray, "n 3"]:
        angle = points @ frequency.T  # n k
        total = np.sin(angle[:, :, None] + phase).sum(axis=1) * amplitude
        return (0.5 + total).astype(np.float32)

    return color_of


def make_surface(
    shape: Shape, *, subdivisions: int = 1, num_columns: int | None = None
) -> tuple[Mesh, Charts]:
    """Build a solid of unit half-size with one chart a side, laid out in a grid of cells."""
    sides = _sides(shape)
    columns = num_columns or int(np.ceil(np.sqrt(len(sides))))
    rows = int(np.ceil(len(sides) / columns))
    n = subdivisions
    step = np.linspace(0.0, 1.0, n + 1)
    v, u = (grid.ravel() for grid in np.meshgrid(step, step, indexing="ij"))
    index = np.arange((n + 1) ** 2).reshape(n + 1, n + 1)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    quad = np.concatenate(
        [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    )
    vertices, uvs, faces = [], [], []
    for side, (origin, along_u, along_v) in enumerate(sides):
        points = origin + np.outer(u, along_u) + np.outer(v, along_v)
        if shape is Shape.SPHERE:
            points = points / np.linalg.norm(points, axis=1, keepdims=True)
        cell = np.array([side % columns, rows - 1 - side // columns])
        inner = CHART_MARGIN + (1 - 2 * CHART_MARGIN) * np.stack([u, v], axis=1)
        vertices.append(points)
        uvs.append((cell + inner) / np.array([columns, rows]))
        faces.append(quad + side * len(u))
    return _assemble(np.concatenate(vertices), np.concatenate(uvs), np.concatenate(faces))


def _assemble(points: np.ndarray, uv: np.ndarray, corner: np.ndarray) -> tuple[Mesh, Charts]:
    """Weld positions (to 1e-9) and label the charts."""
    rounded = np.round(points, 9) + 0.0
    vertices, place = np.unique(rounded, axis=0, return_inverse=True)
    mesh = Mesh(vertices=vertices, faces=place.reshape(-1)[corner].astype(np.int32))
    uv_faces = corner.astype(np.int32)
    charts = Charts(
        uv=uv,
        uv_faces=uv_faces,
        chart_id=label_charts(mesh, uv, uv_faces),
        material_id=np.zeros(len(corner), np.int32),
    )
    return mesh, charts


def _sides(shape: Shape) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Give origin and edge vectors of each side, so that u x v points outward."""
    if shape is Shape.PLANE:
        return [(np.array([-1.0, -1.0, 0.0]), np.array([2.0, 0, 0]), np.array([0.0, 2.0, 0]))]
    sides = []
    for axis in range(3):
        for sign in (1.0, -1.0):
            normal, along_u, along_v = np.zeros(3), np.zeros(3), np.zeros(3)
            normal[axis], along_u[(axis + 1) % 3], along_v[(axis + 2) % 3] = sign, sign * 2, 2.0
            sides.append((normal - along_u / 2 - along_v / 2, along_u, along_v))
    return sides


def render_atlas(
    mesh: Mesh, charts: Charts, color_of: ColorOf, *, size_tx: int, gutter_tx: float = GUTTER_TX
) -> tuple[Float32[np.ndarray, "H W 3"], Bool[np.ndarray, "H W"]]:
    """Evaluate the colour under every texel centre, extrapolating each face into its gutter."""
    outside = np.full((size_tx, size_tx), np.inf)  # tx beyond the nearest face
    points = np.zeros((size_tx, size_tx, 3))
    texel = uv_to_texel(charts.uv, height_tx=size_tx, width_tx=size_tx)
    for face, corners in enumerate(texel[charts.uv_faces]):
        bary, beyond, box = _raster_face(corners, (size_tx, size_tx), gutter_tx)
        if bary is None:
            continue
        nearer = (beyond <= gutter_tx) & (beyond < outside[box])
        outside[box] = np.where(nearer, beyond, outside[box])
        at = bary @ mesh.vertices[mesh.faces[face]]
        points[box] = np.where(nearer[..., None], at, points[box])
    reached = np.isfinite(outside)
    color = np.zeros((size_tx, size_tx, 3), np.float32)
    color[reached] = color_of(points[reached])
    return color, outside <= 0


def _raster_face(corners: np.ndarray, shape: tuple[int, int], margin: float):
    """Barycentrics and outside distance of the pixel centres in a triangle's grown box."""
    low = np.maximum(np.floor(corners.min(axis=0) - margin), 0).astype(int)
    high = np.minimum(np.ceil(corners.max(axis=0) + margin), shape[::-1]).astype(int)
    (ax, ay), (bx, by), (cx, cy) = corners
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    box = (slice(low[1], high[1]), slice(low[0], high[0]))
    if (high <= low).any() or abs(area) < 1e-12:
        return None, None, box
    y, x = np.mgrid[box]
    x, y = x + 0.5, y + 0.5
    wa = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
    wb = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
    bary = np.stack([wa, wb, 1.0 - wa - wb], axis=-1)
    edges = np.linalg.norm(corners[[2, 0, 1]] - corners[[1, 2, 0]], axis=1)
    height = abs(area) / np.maximum(edges, 1e-12)  # of each corner over its opposite edge
    return bary, np.maximum((-bary * height).max(axis=-1), 0.0), box


def render_photo(
    mesh: Mesh, color_of: ColorOf, camera: Camera, *, supersample: int = 3
) -> tuple[Float32[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    """Render by an exact z-buffer, area-averaged over `supersample`² rays a pixel.

    Returns:
        colour on black, and the pixels that the surface fills entirely. Both sides are drawn.
    """
    fine = camera.scaled(float(supersample))
    depth = np.full((fine.height_px, fine.width_px), np.inf)
    points = np.zeros((*depth.shape, 3))
    px, z = fine.project(mesh.vertices)
    for face in mesh.faces:
        if z[face].min() <= 0:
            continue
        bary, beyond, box = _raster_face(px[face], depth.shape, 0.0)
        if bary is None:
            continue
        inverse = bary / z[face]  # perspective-correct weights
        at_depth = 1.0 / inverse.sum(axis=-1)
        hit = (beyond <= 0) & (at_depth < depth[box])
        depth[box] = np.where(hit, at_depth, depth[box])
        at = (inverse * at_depth[..., None]) @ mesh.vertices[face]
        points[box] = np.where(hit[..., None], at, points[box])
    seen = np.isfinite(depth)
    color = np.zeros((*depth.shape, 3), np.float32)
    color[seen] = color_of(points[seen])
    s = supersample
    blocks = color.reshape(camera.height_px, s, camera.width_px, s, 3)
    full = seen.reshape(camera.height_px, s, camera.width_px, s).all(axis=(1, 3))
    return blocks.mean(axis=(1, 3)), full


def endless(camera: Camera, color_of: ColorOf) -> Photo:
    """A photo of the plane z = 0 with no end: no background mixes in at the rim of the mesh."""
    y, x = np.mgrid[0 : camera.height_px, 0 : camera.width_px] + 0.5
    px = np.stack([x.ravel(), y.ravel()], axis=1)
    ray = camera.unproject(px, np.ones(len(px))) - camera.centre
    points = camera.centre - ray * (camera.centre[2] / ray[:, 2:])
    color = color_of(points).reshape(camera.height_px, camera.width_px, 3)
    return Photo(color=to_integer(color, np.dtype(np.uint8)), valid=np.ones(x.shape, bool))


def make_scene(
    shape: Shape = Shape.PLANE,
    *,
    root: Path = Path("scene"),
    low_tx: int = 32,
    scale: int = 4,
    cameras: Sequence[Camera] | None = None,
    color_of: ColorOf | None = None,
) -> Scene:
    """Build a scene; photos are rounded to 8 bits and otherwise perfect."""
    color = color_of or waves()
    mesh, charts = make_surface(shape, subdivisions=6 if shape is Shape.SPHERE else 2)
    truth, covered = render_atlas(mesh, charts, color, size_tx=low_tx * scale, gutter_tx=4 * scale)
    low = resize(truth, height=low_tx, width=low_tx)
    atlas = Atlas(
        name="atlas.png",
        path=root / "atlas.png",
        kind=ImageKind.PNG,
        stored=to_integer(low, np.dtype(np.uint8)),
    )
    surface = TexturedMesh(path=root / "mesh.obj", mesh=mesh, charts=charts, atlases=(atlas,))
    half = shape is Shape.PLANE
    views, photos = [], []
    for i, camera in enumerate(cameras if cameras is not None else orbit(8, half=half)):
        picture, full = render_photo(mesh, color, camera)
        views.append(pinhole_view(f"{i:03d}.png", camera, root))
        photos.append(Photo(color=to_integer(picture, np.dtype(np.uint8)), valid=full))
    return Scene(
        surface=surface,
        truth=truth,
        covered=covered,
        views=tuple(views),
        photos=tuple(photos),
        color_of=color,
    )


def pinhole_view(name: str, camera: Camera, root: Path) -> View:
    """Name a view as a file of pinhole cameras would."""
    K = camera.K
    lens = Lens(
        model="PINHOLE",
        params=(K[0, 0], K[1, 1], K[0, 2], K[1, 2]),
        width_px=camera.width_px,
        height_px=camera.height_px,
    )
    return View(
        name=name, camera=camera, lens=lens, photo_path=root / "images" / name, mask_path=None
    )


def low_color(scene: Scene) -> Float32[np.ndarray, "h w 3"]:
    """Give the low atlas in [0, 1]."""
    return to_float(scene.surface.atlases[0].stored)
