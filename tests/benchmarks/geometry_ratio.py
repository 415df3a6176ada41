"""Do geometry and fusion cost what their arithmetic costs? `python .../geometry_ratio.py`

Beside each stage runs a plain twin, in the same process, on the same input:

- geometry (rasterize at the high resolution, then which photo sees which low texel): every texel of
  every face's bounding box tested against three edges, points projected, and Embree asked directly;
- fusion (the `projection` upscaler on one tile): the same sums over all references at once, as
  dense tensor expressions without masks, Gaussian windows or care about memory.

The twins are less exact (no conservative borders, no clearances); only their cost is compared.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
from common import Answer, Claim, parser, tell
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from make_capture import make_capture
from torch import Tensor
from torch.nn import functional

from texsr.models.projection import Projection
from texsr.pipeline.atlas import TexturedMesh, uv_to_texel
from texsr.pipeline.camera import Camera
from texsr.pipeline.capture import Capture
from texsr.pipeline.mesh import Mesh
from texsr.pipeline.rays import RayCaster
from texsr.pipeline.references import PhotoPart, Reference, stack
from texsr.pipeline.simulation import SimulateSettings
from texsr.pipeline.stages.load import load_capture
from texsr.pipeline.stages.rasterize import rasterize
from texsr.pipeline.stages.visibility import SurfacePoints, look, surface_points
from texsr.pipeline.tile import Region

SCALE, TILE_TX, NUM_VIEWS = 4, 128, 12
MOST = 3.0
FACES_AT_ONCE = 2048


def timed(work: Callable[[], object], repeat: int) -> float:
    """Give the median time of some calls, after one that does not count."""
    work()
    times: list[float] = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times)


def points_of(surface: TexturedMesh, low: tuple[int, int]) -> SurfacePoints:
    """Put the surface under the low texels."""
    mesh, whole = surface.mesh, Region(x=0, y=0, width=low[1], height=low[0])
    texels = rasterize(surface, 0, low, whole, conservative_tx=1.0)
    return surface_points(mesh, texels, mesh.face_normals(), mesh.vertex_normals())


def drawn(surface: TexturedMesh, size: tuple[int, int]) -> None:
    """Draw all faces as a run does."""
    whole = Region(x=0, y=0, width=size[1], height=size[0])
    rasterize(surface, 0, size, whole, conservative_tx=2.0)


def drawn_plainly(surface: TexturedMesh, size: tuple[int, int]) -> np.ndarray:
    """Test every texel of every bounding box; faces of like size go together."""
    height, width = size
    uv = surface.charts.uv[surface.charts.uv_faces.reshape(-1)]
    corners = uv_to_texel(uv, height_tx=height, width_tx=width).reshape(-1, 3, 2)
    low = np.floor(corners.min(axis=1)).astype(np.int64)
    extent = np.ceil(corners.max(axis=1)).astype(np.int64) - low + 1
    owner = np.full((height, width), -1, np.int32)
    bary = np.zeros((height, width, 2), np.float32)
    order = np.argsort(extent.max(axis=1))
    for start in range(0, len(order), FACES_AT_ONCE):
        face = order[start : start + FACES_AT_ONCE]
        columns, rows = extent[face].max(axis=0)
        x = low[face, 0, None, None] + np.arange(columns)
        y = low[face, 1, None, None] + np.arange(rows)[:, None]
        (ax, ay), (bx, by), (cx, cy) = corners[face].transpose(1, 2, 0)[..., None, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            det = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy)
            first = ((by - cy) * (x + 0.5 - cx) + (cx - bx) * (y + 0.5 - cy)) / det
            second = ((cy - ay) * (x + 0.5 - cx) + (ax - cx) * (y + 0.5 - cy)) / det
        inside = (first >= 0) & (second >= 0) & (first + second <= 1)
        inside &= (x >= 0) & (y >= 0) & (x < width) & (y < height)
        which, row, column = np.nonzero(inside)
        at = (low[face[which], 1] + row, low[face[which], 0] + column)
        owner[at] = face[which]
        bary[at] = np.stack([first[inside], second[inside]], axis=1)
    return owner


def bare_embree(mesh: Mesh) -> EmbreeScene:
    """Build the search tree with nothing around it."""
    scene = EmbreeScene()
    TriangleMesh(scene, mesh.vertices.astype(np.float32), mesh.faces)
    return scene


def looked_plainly(points: SurfacePoints, camera: Camera, scene: EmbreeScene) -> np.ndarray:
    """Project, test the facing, and ask Embree once."""
    px, depth = camera.project(points.position)
    ray = camera.centre - points.position
    facing = (ray * points.face_normal).sum(axis=1) > 0
    framed = ((px > 0) & (px < (camera.width_px, camera.height_px))).all(axis=1) & (depth > 0)
    maybe = np.flatnonzero(facing & framed)
    start = np.broadcast_to(camera.centre, (len(maybe), 3)).astype(np.float32)
    almost = np.full(len(maybe), 0.999, np.float32)
    along = (-ray[maybe]).astype(np.float32)
    seen = np.zeros(len(px), bool)
    seen[maybe] = scene.run(start, along, dists=almost, query="OCCLUDED") < 0
    return seen


def tile(rng: np.random.Generator) -> tuple[Tensor, list[Reference]]:
    """Make up a tile that all views see: cost does not depend on what they show."""
    low = torch.from_numpy(rng.random((1, 3, TILE_TX, TILE_TX), dtype=np.float32))
    side = TILE_TX * SCALE
    made = [
        Reference(
            view_index=index,
            color=torch.from_numpy(rng.random((3, side, side), dtype=np.float32)),
            weight=torch.ones(side, side),
            prior=torch.ones(2, TILE_TX, TILE_TX),
            part=PhotoPart(pixels=torch.zeros(3, 1, 1).byte(), px=torch.zeros(2, side, side)),
        )
        for index in range(NUM_VIEWS)
    ]
    return low, made


@torch.inference_mode()
def fused_plainly(low: Tensor, color: Tensor, weight: Tensor) -> Tensor:
    """Weigh all references at once and make the reduction equal to the atlas."""

    def up(x: Tensor) -> Tensor:
        return functional.interpolate(x, scale_factor=float(SCALE), mode="bicubic", antialias=True)

    def down(x: Tensor) -> Tensor:
        return functional.interpolate(x, scale_factor=1 / SCALE, mode="bicubic", antialias=True)

    def blurred(x: Tensor) -> Tensor:
        taps = torch.full((x.shape[1], 1, 7, 1), 1 / 7)
        x = functional.conv2d(x, taps, padding=(3, 0), groups=x.shape[1])
        return functional.conv2d(x, taps.mT, padding=(0, 3), groups=x.shape[1])

    base = up(low)
    photo = down(color)
    band = photo - blurred(photo)
    atlas = low - blurred(low)
    both = blurred(torch.cat([band * band, band * atlas], dim=1))
    gain = (both[:, 3:] / (both[:, :3] + 1e-5)).clamp(0, 1.6)
    flat = blurred(photo * gain - low)
    maps = functional.interpolate(
        torch.cat([gain[:, :1], gain[:, 1:2], flat], dim=1), scale_factor=SCALE, mode="bilinear"
    )
    believed = weight * maps[:, 1:2]
    added = color * maps[:, :1] - maps[:, 2:] - base
    high = base + (added * believed).sum(0, keepdim=True) / (1 + believed.sum(0, keepdim=True))
    return high + up(low - down(high))


def geometry(capture: Capture, repeat: int) -> list[tuple[str, float, float]]:
    """Time drawing and looking, each beside its twin."""
    surface = capture.surface
    low = surface.atlases[0].height_tx, surface.atlases[0].width_tx
    high = low[0] * SCALE, low[1] * SCALE
    caster, points = RayCaster(surface.mesh), points_of(surface, low)
    cameras, bare = [view.camera for view in capture.views], bare_embree(surface.mesh)

    def looks() -> None:
        for camera in cameras:
            look(points, camera, caster)

    def plain_looks() -> None:
        for camera in cameras:
            looked_plainly(points, camera, bare)

    return [
        (
            "rasterize",
            timed(lambda: drawn(surface, high), repeat),
            timed(lambda: drawn_plainly(surface, high), repeat),
        ),
        ("visibility", timed(looks, repeat), timed(plain_looks, repeat)),
    ]


def fusion(repeat: int) -> tuple[str, float, float]:
    """Time the upscaler on a tile beside its twin."""
    low, made = tile(np.random.default_rng(0))
    upscaler, references = Projection(), stack(made, [1.0] * NUM_VIEWS)
    assert references is not None
    color, weight = references.color[0], references.weight[0][:, None]
    return (
        "fusion",
        timed(lambda: upscaler(low, references, SCALE), repeat),
        timed(lambda: fused_plainly(low, color, weight), repeat),
    )


def main() -> None:
    """Read the command line."""
    made = parser(__doc__)
    made.add_argument("--repeat", type=int, default=5)
    made.add_argument("--capture", type=Path, help="one made before, by make_capture.py")
    asked = made.parse_args()
    with tempfile.TemporaryDirectory(prefix="texsr-") as work:
        root = asked.capture
        if root is None:
            settings = SimulateSettings(num_photos=NUM_VIEWS, photo_size_px=600)
            make_capture(Path(work) / "made", low_tx=512, settings=settings, seed=0)
            root = Path(work) / "made" / "capture"
        found = geometry(load_capture(root), asked.repeat)
    whole = ("geometry, both", sum(one[1] for one in found), sum(one[2] for one in found))
    found = [*found, whole, fusion(asked.repeat)]
    tell(
        Answer(
            question="Do geometry and fusion cost what their arithmetic costs?",
            columns=("stage", "ours, s", "plain twin, s", "ratio"),
            rows=[(n, f"{a:.3f}", f"{b:.3f}", f"{a / b:.2f}") for n, a, b in found],
            claims=[
                Claim(text=f"{n}: {a / b:.2f} times its plain twin (at most 3)", met=a / b <= MOST)
                for n, a, b in found[2:]
            ],
            inputs={"low_tx": 512, "views": NUM_VIEWS, "tile_low_tx": TILE_TX},
            notes=f"Medians of {asked.repeat}; torch on {torch.get_num_threads()} threads.",
        ),
        asked.json,
    )


if __name__ == "__main__":
    main()
