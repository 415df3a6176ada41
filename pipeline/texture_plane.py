"""The charts of an atlas as a flat surface that rays can be cast at."""

from collections.abc import Iterator
from typing import final

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, UInt8, UInt16

from texsr.pipeline.atlas import TexturedMesh, texel_to_uv
from texsr.pipeline.mesh import Mesh
from texsr.pipeline.rays import RayCaster

Stored = UInt8[np.ndarray, "h w c"] | UInt16[np.ndarray, "h w c"]

BAND_TEXELS = 1 << 20


@final
class TexturePlane:
    """Finds the face under any point of the texture plane.

    Where charts are stacked, one of them answers.
    """

    def __init__(self, surface: TexturedMesh, atlas_index: int) -> None:
        charts = surface.charts
        self._face_ids = np.flatnonzero(charts.material_id == atlas_index).astype(np.int32)
        flat = np.concatenate([charts.uv, np.zeros((len(charts.uv), 1))], axis=1)
        self._caster = RayCaster(Mesh(vertices=flat, faces=charts.uv_faces[self._face_ids]))

    def under(
        self, uv: Float64[np.ndarray, "n 2"]
    ) -> tuple[Int32[np.ndarray, " n"], Float32[np.ndarray, "n 2"]]:
        """Give the face under each point, -1 for none, and the weights of its corners 0 and 1."""
        above = np.concatenate([uv, np.ones((len(uv), 1))], axis=1)
        down = np.broadcast_to(np.array([0.0, 0.0, -1.0]), above.shape)
        hits = self._caster.first_hit(above, down)
        found = np.full(len(uv), -1, np.int32)
        met = hits.face_id >= 0
        found[met] = self._face_ids[hits.face_id[met]]
        return found, hits.bary

    def coverage(self, height: int, width: int) -> Bool[np.ndarray, "h w"]:
        """Tell for a plane of any resolution which texel centres lie on a chart."""
        covered = np.empty((height, width), bool)
        for rows in bands(height, width):
            uv = texel_centres(rows, height=height, width=width)
            covered[rows] = (self.under(uv)[0] >= 0).reshape(-1, width)
        return covered


def texel_centres(rows: slice, *, height: int, width: int) -> Float64[np.ndarray, "n 2"]:
    """Give the uv of the texel centres of some rows, in row-major order."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(rows.start, rows.stop) + 0.5)
    return texel_to_uv(np.stack([x.ravel(), y.ravel()], axis=1), height_tx=height, width_tx=width)


def bands(height: int, width: int, *, texels: int | None = None) -> Iterator[slice]:
    """Cut rows into bands of about `texels` texels."""
    step = max(1, (texels or BAND_TEXELS) // width)
    for first in range(0, height, step):
        yield slice(first, min(first + step, height))


def with_gutter(image: Stored, covered: Bool[np.ndarray, "h w"], *, gutter_tx: int) -> Stored:
    """Copy an image, giving texels near a covered one the nearest covered one's colour."""
    from scipy.ndimage import distance_transform_edt

    height, width = covered.shape
    filled = image.copy()
    for rows in bands(height, width):
        seen = slice(max(rows.start - gutter_tx, 0), min(rows.stop + gutter_tx, height))
        free = ~covered[seen]
        if free.all() or not free.any():
            continue
        nearest = distance_transform_edt(free, return_distances=False, return_indices=True)
        row, column = np.asarray(nearest)
        squared = (row - np.arange(len(free))[:, None]) ** 2 + (column - np.arange(width)) ** 2
        near = free & (squared <= gutter_tx**2)
        near[: rows.start - seen.start] = False
        near[rows.stop - seen.start :] = False
        filled[seen][near] = image[seen][row[near], column[near]]
    return filled
