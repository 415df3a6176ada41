"""Where on a surface two sets of textures differ most."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Num

from texsr.pipeline.atlas import TexturedMesh, uv_to_texel
from texsr.pipeline.color import luma
from texsr.pipeline.mipmap import Mipmap
from texsr.pipeline.scene import Texture
from texsr.pipeline.tile import Region

SAMPLES = 200_000
MIN_COVERED = 0.7  # of a window, so that a picture of it is not mostly gutter


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A window of an atlas and what changed in it."""

    atlas_index: int
    region: Region  # of the texture before
    change: float  # root mean square difference of luma, in 1/255


def find_changes(
    surface: TexturedMesh,
    before: Sequence[Texture],
    after: Sequence[Texture],
    *,
    window_tx: int,
    count: int,
) -> list[Spot]:
    """Pick windows that do not touch one another, the greatest change first.

    The change is measured at points spread evenly over the charts, so textures of any size are
    sampled in place.

    Args:
        surface: mesh and charts.
        before: parallel to `surface.atlases`.
        after: parallel to `surface.atlases`, of any size.
        window_tx: side of a window, texels of `before`.
        count: at most this many.
    """
    spots: list[Spot] = []
    for index, (low, high) in enumerate(zip(before, after, strict=True)):
        spots += _spots_of(surface, index, (Mipmap(low), Mipmap(high)), window_tx)
    spots.sort(key=lambda spot: -spot.change)
    chosen: list[Spot] = []
    for spot in spots:
        if len(chosen) == count:
            break
        if not any(_touch(spot, other, window_tx) for other in chosen):
            chosen.append(spot)
    return chosen


def _spots_of(
    surface: TexturedMesh, index: int, textures: tuple[Mipmap, Mipmap], window_tx: int
) -> list[Spot]:
    """Measure every window of one atlas; windows overlap by half."""
    uv = _spread(surface, index)
    if len(uv) == 0:
        return []
    low = textures[0]
    half = max(1, min(window_tx, low.height_tx // 2, low.width_tx // 2) // 2)
    shape = (low.height_tx // half, low.width_tx // half)
    texel = uv_to_texel(uv, height_tx=low.height_tx, width_tx=low.width_tx)
    cell = np.floor(texel / half).astype(np.int64)  # x y
    inside = (cell >= 0).all(axis=1) & (cell < shape[::-1]).all(axis=1)
    flat = cell[inside, 1] * shape[1] + cell[inside, 0]
    square = _squared_change(uv[inside], textures)
    number = _windows(np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape))
    total = _windows(np.bincount(flat, square, minlength=shape[0] * shape[1]).reshape(shape))
    charted_tx = _charted_area(surface, index) * low.height_tx * low.width_tx
    covered = number / len(uv) * charted_tx / (2 * half) ** 2
    return [
        Spot(
            atlas_index=index,
            region=Region(x=int(x) * half, y=int(y) * half, width=2 * half, height=2 * half),
            change=float(np.sqrt(total[y, x] / number[y, x])),
        )
        for y, x in np.argwhere((covered >= MIN_COVERED) & (number > 0))
    ]


def _squared_change(
    uv: Float64[np.ndarray, "n 2"], textures: tuple[Mipmap, Mipmap]
) -> Float64[np.ndarray, " n"]:
    """Give the squared difference of luma at places of the uv square, in (1/255)²."""
    point = np.ones(len(uv))
    low, high = (
        luma(t.sample(uv_to_texel(uv, height_tx=t.height_tx, width_tx=t.width_tx), point))
        for t in textures
    )
    return (high - low).astype(np.float64) ** 2


def _spread(surface: TexturedMesh, index: int) -> Float64[np.ndarray, "n 2"]:
    """Spread points evenly over the charts of one atlas."""
    charts = surface.charts
    rng = np.random.default_rng(0)
    areas = np.where(charts.material_id == index, np.abs(charts.uv_areas()), 0.0)
    if areas.sum() == 0:
        return np.zeros((0, 2))
    share = (np.arange(SAMPLES) + rng.random(SAMPLES)) / SAMPLES
    faces = np.searchsorted(np.cumsum(areas) / areas.sum(), share).clip(0, len(areas) - 1)
    a, b = rng.random((2, SAMPLES, 1))
    a, b = np.where(a + b > 1, 1 - a, a), np.where(a + b > 1, 1 - b, b)
    corners = charts.uv[charts.uv_faces[faces]]  # n 3 2
    return corners[:, 0] * a + corners[:, 1] * b + corners[:, 2] * (1 - a - b)


def _charted_area(surface: TexturedMesh, index: int) -> float:
    charts = surface.charts
    return float(np.abs(charts.uv_areas())[charts.material_id == index].sum())


def _windows(cells: Num[np.ndarray, "h w"]) -> Num[np.ndarray, "H W"]:
    """Sum 2 x 2 neighbouring half-windows."""
    return cells[:-1, :-1] + cells[1:, :-1] + cells[:-1, 1:] + cells[1:, 1:]


def _touch(spot: Spot, other: Spot, gap_tx: int) -> bool:
    near = spot.region.grown(gap_tx).intersected(other.region)
    return spot.atlas_index == other.atlas_index and near.area > 0
