"""Put a face and barycentric weights under every texel of a region.

Each face is cut into rows of texel centres and each row into the span that lies inside, so the work
is proportional to the texels covered, whatever the shapes of the faces. Everything is float64:
which face owns a texel does not depend on the region asked for.
"""

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64

from texsr.pipeline.atlas import TexelMap, TexturedMesh, uv_to_texel
from texsr.pipeline.mesh import Charts, Mesh
from texsr.pipeline.tile import Region, plan_tiles

MIN_UV_AREA_TX = 1e-9  # below this a face has no inside; counted and ignored
EDGE_SLACK_TX = 1e-9  # a centre on an edge belongs to both faces; the lower face id wins
CHUNK_TEXELS = 4_000_000
LOOKED_UP_TX = 1024  # side of what is drawn at a time to look texels up in

Corners = Float64[np.ndarray, "f 3 2"]


def rasterize(
    surface: TexturedMesh,
    atlas_index: int,
    size: tuple[int, int],
    region: Region,
    *,
    conservative_tx: float = 0.0,
) -> TexelMap:
    """Find what lies under the texels of a region of one atlas.

    A texel is covered where its centre lies in a face; where several faces claim it, the lowest
    face id owns it.

    Args:
        surface: mesh and charts.
        atlas_index: whose faces to draw, see `Charts.material_id`.
        size: height and width of the whole plane, tx; any resolution, not only the stored one.
        region: the part wanted.
        conservative_tx: texels whose centre is off the charts but at most this far from a chart's
            border are given the nearest point of that border.
    """
    face_ids = np.flatnonzero(surface.charts.material_id == atlas_index).astype(np.int32)
    corners = face_corners(surface.charts, face_ids, size)
    near = _touching(corners, region.grown(int(np.ceil(conservative_tx)) + 1))
    return rasterize_faces(
        surface, face_ids[near], corners[near], region, conservative_tx=conservative_tx
    )


def on_charts(
    surface: TexturedMesh,
    atlas_index: int,
    size: tuple[int, int],
    rows: Int64[np.ndarray, " n"],
    columns: Int64[np.ndarray, " n"],
) -> Bool[np.ndarray, " n"]:
    """Tell of some texels whether their centres lie on a chart.

    Args:
        surface: mesh and charts.
        atlas_index: whose charts.
        size: height and width of the whole plane, tx.
        rows: of the texels; in any order, repeated or not.
        columns: of the same texels.
    """
    found = np.zeros(len(rows), bool)
    across = -(-size[1] // LOOKED_UP_TX)
    block = rows // LOOKED_UP_TX * across + columns // LOOKED_UP_TX
    order = np.argsort(block, kind="stable")
    blocks = list(plan_tiles(*size, size_tx=LOOKED_UP_TX, overlap_tx=0))
    present, starts = np.unique(block[order], return_index=True)
    for which, inside in zip(present.tolist(), np.split(order, starts[1:]), strict=False):
        region = blocks[which].core
        covered = rasterize(surface, atlas_index, size, region).covered
        found[inside] = covered[rows[inside] - region.y, columns[inside] - region.x]
    return found


def face_corners(
    charts: Charts, face_ids: Int32[np.ndarray, " f"], size: tuple[int, int]
) -> Corners:
    """Give the corners of faces on the texel plane of a given size."""
    height, width = size
    uv = charts.uv[charts.uv_faces[face_ids].reshape(-1)]
    return uv_to_texel(uv, height_tx=height, width_tx=width).reshape(-1, 3, 2)


def _touching(corners: Corners, region: Region) -> Int64[np.ndarray, " n"]:
    low, high = corners.min(axis=1), corners.max(axis=1)
    inside = (high[:, 0] >= region.x) & (low[:, 0] <= region.x + region.width)
    inside &= (high[:, 1] >= region.y) & (low[:, 1] <= region.y + region.height)
    return np.flatnonzero(inside)


def rasterize_faces(
    surface: TexturedMesh,
    face_ids: Int32[np.ndarray, " f"],
    corners: Corners,
    region: Region,
    *,
    conservative_tx: float = 0.0,
) -> TexelMap:
    """Draw faces that were looked up before: `rasterize` without the search."""
    owner = np.full(region.width * region.height, -1, np.int32)
    bary = np.zeros((region.width * region.height, 2), np.float32)
    order = _drawing_order(corners)
    for start, stop in _chunks(corners[order], region):
        _draw(owner, bary, face_ids, corners, order[start:stop], region)
    if conservative_tx > 0:
        drawn = np.sort(order)  # a face collapsed in uv has no border of its own
        _draw_border(owner, bary, surface, face_ids[drawn], corners[drawn], region, conservative_tx)
    shape = (region.height, region.width)
    return TexelMap(region=region, face_id=owner.reshape(shape), bary=bary.reshape(*shape, 2))


def _drawing_order(corners: Corners) -> Int64[np.ndarray, " n"]:
    """Faces with an inside, last id first: what is drawn later wins."""
    edge1, edge2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.abs(edge1[:, 0] * edge2[:, 1] - edge1[:, 1] * edge2[:, 0])
    return np.flatnonzero(area > MIN_UV_AREA_TX)[::-1]


def _chunks(corners: Corners, region: Region) -> list[tuple[int, int]]:
    """Cut the faces into runs that cover a bounded number of texels each."""
    first = np.array([region.x, region.y])
    last = first + np.array([region.width, region.height])
    low = np.clip(corners.min(axis=1), first, last)
    high = np.clip(corners.max(axis=1), first, last)
    extent = high - low + 1
    done = np.cumsum(extent[:, 0] * extent[:, 1])
    if len(done) == 0:
        return []
    marks = np.searchsorted(done, np.arange(CHUNK_TEXELS, done[-1], CHUNK_TEXELS))
    stops = np.unique(np.concatenate([marks + 1, [len(done)]]))
    return list(zip([0, *stops[:-1].tolist()], stops.tolist(), strict=True))


def _expand(
    first: Int64[np.ndarray, " n"], count: Int64[np.ndarray, " n"]
) -> tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " m"]]:
    """Unroll runs: which run each element comes from, and its value first, first + 1, ..."""
    source = np.repeat(np.arange(len(count)), count)
    start = np.cumsum(count) - count
    return source, np.arange(len(source)) - np.repeat(start - first, count)


