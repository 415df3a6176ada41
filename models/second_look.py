"""A second look at photos that are coarser than the texels, with an answer in hand.

It fades out where photos sample as densely as texels lie: nothing has folded there.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float32
from torch import Tensor

from texsr.models.alignment import PX_CUE, SHARE_CUE, Aligned, spread
from texsr.models.consensus import with_concord
from texsr.models.doubt import evened_out
from texsr.models.outcome import Answered
from texsr.models.reprojection import reprojected
from texsr.models.resample import enlarge_faithfully, make_consistent, reduce
from texsr.models.testimony import Witness
from texsr.models.unaliased import unaliased

COARSE_PX = 0.5, 0.7  # photo px per texel from which a second look begins to fade, and is not taken


class Answer(NamedTuple):
    """What network and pixels came to, of one tile wherever its photos are known."""

    high: Float32[Tensor, "b 3 H W"]  # true to the low texels
    error: Float32[Tensor, "b 1 H W"]  # expected


class Shown(NamedTuple):
    """A tile, and the photos that show it; none where it is not known whence they look."""

    low: Float32[Tensor, "b 3 h w"]
    aligned: Aligned
    present: Sequence[Witness]
    scale: int


def held_to_pixels(answered: Answered, shown: Shown) -> Answer:
    """Make an answer true to its low texels and hold it against the pixels of its photos."""
    high = make_consistent(answered.outcome.high, shown.low, shown.scale)
    error = evened_out(answered.outcome.error, shown.scale)
    if shown.present:
        high = reprojected(high, error, shown.present, shown.scale)
    return Answer(high, error)


def looked_again(first: Answer, shown: Shown, ask: Callable[[Aligned], Answered | None]) -> Answer:
    """Where photos are coarse, ask again about what they show without what has folded.

    Args:
        first: the answer so far.
        shown: the tile.
        ask: the network; None where what it says is not finite.
    """
    coarse = coarseness(shown.aligned, shown.scale)
    if not bool(coarse.any()):
        return first
    found = ask(references_again(first, shown))
    if found is None:
        return first
    again = held_to_pixels(found, shown)
    changed = coarse * (again.high - first.high)
    changed = changed - enlarge_faithfully(reduce(changed, shown.scale), shown.scale)
    return Answer(first.high + changed, torch.lerp(first.error, again.error, coarse))


def references_again(first: Answer, shown: Shown) -> Aligned:
    """Give the references that a second look is taken at."""
    seen = unaliased(first.high, shown.aligned, shown.present, shown.scale)
    return with_concord(seen, shown.scale)


def coarseness(aligned: Aligned, scale: int) -> Float32[Tensor, "b 1 H W"]:
    """Tell where photos are so coarse that detail has folded, [0, 1]; 0 where none looks."""
    px, seen = aligned.cues[:, :, PX_CUE], aligned.cues[:, :, SHARE_CUE]
    finest = torch.where(seen > 0, px, 0.0).amax(1, keepdim=True)
    begins, gone = COARSE_PX
    fades = ((gone - finest) / (gone - begins)).clamp(0.0, 1.0)
    return spread(fades * (finest > 0), scale)
