"""Antialiased bicubic resampling, the same numbers as Pillow's, as separable sparse matrices.

Source: Pillow `libImaging/Resample.c`: Keys' cubic with a = -0.5, widened by the factor when
reducing; taps beyond an edge are dropped and the rest renormalised. We keep float32 throughout and
never round, so the same operator serves as `down` in consistency and as its adjoint.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from jaxtyping import Float32, Float64, UInt8, UInt16

from texsr.pipeline.color import to_float

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Samples = Float32[np.ndarray, "h w c"] | UInt8[np.ndarray, "h w c"] | UInt16[np.ndarray, "h w c"]

CUBIC_A = -0.5
CUBIC_RADIUS = 2.0


def cubic(distance: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """Evaluate Keys' cubic convolution kernel (a = -0.5)."""
    x = np.abs(distance)
    near = ((CUBIC_A + 2.0) * x - (CUBIC_A + 3.0)) * x * x + 1.0
    far = CUBIC_A * (((x - 5.0) * x + 8.0) * x - 4.0)
    return np.where(x < 1.0, near, np.where(x < CUBIC_RADIUS, far, 0.0))


def bicubic_matrix(size_in: int, size_out: int) -> "csr_array":
    """Build the matrix that resamples one axis from `size_in` to `size_out` samples.

    Returns:
        float32, size_out x size_in; each row sums to one.
    """
    from scipy.sparse import csr_array

    ratio = size_in / size_out
    widening = max(ratio, 1.0)
    support = CUBIC_RADIUS * widening
    centre = (np.arange(size_out) + 0.5) * ratio
    # Truncation toward zero, then clamping, is Pillow's own choice of the first and last tap.
    first = np.maximum((centre - support + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + support + 0.5).astype(np.int64), size_in)
    taps = first[:, None] + np.arange(int((last - first).max()))  # o k
    weight = cubic((taps - centre[:, None] + 0.5) / widening)
    weight[taps >= last[:, None]] = 0.0
    weight /= weight.sum(axis=1, keepdims=True)
    rows = np.broadcast_to(np.arange(size_out)[:, None], taps.shape)
    kept = weight != 0.0
    return csr_array(
        (weight[kept].astype(np.float32), (rows[kept], taps[kept])), shape=(size_out, size_in)
    )


def area_matrix(size_in: int, size_out: int) -> "csr_array":
    """Build the matrix that averages one axis over the stretch that each output sample stands for.

    Returns:
        float32, size_out x size_in; each row sums to one.
    """
    from scipy.sparse import csr_array

    ratio = size_in / size_out
    start = np.arange(size_out) * ratio
    stop = start + ratio
    first = start.astype(np.int64)
    taps = first[:, None] + np.arange(int(np.ceil(ratio)) + 1)  # o k
    weight = np.minimum(taps + 1, stop[:, None]) - np.maximum(taps, start[:, None])
    kept = (weight > 1e-9) & (taps < size_in)
    weight = np.where(kept, weight, 0.0)
    weight /= weight.sum(axis=1, keepdims=True)
    rows = np.broadcast_to(np.arange(size_out)[:, None], taps.shape)
    return csr_array(
        (weight[kept].astype(np.float32), (rows[kept], taps[kept])), shape=(size_out, size_in)
    )


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resampling:
    """A separable map between images of two sizes, applied to some output rows at a time."""

    down: "csr_array"  # H h
    across: "csr_array"  # W w

    @classmethod
    def bicubic(cls, size_in: tuple[int, int], size_out: tuple[int, int]) -> "Resampling":
        """As `bicubic_matrix`; sizes are height and width."""
        down, across = map(bicubic_matrix, size_in, size_out)
        return cls(down=down, across=across)

    @classmethod
    def area(cls, size_in: tuple[int, int], size_out: tuple[int, int]) -> "Resampling":
        """As `area_matrix`; sizes are height and width."""
        down, across = map(area_matrix, size_in, size_out)
        return cls(down=down, across=across)

    def needed(self, rows: slice) -> slice:
        """Give the input rows that some output rows are made of."""
        taps = self.down[rows].indices
        return slice(int(taps.min()), int(taps.max()) + 1)

    def apply(
        self, band: Float32[np.ndarray, "b w c"], rows: slice
    ) -> Float32[np.ndarray, "r W c"]:
        """Give output rows from the band of input rows that they need."""
        return apply_separable(self.down[rows][:, self.needed(rows)], self.across, band)


def resize(
    image: Float32[np.ndarray, "h w c"], *, height: int, width: int
) -> Float32[np.ndarray, "H W c"]:
    """Resample an image bicubically: antialiased when reducing, interpolating when enlarging."""
    return resize_rows(image, height=height, width=width, rows=slice(0, height))


def resize_rows(
    image: Samples,
    *,
    height: int,
    width: int,
    rows: slice,
) -> Float32[np.ndarray, "r W c"]:
    """Give some rows of `resize`, reading only the input rows that they need.

    Args:
        image: the whole input; a memory map is read in place. Stored integers become [0, 1].
        height: rows of the whole output.
        width: columns of the output.
        rows: the output rows wanted.
    """
    resampling = Resampling.bicubic(image.shape[:2], (height, width))
    part = np.ascontiguousarray(image[resampling.needed(rows)])
    return resampling.apply(part if part.dtype == np.float32 else to_float(part), rows)


def resize_part(
    image: Samples, *, shape: tuple[int, int], part: tuple[slice, slice]
) -> Float32[np.ndarray, "r s c"]:
    """Give some rows and columns of `resize`, reading only what they need.

    Args:
        image: the whole input. Stored integers become [0, 1].
        shape: height and width of the whole output.
        part: the output rows and columns wanted.
    """
    matrices = zip(map(bicubic_matrix, image.shape[:2], shape), part, strict=True)
    down, across = (matrix[wanted] for matrix, wanted in matrices)
    rows, columns = (
        slice(int(one.indices.min()), int(one.indices.max()) + 1) for one in (down, across)
    )
    near = np.ascontiguousarray(image[rows, columns])
    near = near if near.dtype == np.float32 else to_float(near)
    return apply_separable(down[:, rows], across[:, columns], near)


def apply_separable(
    down: "csr_array", across: "csr_array", image: Float32[np.ndarray, "h w c"]
) -> Float32[np.ndarray, "H W c"]:
    """Apply one matrix along rows and one along columns; transposed matrices give the adjoint."""
    _, w, c = image.shape
    tall = np.asarray(down @ image.reshape(len(image), w * c)).reshape(-1, w, c)  # H w c
    turned = np.ascontiguousarray(tall.transpose(1, 0, 2)).reshape(w, -1)  # w (H c)
    wide = np.asarray(across @ turned).reshape(-1, len(tall), c)  # W H c
    return np.ascontiguousarray(wide.transpose(1, 0, 2))