def _draw(
    owner: Int32[np.ndarray, " t"],
    bary: np.ndarray,
    face_ids: Int32[np.ndarray, " f"],
    corners: Corners,
    order: Int64[np.ndarray, " n"],
    region: Region,
) -> None:
    three = corners[order]
    top = np.ceil(three[:, :, 1].min(axis=1) - 0.5 - EDGE_SLACK_TX)
    bottom = np.floor(three[:, :, 1].max(axis=1) - 0.5 + EDGE_SLACK_TX)
    top = np.maximum(top, region.y).astype(np.int64)
    bottom = np.minimum(bottom, region.y + region.height - 1).astype(np.int64)
    face, row = _expand(top, np.maximum(bottom - top + 1, 0))
    y = row + 0.5
    left, right = _span(three, face, y)
    left = np.maximum(left, region.x)
    right = np.minimum(right, region.x + region.width - 1)
    span, column = _expand(left, np.maximum(right - left + 1, 0))
    texel = (row[span] - region.y) * region.width + (column - region.x)
    weight0, weight1 = _affine_weights(three[:, 0], three[:, 1], three[:, 2])
    x = column + 0.5
    owner[texel] = face_ids[order[face[span]]]
    for corner, weight in enumerate((weight0, weight1)):
        start = (weight[face, 1] * y + weight[face, 2])[span]
        bary[texel, corner] = weight[face, 0][span] * x + start


def _affine_weights(
    a: Float64[np.ndarray, "n 2"], b: Float64[np.ndarray, "n 2"], c: Float64[np.ndarray, "n 2"]
) -> tuple[Float64[np.ndarray, "n 3"], Float64[np.ndarray, "n 3"]]:
    """Coefficients (x, y, 1) of the barycentric weights of corners 0 and 1."""
    det = (b[:, 1] - c[:, 1]) * (a[:, 0] - c[:, 0]) + (c[:, 0] - b[:, 0]) * (a[:, 1] - c[:, 1])
    x0, y0 = (b[:, 1] - c[:, 1]) / det, (c[:, 0] - b[:, 0]) / det
    x1, y1 = (c[:, 1] - a[:, 1]) / det, (a[:, 0] - c[:, 0]) / det
    first = np.stack([x0, y0, -x0 * c[:, 0] - y0 * c[:, 1]], axis=1)
    return first, np.stack([x1, y1, -x1 * c[:, 0] - y1 * c[:, 1]], axis=1)


