"""Times of calls, and of an atlas that is worked through in parts."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

Call = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Repeated times of the same work, in seconds."""

    least_s: float
    median_s: float
    most_s: float

    @property
    def spread(self) -> str:
        """From the shortest to the longest."""
        return f"{self.least_s:.3g} to {self.most_s:.3g}"

    def times(self, count: float) -> "Timing":
        """The same work so many times."""
        return Timing(
            least_s=self.least_s * count,
            median_s=self.median_s * count,
            most_s=self.most_s * count,
        )


@torch.inference_mode()
def timed(call: Call, repeat: int, *, warm_up: int = 1) -> Timing:
    """Time a call that has ended when it returns."""
    for _ in range(warm_up):
        call()
    taken: list[float] = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return Timing(least_s=min(taken), median_s=median(taken), most_s=max(taken))


def over_parts(
    at: Callable[[int, int], Call], parts: Counter[tuple[int, int]], repeat: int
) -> Timing:
    """Time an atlas: every shape of part by itself, times the number of such parts.

    Args:
        at: gives the call for a height and a width.
        parts: how many there are of each shape.
        repeat: of every shape.
    """
    found = [timed(at(*shape), repeat).times(count) for shape, count in parts.items()]
    return Timing(
        least_s=sum(one.least_s for one in found),
        median_s=sum(one.median_s for one in found),
        most_s=sum(one.most_s for one in found),
    )


def square_parts(side: int, piece: int, margin: int) -> Counter[tuple[int, int]]:
    """Cut a square into square pieces, each with a margin on all sides: there is some all around.

    Args:
        side: of the square.
        piece: side of a piece; those at the far ends may be smaller.
        margin: on every side of a piece.
    """
    sides = [min(piece, side - start) + 2 * margin for start in range(0, side, piece)]
    return Counter((height, width) for height in sides for width in sides)
