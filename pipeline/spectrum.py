"""How fine the detail is that two images share: their spectra, ring by ring.

Both planes are cut into the same windows that lie wholly inside a mask (half overlapping, their
mean removed, tapered by Hann's window), transformed, and summed over windows and over rings of one
radial frequency (Welch 1967; ring sums as in Saxton and Baumeister 1982). Of each ring we keep the
power of either plane, P and T, and the real part of the cross power, X. From them:

- `power_ratio` P / T: how much there is at all, right or wrong;
- `coherence` X² / (P T): what a filter could make of it; blind to contrast and blur;
- `explained` 1 - E / T, with E = P + T - 2 X the power of the difference: the share of the truth's
  detail that is shown and shown rightly. Blur by a transfer function H gives 1 - (1 - H)², detail
  invented at the right strength gives -1, and where the contrast is the best that a filter could
  choose, it is the coherence.

The finest frequency up to which one of the two latter stays at or above a half (a signal-to-noise
ratio of one, for coherence) is the resolution. Frequencies are shares of Nyquist: 1 is one cycle in
two texels along an axis; the corners of the square beyond it are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Complex128, Float32, Float64, Int64

THRESHOLD = 0.5
WINDOW_SIDES = (64, 32, 16)  # the first that finds enough windows is taken
MIN_WINDOWS = 12
MAX_WINDOWS = 4096  # evenly spread; enough for any figure here
BATCH = 256
FIRST_RING = 2  # Hann's window smears the mean into the first

Plane = Float32[np.ndarray, "h w"]
Rings = Float64[np.ndarray, " n"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spectra:
    """The radial spectra of an image and of its truth."""

    frequency: Rings  # share of Nyquist, rising
    power: Rings  # of the image
    truth: Rings  # power of the truth
    cross: Rings  # real part of the cross power
    num_windows: int

    @property
    def power_ratio(self) -> Rings:
        """Power of the image over that of the truth."""
        return _ratio(self.power, self.truth, alike=self.power == self.truth)

    @property
    def coherence(self) -> Rings:
        """[0, 1]; 0 where the two are opposed."""
        both = self.power * self.truth
        return _ratio(np.maximum(self.cross, 0.0) ** 2, both, alike=self.power == self.truth)

    @property
    def explained(self) -> Rings:
        """At most 1; negative where the image would be better without what it shows."""
        error = self.power + self.truth - 2.0 * self.cross
        return 1.0 - _ratio(error, self.truth, alike=error > 0)

    @property
    def resolution(self) -> float:
        """Finest frequency up to which at least half of the truth's detail is shown rightly."""
        return self._finest(self.explained)

    @property
    def coherent(self) -> float:
        """Finest frequency up to which the two agree but for a filter."""
        return self._finest(self.coherence)

    def _finest(self, values: Rings) -> float:
        """Find where `values` first falls below the threshold, between rings linearly."""
        below = np.flatnonzero(~(values >= THRESHOLD))
        if len(below) == 0:
            return 1.0
        first = int(below[0])
        if first == 0:
            return 0.0
        high, low = float(values[first - 1]), float(values[first])
        part = (high - THRESHOLD) / (high - low) if np.isfinite(low) else 0.0
        start, stop = self.frequency[first - 1 : first + 1]
        return float(start + part * (stop - start))


def compare_spectra(image: Plane, truth: Plane, mask: Bool[np.ndarray, "h w"]) -> Spectra | None:
    """Compare the spectra of two planes of one unit on the windows inside a mask.

    Returns:
        None where too few windows of any size lie inside the mask.
    """
    for side in WINDOW_SIDES:
        corners = _windows_inside(mask, side)
        if len(corners) >= MIN_WINDOWS:
            return _summed(image, truth, corners, side)
    return None


def _windows_inside(mask: Bool[np.ndarray, "h w"], side: int) -> Int64[np.ndarray, "n 2"]:
    """Give the upper-left corners of half-overlapping windows that the mask fills."""
    if min(mask.shape) < side:
        return np.zeros((0, 2), np.int64)
    step = side // 2
    counts = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.int64)
    counts[1:, 1:] = mask.cumsum(axis=0, dtype=np.int64).cumsum(axis=1)
    low, high = counts[:-side:step, :-side:step], counts[side::step, side::step]
    right, down = counts[:-side:step, side::step], counts[side::step, :-side:step]
    full = high - right - down + low == side * side
    corners = np.argwhere(full) * step
    return corners[:: max(1, -(-len(corners) // MAX_WINDOWS))]


def _summed(image: Plane, truth: Plane, corners: Int64[np.ndarray, "n 2"], side: int) -> Spectra:
    ring, num_rings = _rings(side)
    sums = np.zeros((3, num_rings))
    for first in range(0, len(corners), BATCH):
        some = corners[first : first + BATCH]
        a, b = (np.fft.fft2(_tapered(plane, some, side)) for plane in (image, truth))
        for total, values in zip(sums, _powers(a, b), strict=True):
            total += np.bincount(ring, weights=values.sum(axis=0).reshape(-1), minlength=num_rings)
    kept = slice(FIRST_RING, side // 2 + 1)
    return Spectra(
        frequency=np.arange(num_rings)[kept] / (side / 2),
        power=sums[0, kept],
        truth=sums[1, kept],
        cross=sums[2, kept],
        num_windows=len(corners),
    )


def _rings(side: int) -> tuple[Int64[np.ndarray, " k"], int]:
    """Number the ring of every coefficient of a transformed window, row by row."""
    cycles = np.fft.fftfreq(side) * side
    ring = np.rint(np.hypot(cycles[:, None], cycles[None])).astype(np.int64).reshape(-1)
    return ring, int(ring.max()) + 1


def _tapered(
    plane: Plane, corners: Int64[np.ndarray, "n 2"], side: int
) -> Float64[np.ndarray, "n s s"]:
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(side) / side)
    taper = hann[:, None] * hann[None]
    cut = np.stack([plane[y : y + side, x : x + side] for y, x in corners]).astype(np.float64)
    mean = (cut * taper).sum(axis=(1, 2), keepdims=True) / taper.sum()
    return (cut - mean) * taper


def _powers(
    a: Complex128[np.ndarray, "n s s"], b: Complex128[np.ndarray, "n s s"]
) -> Iterator[Float64[np.ndarray, "n s s"]]:
    yield np.abs(a) ** 2
    yield np.abs(b) ** 2
    yield np.real(a * np.conj(b))


def _ratio(over: Rings, under: Rings, *, alike: Bool[np.ndarray, " n"]) -> Rings:
    """Divide; where nothing is under, 1 if `alike` says so, else 0."""
    return np.divide(over, under, out=alike.astype(np.float64), where=under > 0)
