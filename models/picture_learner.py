"""How a network over pictures learns: one that looks for itself where a reference shows what.

Reciprocal learning is that of Zhang et al., "RRSR: Reciprocal Reference-based Image
Super-Resolution with Progressive Feature Alignment and Selection", ECCV 2022: a reference is
reduced, and restored with the result as its only reference. The result is not detached, so that it
learns to be worth taking from.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import final

import torch
from jaxtyping import Float32
from torch import Tensor, nn

from texsr.models.batches import Batch, PictureBatch
from texsr.models.learner import Learnt, Made, TrainingSettings
from texsr.models.losses import shared_l1
from texsr.models.networks import ARCHITECTURES, Architecture, named_by
from texsr.models.relations import Tuition
from texsr.models.resample import enlarge, reduce, resize
from texsr.models.restoring import REACH_TX, Restore, pictures_of
from texsr.models.training import share_of_rate

SCALE = 4  # at which a reference is reduced
LESSON = "lesson"
CLIP = 5.0  # of the gradient's norm: a reference that misleads is not to undo what was learnt
FEWEST_PX = 32  # of a reference that is restored in its turn


@final
class PictureLearner:
    """A network over pictures, and who teaches it to match if it is taught."""

    def __init__(
        self, network: nn.Module, settings: TrainingSettings, tuition: Tuition | None = None
    ) -> None:
        """Take what learns.

        Args:
            network: one of `ARCHITECTURES` with a `config`.
            settings: those of lessons, teachers and doubt play no part but for `lessons`.
            tuition: gives the lessons; needed if there are any.
        """
        self.network, self.tuition = network, tuition
        self.settings = replace(settings, clip=min(settings.clip, CLIP))
        self.architecture: Architecture = ARCHITECTURES[named_by(network.config)]()
        self.trunks = tuple(name for name, _ in network.named_children())

    @property
    def weights(self) -> Mapping[str, float]:
        """Of its losses, by name."""
        return {"l1": 1.0, "reciprocal": self.settings.reciprocal_weight, LESSON: 1.0}

    def share_of_rate(self, step: int) -> float:
        """Give the share of the top rate at a step."""
        return share_of_rate(step, self.settings)

    def begin(self, step: int, batch: PictureBatch) -> bool:
        """Begin the average anew after the last lesson."""
        return bool(self.settings.lessons) and step == self.settings.lessons

    def learn(self, step: int, batch: PictureBatch, scale: int) -> Learnt:
        """Give the losses on a batch; a lesson has but one."""
        if step < self.settings.lessons:
            assert self.tuition is not None
            return Learnt({LESSON: self.tuition(batch.truth)}, None)
        restore, size = self._restore(self.network), _size(batch.truth)
        restored = [
            restore(low, references, size, batch.reach)
            for low, references in zip(batch.low, batch.references, strict=True)
        ]
        high = torch.stack([one.high for one in restored])
        answer = batch.truth, batch.covered
        with torch.no_grad():
            base = resize(batch.low, size)
        losses = {"l1": shared_l1(high, *answer, base)}
        if self.settings.reciprocal_weight and batch.num_references:
            losses["reciprocal"] = _reciprocal(restore, high, batch.references)
        return Learnt(losses, Made(base, high, *answer, [one.taken for one in restored]))

    def answer(
        self, network: nn.Module, batch: Batch | PictureBatch, scale: int
    ) -> Float32[Tensor, "b 3 H W"]:
        """Give the results of such a network, on pictures as a run gives them if it must."""
        in_run = isinstance(batch, Batch)
        given = pictures_of(batch.aligned) if in_run else batch.references
        reach = REACH_TX if in_run else batch.reach
        restore, size = self._restore(network), _size(batch.truth)
        pairs = zip(batch.low, given, strict=True)
        return torch.stack([restore(low, refs, size, reach).high for low, refs in pairs])

    def _restore(self, network: nn.Module) -> Restore:
        assert self.architecture.restore is not None
        return self.architecture.restore(network)


def _size(truth: Tensor) -> tuple[int, int]:
    return truth.shape[2], truth.shape[3]


def _reciprocal(
    restore: Restore,
    high: Float32[Tensor, "b 3 H W"],
    references: list[list[Float32[Tensor, "3 _ _"]]],
) -> Float32[Tensor, ""]:
    """Restore the first reference of each tile with the tile's result as its own reference."""
    losses: list[Tensor] = []
    for result, given in zip(high, references, strict=True):
        if not given or min(given[0].shape[1:]) < FEWEST_PX:
            continue
        height, width = (side // SCALE * SCALE for side in given[0].shape[1:])
        wanted = given[0][None, :, :height, :width]
        low = reduce(wanted, SCALE)
        everywhere = torch.ones_like(wanted[:, :1])
        again = restore(low[0], [result], (height, width)).high[None]
        losses.append(shared_l1(again, wanted, everywhere, enlarge(low, SCALE)))
    return torch.stack(losses).mean() if losses else high.new_zeros(())
