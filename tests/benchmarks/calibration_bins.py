"""Whether an error that was foretold is the error that is found: bins of as many texels each."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, UInt8

SLOPE = 60.0  # confidence = 1 / (1 + 60 e), e: mean absolute error over RGB in [0, 1]
NUM_BINS = 8
MOST_OFF = 0.2
NUM_SAMPLED = 1_000_000  # texels of a capture: a large atlas counts no more than a small one


class Bin(NamedTuple):
    """Texels of like confidence: the mean of what was foretold and of what was found, in 1/255."""

    expected: float
    found: float

    @property
    def off(self) -> float:
        """What was foretold beside what was found, less 1."""
        return self.expected / max(self.found, 1e-9) - 1.0


class Errors(NamedTuple):
    """Sampled texels: errors foretold and found, mean over RGB, in [0, 1]."""

    expected: Float64[np.ndarray, " n"]
    found: Float64[np.ndarray, " n"]


def expected_error(confidence: UInt8[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Give the error that a stored confidence stands for.

    The first and the last of the 256 steps are half as wide as the others: their middles are taken.
    """
    share = np.clip(confidence.astype(np.float64), 0.25, 254.75) / 255.0
    return (1.0 / share - 1.0) / SLOPE


def sampled_errors(
    confidence: UInt8[np.ndarray, "H W"],
    high: UInt8[np.ndarray, "H W _"],
    truth: UInt8[np.ndarray, "H W _"],
    mask: Bool[np.ndarray, "H W"],
) -> Errors:
    """Sample texels of a mask, always the same ones."""
    texels = np.flatnonzero(mask)
    if len(texels) > NUM_SAMPLED:
        texels = np.random.default_rng(0).choice(texels, NUM_SAMPLED, replace=False)
    row, column = np.divmod(texels, mask.shape[1])
    made, answer = (image[row, column, :3].astype(np.float64) for image in (high, truth))
    found = np.abs(made - answer).mean(axis=1) / 255.0
    return Errors(expected_error(confidence[row, column]), found)


def binned(errors: Errors, num_bins: int = NUM_BINS) -> list[Bin]:
    """Sort texels by what was foretold into bins of as many each, the surest first."""
    order = np.argsort(errors.expected, kind="stable")
    return [
        Bin(*(255.0 * float(values[part].mean()) for values in errors))
        for part in np.array_split(order, num_bins)
    ]


def worst(bins: list[Bin]) -> Bin:
    """Give the bin that is farthest off."""
    return max(bins, key=lambda one: abs(one.off))


def pooled(parts: list[Errors]) -> Errors:
    """Put samples together."""
    return Errors(*(np.concatenate(values) for values in zip(*parts, strict=True)))
