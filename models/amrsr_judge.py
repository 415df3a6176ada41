"""AMRSR's second stage as a judge: features, texture and a critic, beside the L1 of the result.

See `amrsr_losses`. The trainer's L1 is a share of the error of plain enlargement where the paper's
is in values, so what is said here is put in shares of the same error. Features go up to relu3_1,
which is what the file of VGG19 has; SRNTT's go further.
"""

from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor

from texsr.models.amrsr import Swapped
from texsr.models.amrsr_losses import AmrsrWeights, Critic, penalised_critic_loss, texture_loss
from texsr.models.learner import Made
from texsr.models.losses import LEAST_YARDSTICK, tile_l1
from texsr.models.studying import StudyingCritic
from texsr.models.vgg import VggTrunk, feature_distance


@final
class AmrsrJudge:
    """Judges results of AMRSR; its critic learns at every batch. A `learner.Judge`."""

    def __init__(
        self,
        trunk: VggTrunk,
        own: VggTrunk,
        weights: AmrsrWeights,
        rate: float,
        device: str = "cpu",
    ) -> None:
        """Begin with a critic whose weights are drawn from PyTorch's own generator.

        Args:
            trunk: VGG19's, for features.
            own: that of the network, in whose features textures were taken.
            weights: as published.
            rate: of the critic's Adam.
            device: where all of it lies.
        """
        self.told = weights
        self.trunk, self.own = trunk.to(device), own
        self.critic = StudyingCritic(Critic(), rate, device)
        self.steps = 0

    @property
    def weights(self) -> Mapping[str, float]:
        """Of its losses, by name; the critic's own reaches the critic alone, and is only told."""
        return {
            "perceptual": self.told.perceptual,
            "adversarial": self.told.adversarial,
            "texture": self.told.texture,
            "critic": 0.0,
        }

    def __call__(self, made: Made) -> dict[str, Tensor]:
        """Let the critic learn, then judge; off the charts the truth stands for the result."""
        shown = made.truth + (made.high - made.truth) * made.covered
        learnt = self._learn(made.truth, shown.detach())
        with torch.no_grad():
            wanted = self.trunk(made.truth)
            least = tile_l1(made.base, made.truth, made.covered).mean() + LEAST_YARDSTICK
        return {
            "perceptual": feature_distance(self.trunk(shown), wanted) / least,
            "adversarial": -self.critic(shown).mean() / least,
            "texture": self._texture(shown, made.extra) / least,
            "critic": learnt,
        }

    def _texture(self, shown: Tensor, taken: list[Swapped]) -> Tensor:
        losses = [
            texture_loss(levels, swapped)
            for *levels, swapped in zip(*self.own(shown), taken, strict=True)
            if bool((swapped.weight > 0).any())
        ]
        return torch.stack(losses).mean() if losses else shown.new_zeros(())

    def _learn(self, true: Tensor, made: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(self.steps)
        self.steps += 1
        return self.critic.learn(
            lambda critic: penalised_critic_loss(
                critic, true, made, generator, penalty=self.told.penalty
            )
        )

    def state(self) -> dict[str, Any]:
        """Everything that `resume` needs."""
        return {**self.critic.state(), "steps": self.steps}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.critic.resume(state)
        self.steps = state["steps"]
