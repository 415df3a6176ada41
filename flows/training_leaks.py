"""Whether something is learnt from an object that is validated on, whatever its files are called.

The most likely mistake is to photograph a scan twice: once with `texsr simulate` to validate on,
and once to learn from. File names and bytes differ then, and vertices may; how the faces lie in the
texture plane does not. So packs keep a coarse count of that, and are compared by it.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.errors import SettingsError

CELLS = 16  # along either axis of the texture plane
LEAST_FACES = 100  # squares and cubes all lie alike
SAME_SHARE = 0.02  # of the faces may be counted elsewhere: they lie on a border between cells


def uv_layout(surface: TexturedMesh) -> list[int]:
    """Count the faces whose middle lies in each cell of the texture plane, row by row."""
    charts = surface.charts
    middles = charts.uv[charts.uv_faces].mean(axis=1) % 1.0
    counts, _, _ = np.histogram2d(middles[:, 0], middles[:, 1], CELLS, ((0, 1), (0, 1)))
    return [int(count) for count in counts.ravel()]


def same_layout(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two counts are of one surface; never for few faces."""
    faces = max(sum(one), sum(other))
    if min(sum(one), sum(other)) < LEAST_FACES:
        return False
    elsewhere = sum(abs(a - b) for a, b in zip(one, other, strict=True))
    return elsewhere <= 2 * SAME_SHARE * faces


def check_unseen(
    where: str, layout: Sequence[int] | None, validated: Mapping[str, Sequence[int]]
) -> None:
    """Refuse a surface to learn from that is validated on.

    Args:
        where: what errors call it.
        layout: its `uv_layout`; None: it is not known, or there is no surface.
        validated: those of validation captures, by name.

    Raises:
        SettingsError: it is one of them.
    """
    for name, other in validated.items():
        if layout is not None and same_layout(layout, other):
            raise SettingsError(
                where,
                found=f"the object of the validation capture '{name}': its texture is laid out "
                "the same",
                expected="validation on objects that nothing was learnt from",
                remedy="leave it out on one of the two sides",
            )
