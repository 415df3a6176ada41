"""Inputs cut into parts for attention, as AMRSR does it (see `amrsr`)."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise

from jaxtyping import Float32
from torch import Tensor

from texsr.models.looking import LEAST_SITES, SITE_PX, extended


class Choice(Enum):
    """How one match is chosen of those in all parts of all references."""

    LEVELS = auto()  # part by part, then by REFATT over parts and over references: as published
    RUNNING = auto()  # the most similar patch of all: cheaper
    PARTS = auto()  # part by part, then by REFATT over all of them, whosever they are
    REFERENCES = auto()  # the most similar patch of each reference, then REFATT over references


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """How inputs are cut up for attention."""

    of_references: int = 1
    """N_R: of each reference; 1, 4, 16, ..."""
    of_input: int = 1
    """N_I: of the low image; 1, 4, 16, ..."""
    vectors: int = 1
    """N_C: groups of channels that choose for themselves."""
    choice: Choice = Choice.LEVELS
    reach: int | None = None
    """Sites between a place and what it may be matched with, in references that lie where the low
    image does, whole; None: it may be matched with any."""

    def __post_init__(self) -> None:
        if self.reach is not None and (self.of_references, self.of_input) != (1, 1):
            raise ValueError(
                f"reach: found {self.reach} and N_R = {self.of_references}, N_I = {self.of_input}; "
                "expected references and low image in one part, as patches are matched in place"
            )
        for name in ("of_references", "of_input"):
            count = getattr(self, name)
            if count < 1 or math.isqrt(count) ** 2 != count:
                raise ValueError(f"{name}: found {count}; expected 1, 4, 9, 16, ...")


def cut(height: int, width: int, count: int) -> Iterator[tuple[slice, slice]]:
    """Cut sites into `count` parts as equal as can be, but none smaller than a patch."""
    edges = [
        [round(step * size / num) for step in range(num + 1)]
        for size, num in (
            (size, max(1, min(math.isqrt(count), size // LEAST_SITES))) for size in (height, width)
        )
    ]
    for top, bottom in pairwise(edges[0]):
        for left, right in pairwise(edges[1]):
            yield slice(top, bottom), slice(left, right)


def parts_of(reference: Float32[Tensor, "3 h w"], parts: Parts) -> list[Tensor]:
    """Cut a reference into parts of whole sites."""
    reference = extended(reference)
    sites = [side // SITE_PX for side in reference.shape[1:]]
    return [
        reference[:, times(rows, SITE_PX), times(columns, SITE_PX)]
        for rows, columns in cut(sites[0], sites[1], parts.of_references)
    ]


def compared(
    references: Sequence[Float32[Tensor, "3 _ _"]], parts: Parts
) -> Iterator[list[list[Tensor]]]:
    """Say which pictures are matched together, and which of their maps REFATT compares when.

    Returns:
        In each list, those compared first: each is the pictures that are matched as one. What wins
        of each list is compared last.
    """
    cut_up = (parts_of(one, parts) for one in references)
    match parts.choice:
        case Choice.LEVELS:
            yield from ([[part] for part in pieces] for pieces in cut_up)
        case Choice.PARTS:
            yield [[part] for pieces in cut_up for part in pieces]
        case Choice.REFERENCES:
            yield from ([pieces] for pieces in cut_up)
        case Choice.RUNNING:
            yield [[part for pieces in cut_up for part in pieces]]


def times(part: slice, block: int) -> slice:
    """Give a part of sites as one of texels, so many to a site."""
    return slice(part.start * block, part.stop * block)
