"""A picture made for people: pixels with words that say what they show."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """Pixels, a file name for them, and what a reader and a screen reader are told."""

    name: str  # file stem
    caption: str
    alt: str  # what stands in for the picture where it cannot be seen
    color: UInt8[np.ndarray, "h w 3"]  # sRGB-encoded
