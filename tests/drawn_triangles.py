"""Surfaces whose faces lie at given texel coordinates, and the plane they are drawn on."""

from pathlib import Path

import numpy as np

from texsr.pipeline.atlas import TexelMap, TexturedMesh
from texsr.pipeline.mesh import Charts, Mesh
from texsr.pipeline.stages.rasterize import rasterize
from texsr.pipeline.tile import Region

SIDE = 16  # a power of two: texel coordinates on eighths survive the way through uv exactly
WHOLE = Region(x=0, y=0, width=SIDE, height=SIDE)


def drawn(triangles: np.ndarray, *, size: int = SIDE, materials=None) -> TexturedMesh:
    """A surface whose faces lie at the given texel coordinates, flat in the world."""
    corners = np.asarray(triangles, np.float64).reshape(-1, 2)
    uv = np.stack([corners[:, 0] / size, 1.0 - corners[:, 1] / size], axis=1)
    faces = np.arange(len(corners), dtype=np.int32).reshape(-1, 3)
    vertices = np.concatenate([corners, np.zeros((len(corners), 1))], axis=1)
    charts = Charts(
        uv=uv,
        uv_faces=faces,
        chart_id=np.arange(len(faces), dtype=np.int32),
        material_id=np.zeros(len(faces), np.int32)
        if materials is None
        else np.array(materials, np.int32),
    )
    mesh = Mesh(vertices=vertices, faces=faces)
    return TexturedMesh(path=Path("flat.obj"), mesh=mesh, charts=charts, atlases=())


def whole(triangles: np.ndarray, *, conservative_tx: float = 0.0) -> TexelMap:
    return rasterize(drawn(triangles), 0, (SIDE, SIDE), WHOLE, conservative_tx=conservative_tx)
