"""What the default network answers, and on the way to it."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from texsr.models.fusion import Weighed


class Outcome(NamedTuple):
    """What the network answers; `high` before it is made consistent with the low atlas."""

    high: Float[Tensor, "b 3 H W"]
    alone: Float[Tensor, "b 3 H W"]  # what the first trunk proposed without any reference
    error: Float[Tensor, "b 1 H W"]  # expected absolute error of `high`, > 0
    attention: Float[Tensor, "b k H W"]  # [0, 1], of each reference; the rest went to none

    @property
    def backed(self) -> Float[Tensor, "b 1 H W"]:
        """[0, 1], share of the attention that went to photos."""
        return self.attention.sum(1, keepdim=True)


class Begun(NamedTuple):
    """What a look begins with: of the atlas alone, and of how far photos are to be believed."""

    features: list[Float[Tensor, "b c h w"]]  # of the first trunk, turn by turn
    alone: Float[Tensor, "b 3 H W"]  # the detail that it proposes
    weighed: Weighed | None  # None: no references
    contrast_share: Float[Tensor, "b 1 H W"]
    answer: Float[Tensor, "b 3 H W"] | None  # of the single-image branch; None: not asked yet


class Answered(NamedTuple):
    """What the network answers, and what it has seen when it does."""

    outcome: Outcome
    features: Float[Tensor, "b c h w"]  # of tiles as they are, what the last correction is of
    begun: Begun  # a second look at the same photos begins there
