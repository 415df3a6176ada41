"""An image over uv, and the geometry under each of its texels."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, UInt8, UInt16

from texsr.pipeline.color import to_float
from texsr.pipeline.mesh import Charts, Mesh
from texsr.pipeline.tile import Region


class ImageKind(Enum):
    """The containers that an atlas can be stored in."""

    PNG = "png"
    JPEG = "jpeg"
    TIFF = "tiff"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Atlas:
    """A texture image as it is stored, and where it is stored.

    Row 0 is the top (v = 1). Colour is sRGB-encoded. Channels: 1 grey, 2 grey + alpha, 3 RGB,
    4 RGB + alpha.
    """

    name: str  # as the mesh file names it; the key of this atlas in reports
    path: Path | None  # None: the pixels are embedded in the mesh file
    kind: ImageKind
    stored: UInt8[np.ndarray, "h w c"] | UInt16[np.ndarray, "h w c"]

    @property
    def height_tx(self) -> int:
        """Rows."""
        return self.stored.shape[0]

    @property
    def width_tx(self) -> int:
        """Columns."""
        return self.stored.shape[1]

    @property
    def num_color(self) -> int:
        """Channels that are colour: 1 or 3."""
        return 3 if self.stored.shape[2] >= 3 else 1

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is alpha."""
        return self.stored.shape[2] in (2, 4)

    @property
    def region(self) -> Region:
        """The whole plane."""
        return Region(x=0, y=0, width=self.width_tx, height=self.height_tx)

    def color(self, region: Region) -> Float32[np.ndarray, "h w 3"]:
        """RGB of a region in [0, 1], alpha left out; grey is repeated."""
        crop = to_float(self.stored[(*region.slices, slice(0, self.num_color))])
        return np.repeat(crop, 3, axis=2) if self.num_color == 1 else crop

    def alpha(self, region: Region) -> Float32[np.ndarray, "h w"] | None:
        """Alpha of a region in [0, 1]; None where the image has none."""
        return to_float(self.stored[(*region.slices, -1)]) if self.has_alpha else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TexelMap:
    """What lies under each texel of a region: a face, and where in it.

    Positions and normals derive from it, so a texel costs 12 bytes.
    """

    region: Region
    face_id: Int32[np.ndarray, "h w"]  # -1: off the charts
    bary: Float32[np.ndarray, "h w 2"]  # weights of corners 0 and 1

    @property
    def covered(self) -> Bool[np.ndarray, "h w"]:
        """Texels that lie on a chart."""
        return self.face_id >= 0

    def positions(self, mesh: Mesh) -> Float64[np.ndarray, "n 3"]:
        """World positions of the covered texels, in row-major order."""
        covered = self.covered
        corners = mesh.vertices[mesh.faces[self.face_id[covered]]]  # n 3 3
        weight = self.bary[covered].astype(np.float64)
        a, b = weight[:, 0, None], weight[:, 1, None]
        return corners[:, 0] * a + corners[:, 1] * b + corners[:, 2] * (1.0 - a - b)


def uv_to_texel(
    uv: Float64[np.ndarray, "n 2"], *, height_tx: int, width_tx: int
) -> Float64[np.ndarray, "n 2"]:
    """Place texture coordinates on the continuous texel plane of an atlas.

    Args:
        uv: unit square, origin lower-left, v up.
        height_tx: atlas rows.
        width_tx: atlas columns.

    Returns:
        (x, y), origin upper-left, y down; texel (0, 0) is centred at (0.5, 0.5).
    """
    return np.stack([uv[:, 0] * width_tx, (1.0 - uv[:, 1]) * height_tx], axis=1)


def texel_to_uv(
    texel: Float64[np.ndarray, "n 2"], *, height_tx: int, width_tx: int
) -> Float64[np.ndarray, "n 2"]:
    """Undo `uv_to_texel`."""
    return np.stack([texel[:, 0] / width_tx, 1.0 - texel[:, 1] / height_tx], axis=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TexturedMesh:
    """A mesh with its charts and every atlas that its materials name."""

    path: Path  # the mesh file
    mesh: Mesh
    charts: Charts
    atlases: tuple[Atlas, ...]  # `charts.material_id` counts these
    sidecars: tuple[Path, ...] = ()  # what else the mesh file names: materials, buffers, other maps
