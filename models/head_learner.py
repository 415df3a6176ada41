"""How a head for any scale learns on a network that stays as it is.

As CiaoSR does, from truths at scales between 1 and the largest that the network is run at, at some
points of each. The loss is the plain L1, told as a share of that of the network's own answer
brought to the same texels.
"""

from collections.abc import Mapping
from typing import final

import torch
from jaxtyping import Float32
from torch import Tensor, nn

from texsr.models.batches import Batch
from texsr.models.beyond import answered_beyond
from texsr.models.grids import brought_to, points_on, whole_grid
from texsr.models.implicit_head import ImplicitHead, chosen_points
from texsr.models.learner import Learnt, TrainingSettings
from texsr.models.losses import shared_l1
from texsr.models.resample import make_consistent
from texsr.models.texsr import Texsr
from texsr.models.training import share_of_rate

NUM_POINTS = 2304  # of each tile, as in CiaoSR's training


@final
class HeadLearner:
    """A head, and the network it is for, of which nothing is learnt."""

    trunks = ()

    def __init__(self, network: ImplicitHead, settings: TrainingSettings, trunk: Texsr) -> None:
        """Take what learns, and what it learns on."""
        self.network, self.settings = network, settings
        self.trunk = trunk.requires_grad_(False).eval()  # with all its turns, as in a run

    @property
    def weights(self) -> Mapping[str, float]:
        """Of its loss."""
        return {"l1": 1.0}

    def share_of_rate(self, step: int) -> float:
        """Give the share of the top rate at a step."""
        return share_of_rate(step, self.settings)

    def begin(self, step: int, batch: Batch) -> bool:
        """Nothing comes before a step."""
        return False

    def learn(self, step: int, batch: Batch, scale: int) -> Learnt:
        """Give the loss on a batch, whose truth is of any size."""
        low, size = _sizes(batch)
        base, features = self._known(batch, scale)
        points, order = chosen_points(
            points_on(whole_grid(low, size), low, batch.low.device), NUM_POINTS, step
        )
        base, truth, covered = (
            plane.flatten(2)[:, :, order][..., None] for plane in (base, batch.truth, batch.covered)
        )
        high = base + self.network(batch.low, features, points)[..., None]
        return Learnt({"l1": shared_l1(high, truth, covered, base)}, None)

    def answer(self, network: nn.Module, batch: Batch, scale: int) -> Float32[Tensor, "b 3 H W"]:
        """Give the results of such a head."""
        low, size = _sizes(batch)
        base, features = self._known(batch, scale)
        points = points_on(whole_grid(low, size), low, batch.low.device)
        return base + network(batch.low, features, points).unflatten(2, size)

    def _known(self, batch: Batch, scale: int) -> tuple[Tensor, Tensor]:
        """Give the network's answer at the size of the truth, and its features."""
        low, size = _sizes(batch)
        with torch.no_grad():
            if scale in self.trunk.config.scales:
                found = self.trunk.answered(batch.low, batch.aligned, scale)
            else:
                found = answered_beyond(self.trunk, batch.low, batch.aligned, scale)
            high = make_consistent(found.outcome.high, batch.low, scale)
            return brought_to(whole_grid(low, size), high, low), found.features


def _sizes(batch: Batch) -> tuple[tuple[int, int], tuple[int, int]]:
    low, truth = batch.low.shape, batch.truth.shape
    return (low[2], low[3]), (truth[2], truth[3])
