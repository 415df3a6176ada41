"""A picture to super-resolve and pictures to take detail from, as the field's folders hold them."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from jaxtyping import UInt8, UInt16

Rgb = UInt8[np.ndarray, "_ _ 3"] | UInt16[np.ndarray, "_ _ 3"]


class RefsrLayout(StrEnum):
    """The ways in which folders tell truths from references."""

    NUMBERED = "numbered"  # CUFED5's test set: 001_0.png is the truth, 001_1.png its nearest, ...
    PAIRED = "paired"  # CUFED's training set: input/x.png is the truth, ref/x.png its reference
    MATCHED = "matched"  # Sun80: one folder of truths, for each a folder of references
    LISTED = "listed"  # a text file: a line a truth, its references after it
    GROUPED = "grouped"  # LMR: a folder a scene, one picture in it the truth


@dataclass(frozen=True, slots=True, kw_only=True)
class RefsrScene:
    """A truth and its references. It names pictures and does not hold them."""

    name: str  # unique in its folder
    truth: Path
    references: tuple[Path, ...]  # at least one; in the order of the folder: the nearest first


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RefsrPictures:
    """The pixels of a scene, as stored: sRGB-encoded, grey repeated."""

    truth: Rgb
    references: tuple[Rgb, ...]  # of any sizes, parallel to `RefsrScene.references`
