"""Choose references: per fixed cell of the atlas, the views that add most.

Cells are fixed squares of the calibration grid, so the choice depends on the surface and never on
the tiling. A view is worth what it adds to the views chosen before it: square roots of summed
weights grow most where nobody looked yet, and a view from nearly the same direction as a chosen one
counts less (twins bring nothing).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64

from texsr.pipeline.fit import ViewFit

CELL_TX = 16  # texels of the calibration grid
TWIN_RAD = 0.12  # views closer than this in direction are near twins
MIN_TRUST = (
    0.02  # squared correlation below which a photo shows something else, whatever the others do
)
MIN_TRUST_SHARE = 0.4  # and below this share of the median view's it does so too
NONE_GIVEN = "the model is given no photos"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ViewFacts:
    """What selection knows of one view, on the calibration grid."""

    name: str
    weight: Float32[np.ndarray, "h w"]  # feathered visibility * cosine^2
    px_per_texel: Float32[np.ndarray, "h w"]
    direction: Float64[np.ndarray, " 3"]  # from the object to the camera, unit
    fit: ViewFit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selection:
    """Which views a cell may use."""

    allowed: Bool[np.ndarray, "k ch cw"]
    reasons: tuple[str, ...]  # per view: why it was chosen, or why not

    def share(self, view_index: int, shape: tuple[int, int]) -> Float32[np.ndarray, "h w"]:
        """How much of a view each texel of a plane may use; fades across the borders of cells."""
        cells = self.allowed[view_index].astype(np.float32)
        if cells.all():
            return np.ones(shape, np.float32)
        rows, columns = (
            np.clip((np.arange(size) + 0.5) / size * count - 0.5, 0, count - 1)
            for size, count in zip(shape, cells.shape, strict=True)
        )
        return _bilinear(cells, rows, columns)


def select(
    views: list[ViewFacts], covered: Bool[np.ndarray, "h w"], num_references: int | None
) -> Selection:
    """Choose up to `num_references` views for every cell; None: all that agree with the atlas."""
    shape = -(-covered.shape[0] // CELL_TX), -(-covered.shape[1] // CELL_TX)
    bar = _trust_bar(views)
    trusted = np.array([view.fit.trust >= bar for view in views], bool)
    value = [_cell_means(_worth(view, views), shape) for view in views]
    stacked = np.stack(value) if value else np.zeros((0, *shape, 4), np.float32)
    stacked[~trusted] = 0.0
    if num_references is None:
        allowed = np.broadcast_to(trusted[:, None, None], (len(views), *shape)).copy()
    else:
        allowed = _greedy(stacked, _twins(views), num_references)
    chosen = allowed & (stacked.sum(axis=-1) > 0)
    total = max(float((stacked.max(axis=(0, 3), initial=0.0) > 0).sum()), 1.0)
    shares = [float(one.sum()) / total for one in chosen]
    reasons = tuple(
        _reason(view, views, share, bar) if num_references != 0 else NONE_GIVEN
        for view, share in zip(views, shares, strict=True)
    )
    return Selection(allowed=allowed, reasons=reasons)


def _trust_bar(views: list[ViewFacts]) -> float:
    """Trust below which a view shows something else than this surface."""
    seeing = [view.fit.trust for view in views if view.weight.any()]
    return max(MIN_TRUST, MIN_TRUST_SHARE * float(np.median(seeing))) if seeing else MIN_TRUST


def _worth(view: ViewFacts, views: list[ViewFacts]) -> Float32[np.ndarray, "h w"]:
    """Value of a view at each texel: seen well, finely, sharply, in agreement with the atlas."""
    sharpest = max((other.fit.sharpness for other in views), default=1.0) or 1.0
    resolution = np.minimum(view.px_per_texel, 1.5) ** 2
    return view.weight * resolution * np.float32(view.fit.trust * view.fit.sharpness / sharpest)


def _cell_means(
    plane: Float32[np.ndarray, "h w"], shape: tuple[int, int]
) -> Float32[np.ndarray, "ch cw q"]:
    """Means over the four quarters of each cell."""
    half = CELL_TX // 2
    full = np.zeros((shape[0] * CELL_TX, shape[1] * CELL_TX), np.float32)
    full[: plane.shape[0], : plane.shape[1]] = plane
    blocks = full.reshape(shape[0], 2, half, shape[1], 2, half).mean(axis=(2, 5))
    return blocks.transpose(0, 2, 1, 3).reshape(*shape, 4)


def _twins(views: list[ViewFacts]) -> Float32[np.ndarray, "k k"]:
    """How much two views repeat each other, [0, 1]."""
    direction = np.stack([view.direction for view in views]) if views else np.zeros((0, 3))
    angle = np.arccos(np.clip(direction @ direction.T, -1.0, 1.0))
    return np.exp(-((angle / TWIN_RAD) ** 2)).astype(np.float32)


def _greedy(
    value: Float32[np.ndarray, "k ch cw q"], twins: Float32[np.ndarray, "k k"], count: int
) -> Bool[np.ndarray, "k ch cw"]:
    """Add, in every cell at once, the view that adds most; ties go to the lower index."""
    allowed = np.zeros(value.shape[:3], bool)
    held = np.zeros(value.shape[1:], np.float32)
    repeat = np.zeros(value.shape[:3], np.float32)
    for _ in range(min(count, len(value))):
        gain = (np.sqrt(held + value) - np.sqrt(held)).sum(axis=-1) * (1.0 - 0.8 * repeat)
        gain[allowed] = -1.0
        best = gain.argmax(axis=0)
        adds = np.take_along_axis(gain, best[None], axis=0)[0] > 0
        if not adds.any():
            break
        rows, columns = np.nonzero(adds)
        view = best[rows, columns]
        allowed[view, rows, columns] = True
        held[rows, columns] += value[view, rows, columns]
        repeat[:, rows, columns] = np.maximum(repeat[:, rows, columns], twins[:, view])
    return allowed


def _reason(view: ViewFacts, views: list[ViewFacts], share: float, bar: float) -> str:
    """Say in a few words what spoke for a view, or against it."""
    if not view.weight.any():
        return "sees nothing of the surface"
    if view.fit.trust < bar:
        return f"does not show this surface: agreement with the atlas {view.fit.trust:.2f}"
    if share == 0.0:
        return "others see the same places better"
    seen = view.weight > 0
    resolution = float(np.median(view.px_per_texel[seen]))
    others = [float(np.median(o.px_per_texel[o.weight > 0])) for o in views if o.weight.any()]
    merits = [f"used on {share:.0%} of the cells"]
    if resolution >= np.quantile(others, 0.75):
        merits.append("finest resolution")
    if view.fit.trust >= np.quantile([o.fit.trust for o in views], 0.75):
        merits.append("agrees best with the atlas")
    if float(np.mean(view.weight[seen])) >= 0.5:
        merits.append("looks straight on")
    return "; ".join(merits)


def _bilinear(
    cells: Float32[np.ndarray, "ch cw"],
    rows: Float64[np.ndarray, " h"],
    columns: Float64[np.ndarray, " w"],
) -> Float32[np.ndarray, "h w"]:
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    bottom, right = (
        np.minimum(top + 1, cells.shape[0] - 1),
        np.minimum(left + 1, cells.shape[1] - 1),
    )
    down, across = (rows - top)[:, None], (columns - left)[None]
    upper = cells[top][:, left] * (1 - across) + cells[top][:, right] * across
    lower = cells[bottom][:, left] * (1 - across) + cells[bottom][:, right] * across
    return (upper * (1 - down) + lower * down).astype(np.float32)
