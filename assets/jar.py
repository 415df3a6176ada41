"""A lidded jar of our own making: geometry, charts and painted atlas, at any resolution.

It is the object of the sample capture and of the benchmarks. One profile curve is turned about the
z axis; its side is cut into five charts, its bottom, lid and knob are a disc each. All paint is a
function of the place on the surface, so charts agree across seams and run on into their gutters.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int32, UInt8

from texsr.assets.artwork import paint_bottom, paint_knob, paint_lid, paint_side
from texsr.assets.jar_charts import NUM_SECTORS, Patch, lay_out
from texsr.pipeline.atlas import Atlas, ImageKind, TexturedMesh
from texsr.pipeline.mesh import Charts, Mesh, label_charts
from texsr.pipeline.mipmap import bilinear
from texsr.pipeline.texture_plane import bands
from texsr.pipeline.tile import Region

OVERSAMPLING = 2  # of the canvases that are painted
LOBES, LOBE_DEPTH = 5, 0.03
BARE = 214  # grey of texels off the charts
DECIMALS = 6  # of coordinates: a thousandth of a texel, and a mesh file half the size

Canvas = UInt8[np.ndarray, "y x 3"]


def make_jar(size_tx: int, rng: np.random.Generator, *, paint: bool = True) -> TexturedMesh:
    """Build the jar with an atlas of `size_tx`² texels, four fifths of them covered.

    Args:
        size_tx: rows and columns of the atlas.
        rng: draws the strokes and the grain of the glaze.
        paint: False leaves the atlas blank, for those who only want the geometry.
    """
    patches, side = lay_out()
    mesh, charts = _assemble(patches, side)
    stored = np.full((size_tx, size_tx, 3), BARE, np.uint8)
    if paint:
        stored = _painted(patches, side, size_tx, rng)
    atlas = Atlas(name="atlas.png", path=None, kind=ImageKind.PNG, stored=stored)
    return TexturedMesh(path=Path("jar.obj"), mesh=mesh, charts=charts, atlases=(atlas,))


def _surface_points(
    patch: Patch, length: Float64[np.ndarray, " n"], angle: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, "n 3"]:
    radius, height = patch.profile.at(length).T
    if patch.kind == "side":
        swell = np.sin(np.pi * length / patch.profile.total) ** 2
        radius = radius * (1.0 + LOBE_DEPTH * swell * np.cos(LOBES * angle))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)


def _assemble(patches: list[Patch], side: float) -> tuple[Mesh, Charts]:
    """Triangulate every chart on a grid, and weld what meets."""
    points: list[np.ndarray] = []
    uvs: list[np.ndarray] = []
    faces: list[np.ndarray] = []
    start = 0
    for patch in patches:
        rows, columns = (44, 16) if patch.kind == "side" else (12, 16 * NUM_SECTORS)
        along = np.linspace(0.0, patch.profile.total, rows + 1)
        around = np.linspace(*patch.around_rad, columns + 1)
        length, angle = (grid.ravel() for grid in np.meshgrid(along, around, indexing="ij"))
        points.append(_surface_points(patch, length, angle))
        uvs.append(patch.place(length, angle) / side)
        faces.append(_grid_faces(rows, columns) + start)
        start += len(length)
    rounded = np.round(np.concatenate(points), DECIMALS) + 0.0
    vertices, place = np.unique(rounded, axis=0, return_inverse=True)
    corners = np.concatenate(faces)
    welded = place.reshape(-1)[corners].astype(np.int32)
    # At the poles one triangle of each cell shrinks to a line.
    real = (welded != np.roll(welded, 1, axis=1)).all(axis=1)
    mesh = Mesh(vertices=vertices, faces=welded[real])
    uv = np.round(np.concatenate(uvs), DECIMALS)
    uv_faces = corners[real].astype(np.int32)
    return mesh, Charts(
        uv=uv,
        uv_faces=uv_faces,
        chart_id=label_charts(mesh, uv, uv_faces),
        material_id=np.zeros(len(uv_faces), np.int32),
    )


def _grid_faces(rows: int, columns: int) -> Int32[np.ndarray, "f 3"]:
    """Cut a grid of (length, angle) into triangles that face outward."""
    index = np.arange((rows + 1) * (columns + 1), dtype=np.int32).reshape(rows + 1, columns + 1)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    halves = [np.stack(corner, axis=-1).reshape(-1, 3) for corner in ((a, b, c), (a, c, d))]
    return np.concatenate(halves)


def _painted(
    patches: list[Patch], side: float, size: int, rng: np.random.Generator
) -> UInt8[np.ndarray, "s s 3"]:
    """Fill every chart and its gutter from the paintings, area-averaged."""
    atlas = np.full((size, size, 3), BARE, np.uint8)
    painters = (paint_side, paint_lid, paint_bottom, paint_knob)
    for index, painter in enumerate(painters):
        shown = [patch for patch in patches if patch.canvas == index]
        profile, inner, zoom = shown[0].profile, shown[0].inner, shown[0].zoom
        px = OVERSAMPLING * zoom * size / side  # per unit
        radius = inner + profile.total
        extent = (2 * np.pi, profile.total) if index == 0 else (2 * radius, 2 * radius)
        canvas = painter(px, extent, rng)
        for patch in shown:
            for region, color in _transferred(patch, canvas, px, size, side):
                atlas[region.slices] = color
    return atlas


def _transferred(
    patch: Patch, canvas: Canvas, px: float, size: int, side: float
) -> Iterator[tuple[Region, UInt8[np.ndarray, "_ _ 3"]]]:
    """Resample a painting to the rectangle of a chart, band by band.

    Args:
        patch: the chart.
        canvas: the painting.
        px: of the painting, per unit.
        size: rows and columns of the atlas.
        side: of the layout plane, in units.
    """
    left, bottom, right, top = (edge / side * size for edge in patch.bounds())
    x = np.arange(max(int(left), 0), min(int(np.ceil(right)), size))
    first = max(int(size - top), 0)
    last = min(int(np.ceil(size - bottom)), size)
    for rows in bands(last - first, len(x)):
        y = np.arange(first + rows.start, first + rows.stop)
        total: Float32[np.ndarray, "n 3"] = np.zeros((len(y) * len(x), 3), np.float32)
        for dy, dx in np.ndindex(OVERSAMPLING, OVERSAMPLING):
            at_x, at_y = np.meshgrid(x + (dx + 0.5) / OVERSAMPLING, y + (dy + 0.5) / OVERSAMPLING)
            place = np.stack([at_x.ravel(), size - at_y.ravel()], axis=1) * side / size
            total += bilinear(canvas, patch.on_canvas(place) * px, 3)
        color = np.rint(total * (255 / OVERSAMPLING**2)).astype(np.uint8)
        region = Region(x=int(x[0]), y=int(y[0]), width=len(x), height=len(y))
        yield region, color.reshape(len(y), len(x), 3)