def _span(
    corners: Corners, face: Int64[np.ndarray, " n"], y: Float64[np.ndarray, " n"]
) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """First and last texel of a face whose centres lie inside, on rows at heights `y`.

    Crossings come from an edge's own two ends, taken in one order: the faces on either side of it
    compute the same number, so no texel falls between them.
    """
    left, right = np.full(len(y), np.inf), np.full(len(y), -np.inf)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        a, b = corners[:, i], corners[:, j]
        swap = (a[:, 1] > b[:, 1]) | ((a[:, 1] == b[:, 1]) & (a[:, 0] > b[:, 0]))
        low, high = np.where(swap[:, None], b, a)[face], np.where(swap[:, None], a, b)[face]
        rise = high[:, 1] - low[:, 1]
        along = np.divide(y - low[:, 1], rise, out=np.zeros_like(y), where=rise > 0)
        crossing = low[:, 0] + np.clip(along, 0.0, 1.0) * (high[:, 0] - low[:, 0])
        meets = (y >= low[:, 1] - EDGE_SLACK_TX) & (y <= high[:, 1] + EDGE_SLACK_TX)
        flat = meets & (rise <= EDGE_SLACK_TX)  # the whole edge lies on the row
        left = np.where(meets, np.minimum(left, crossing), left)
        right = np.where(meets, np.maximum(right, crossing), right)
        left = np.where(flat, np.minimum(left, low[:, 0]), left)
        right = np.where(flat, np.maximum(right, high[:, 0]), right)
    none = right < left
    first = np.ceil(np.where(none, 0.0, left) - 0.5 - EDGE_SLACK_TX).astype(np.int64)
    last = np.floor(np.where(none, -1.0, right) - 0.5 + EDGE_SLACK_TX).astype(np.int64)
    return first, last


def _draw_border(
    owner: Int32[np.ndarray, " t"],
    bary: np.ndarray,
    surface: TexturedMesh,
    face_ids: Int32[np.ndarray, " f"],
    corners: Corners,
    region: Region,
    reach_tx: float,
) -> None:
    """Give uncovered texels near a chart's border the nearest point of it."""
    face, corner = border_edges(surface.mesh, surface.charts, face_ids)
    corners = corners - np.array([region.x, region.y], np.float64)
    start, end = corners[face, corner], corners[face, (corner + 1) % 3]
    low = np.floor(np.minimum(start, end) - reach_tx - 0.5).astype(np.int64)
    high = np.ceil(np.maximum(start, end) + reach_tx - 0.5).astype(np.int64)
    low = np.maximum(low, 0)
    high = np.minimum(high, (region.width - 1, region.height - 1))
    size = np.maximum(high - low + 1, 0)
    edge, flat = _expand(np.zeros(len(low), np.int64), size[:, 0] * size[:, 1])
    x = low[edge, 0] + flat % np.maximum(size[edge, 0], 1)
    y = low[edge, 1] + flat // np.maximum(size[edge, 0], 1)
    texel = y * region.width + x
    free = owner[texel] < 0
    edge, texel, x, y = edge[free], texel[free], x[free], y[free]
    along = end[edge] - start[edge]
    offset = np.stack([x + 0.5, y + 0.5], axis=1) - start[edge]
    squared = np.maximum((along**2).sum(axis=1), 1e-18)
    t = np.clip((along * offset).sum(axis=1) / squared, 0.0, 1.0)
    distance = np.linalg.norm(offset - t[:, None] * along, axis=1)
    near = distance <= reach_tx
    # Nearest last, and of two equally near the lower face id last.
    order = np.lexsort((-face_ids[face[edge]], -np.round(distance, 9)))
    order = order[near[order]]
    edge, texel, t = edge[order], texel[order], t[order]
    weights = np.zeros((len(edge), 3))
    rows = np.arange(len(edge))
    weights[rows, corner[edge]] = 1.0 - t
    weights[rows, (corner[edge] + 1) % 3] += t
    owner[texel] = face_ids[face[edge]]
    bary[texel] = weights[:, :2]


def border_edges(
    mesh: Mesh, charts: Charts, face_ids: Int32[np.ndarray, " f"]
) -> tuple[Int64[np.ndarray, " e"], Int64[np.ndarray, " e"]]:
    """Edges that only one of the given faces has, welded by position and uv.

    Returns:
        Row in `face_ids`, and the corner that the edge starts from.
    """
    vertex = mesh.faces[face_ids].reshape(-1)
    uv = charts.uv_faces[face_ids].reshape(-1)
    key = np.concatenate([mesh.vertices[vertex], charts.uv[uv]], axis=1)
    _, node = np.unique(key, axis=0, return_inverse=True)
    node = node.reshape(-1, 3).astype(np.int64)
    ends = np.stack([node, np.roll(node, -1, axis=1)], axis=2).reshape(-1, 2)
    low, high = ends.min(axis=1), ends.max(axis=1)
    code = low * (int(node.max(initial=0)) + 1) + high
    _, first, count = np.unique(code, return_index=True, return_counts=True)
    edge = first[count == 1]
    return edge // 3, edge % 3
