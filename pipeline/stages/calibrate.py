"""Fit each photo to the atlas: residual shift, gain, trust, noise, sharpness.

The low atlas is the yardstick. In windows on the photo plane (where neighbours are neighbours on
the surface, whatever the charts) the atlas's contrast is regressed on the photo's and on its two
derivatives; what the derivatives explain is a shift. Windows shrink from round to round. This is
Lucas and Kanade's registration ("An iterative image registration technique", 1981) with a local
gain, on scattered samples, and with a ridge that stands for the prior belief that poses are good to
a pixel.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64
from scipy import ndimage

from texsr.pipeline.fit import ViewFit

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrateSettings:
    """How photos are fitted to the atlas."""

    windows: tuple[float, ...] = (0.2, 0.06, 0.025)
    """Standard deviation of the window of each round, relative to the longer side of the photo."""
    band_sigma_tx: float = 3.0
    """Contrast is what a Gaussian of this width takes out."""
    prior_shift_px: float = 0.7
    """How far poses are expected to be off."""
    max_shift_px: float = 3.0
    """What is called a shift; beyond it the view is simply wrong."""
    cell_tx: float = 2.0
    """Cells of the photo-plane grid, in texels of the calibration grid."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """What one view sees of the calibration grid."""

    seen: Bool[np.ndarray, "h w"]
    px: Float64[np.ndarray, "n 2"]  # of the seen texels, row-major
    weight: Float32[np.ndarray, " n"]
    atlas: Float32[np.ndarray, " n"]  # luma in [0, 1]
    px_per_texel: float


def fit_view(
    samples: Samples, photo: Float32[np.ndarray, "ph pw"], settings: CalibrateSettings
) -> ViewFit:
    """Fit one photo.

    Args:
        samples: what it sees of the atlas.
        photo: its luma in [0, 1].
        settings: windows and priors.
    """
    factor = max(1, int(samples.px_per_texel / 2.0))
    planes = _smooth_with_slopes(_boxed(photo, factor), 0.36 * samples.px_per_texel / factor)
    px = samples.px / factor
    contrast = _Contrast(samples.seen, settings.band_sigma_tx)
    atlas = contrast(samples.atlas)
    grid = _Grid(px, photo.shape, factor, settings.cell_tx * samples.px_per_texel / factor)
    shift = np.zeros_like(px)
    solved = None
    for window in settings.windows:
        value, slope_x, slope_y = (contrast(z) for z in _sample(planes, px + shift))
        phi = np.stack([value, slope_x, slope_y])
        sigma = window * max(photo.shape) / factor / grid.cell
        solved = _solve(grid, phi, atlas, samples.weight, sigma, settings.prior_shift_px / factor)
        shift = shift + grid.at(solved.shift)
    assert solved is not None
    limit = settings.max_shift_px
    shift = np.clip(shift * factor, -limit, limit)
    return ViewFit(
        shift_px=np.clip(grid.mean(shift), -limit, limit).astype(np.float32),
        cell_px=grid.cell * factor,
        median_shift_px=float(np.median(np.hypot(shift[:, 0], shift[:, 1]))) if len(px) else 0.0,
        trust=solved.trust,
        noise=_noise(photo),
        sharpness=_fine_contrast(photo, samples),
        gain=solved.gain,
    )


def unseeing(photo: Float32[np.ndarray, "ph pw"]) -> ViewFit:
    """The fit of a view that sees nothing of the atlas."""
    return ViewFit(
        shift_px=np.zeros((1, 1, 2), np.float32),
        cell_px=float(max(photo.shape)),
        median_shift_px=0.0,
        trust=0.0,
        noise=_noise(photo),
        sharpness=0.0,
        gain=1.0,
    )


class _Contrast:
    """Take out the low frequencies of a quantity known on the seen texels only."""

    def __init__(self, seen: Bool[np.ndarray, "h w"], sigma: float) -> None:
        self.seen, self.sigma = seen, sigma
        self.around = self._blur(seen.astype(np.float32))[seen] + np.float32(1e-6)

    def _blur(self, plane: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
        return ndimage.gaussian_filter(plane, self.sigma, truncate=2.5, mode="constant")

    def __call__(self, values: Float32[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        plane = np.zeros(self.seen.shape, np.float32)
        plane[self.seen] = values
        return (values - self._blur(plane)[self.seen] / self.around).astype(np.float64)


class _Grid:
    """Square cells over the (reduced) photo plane that scattered samples are summed in."""

    def __init__(
        self, px: Float64[np.ndarray, "n 2"], shape: tuple[int, ...], factor: int, cell: float
    ) -> None:
        self.cell = max(4.0, cell)
        self.rows = int(np.ceil(shape[0] / factor / self.cell)) + 1
        self.columns = int(np.ceil(shape[1] / factor / self.cell)) + 1
        column, row = (px / self.cell).astype(np.int64).T
        self.index = row * self.columns + column
        self._at = np.stack([px[:, 1], px[:, 0]]) / self.cell - 0.5

    def sum(self, values: Float64[np.ndarray, " n"], sigma: float) -> Float64[np.ndarray, "r c"]:
        """Sum in every cell, under a Gaussian window."""
        flat = np.bincount(self.index, weights=values, minlength=self.rows * self.columns)
        plane = flat.reshape(self.rows, self.columns)
        return ndimage.gaussian_filter(plane, sigma, mode="constant", truncate=3.0)

    def at(self, field: Float64[np.ndarray, "r c 2"]) -> Float64[np.ndarray, "n 2"]:
        """Interpolate a field on the cells at the samples."""
        parts = [
            ndimage.map_coordinates(field[..., axis], self._at, order=1, mode="nearest")
            for axis in range(2)
        ]
        return np.stack(parts, axis=1)

    def mean(self, values: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "r c 2"]:
        """Average samples in their cells and carry the average on to empty cells nearby."""
        count = self.sum(np.ones(len(values)), 1.0) + 1e-9
        parts = [self.sum(np.ascontiguousarray(values[:, axis]), 1.0) / count for axis in range(2)]
        return np.stack(parts, axis=-1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Solved:
    shift: Float64[np.ndarray, "r c 2"]
    trust: float
    gain: float


def _solve(
    grid: _Grid,
    phi: Float64[np.ndarray, "3 n"],
    atlas: Float64[np.ndarray, " n"],
    weight: Float32[np.ndarray, " n"],
    sigma: float,
    prior_px: float,
) -> _Solved:
    """Regress the atlas on the photo and its slopes in every window."""
    w = weight.astype(np.float64)
    pairs = {(i, j): grid.sum(phi[i] * phi[j] * w, sigma) for i in range(3) for j in range(i, 3)}
    right = [grid.sum(phi[i] * atlas * w, sigma) for i in range(3)]
    count, power = grid.sum(w, sigma), grid.sum(atlas * atlas * w, sigma)
    tiny = 1e-9 + 1e-6 * count
    gain = right[0] / (pairs[0, 0] + tiny)
    # The gain is eliminated; what remains are two equations for gain * shift.
    slopes = np.stack([pairs[0, 1], pairs[0, 2]], axis=-1)
    normal = np.stack(
        [np.stack([pairs[1, 1], pairs[1, 2]], -1), np.stack([pairs[1, 2], pairs[2, 2]], -1)],
        axis=-2,
    )
    normal = (
        normal - slopes[..., :, None] * slopes[..., None, :] / (pairs[0, 0] + tiny)[..., None, None]
    )
    rest = np.stack(right[1:], axis=-1) - slopes * gain[..., None]
    residual = np.maximum(power - gain * right[0], 0.0) / np.maximum(count, 1e-9)
    ridge = residual / prior_px**2 + tiny
    moved = np.linalg.solve(normal + np.eye(2) * ridge[..., None, None], rest[..., None])[..., 0]
    shift = np.clip(moved / np.clip(gain, 0.3, 3.0)[..., None], -3.0, 3.0)
    explained = float(np.sum(np.clip(gain, 0.0, None) * right[0]))
    total = float(np.sum(power))
    return _Solved(
        shift=np.where((count > 1e-6)[..., None], shift, 0.0),
        trust=float(np.clip(explained / max(total, 1e-12), 0.0, 1.0)),
        gain=float(np.sum(right[0]) / max(float(np.sum(pairs[0, 0])), 1e-12)),
    )


def _boxed(photo: Float32[np.ndarray, "h w"], factor: int) -> Float32[np.ndarray, "rh rw"]:
    """Average squares of `factor` px; the last row and column repeat where they do not fill one."""
    if factor == 1:
        return photo
    pad = [(0, -size % factor) for size in photo.shape]
    full = np.pad(photo, pad, mode="edge")
    rows, columns = full.shape[0] // factor, full.shape[1] // factor
    return full.reshape(rows, factor, columns, factor).mean(axis=(1, 3))


def _smooth_with_slopes(
    photo: Float32[np.ndarray, "h w"], sigma: float
) -> tuple[Float32[np.ndarray, "h w"], ...]:
    smooth = ndimage.gaussian_filter(photo, sigma, truncate=3.0)
    slope_y, slope_x = (np.asarray(slope) for slope in np.gradient(smooth))
    return smooth, slope_x, slope_y


def _sample(
    planes: tuple[Float32[np.ndarray, "h w"], ...], px: Float64[np.ndarray, "n 2"]
) -> list[Float32[np.ndarray, " n"]]:
    at = np.stack([px[:, 1], px[:, 0]]) - 0.5
    return [ndimage.map_coordinates(plane, at, order=1, mode="nearest") for plane in planes]


def _noise(photo: Float32[np.ndarray, "h w"]) -> float:
    """Estimate white noise from the median second difference (Immerkaer, 1996), on flat places."""
    if min(photo.shape) < 3:
        return 0.0
    step = max(1, photo.shape[0] // 256)
    middle = photo[1:-1:step]
    rows = photo[:-2:step][: len(middle)], photo[2::step][: len(middle)]
    across = [row[:, :-2] - 2 * row[:, 1:-1] + row[:, 2:] for row in (rows[0], middle, rows[1])]
    laplace = across[0] - 2 * across[1] + across[2]
    return float(np.median(np.abs(laplace)) / 0.6745 / 6.0)


def _fine_contrast(photo: Float32[np.ndarray, "h w"], samples: Samples) -> float:
    """Mean absolute contrast at the photo's own finest scale where it sees the object."""
    if len(samples.px) == 0:
        return 0.0
    column, row = samples.px.astype(np.int64).T
    column, row = np.clip(column, 1, photo.shape[1] - 2), np.clip(row, 1, photo.shape[0] - 2)
    around = photo[row, column - 1] + photo[row, column + 1] + photo[row - 1, column]
    return float(np.mean(np.abs(photo[row, column] - (around + photo[row + 1, column]) / 4)))
