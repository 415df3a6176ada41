"""AMRSR's second stage as a judge: features, texture and a critic, beside the L1 of the result.

See `amrsr_losses`. The trainer's L1 is a share of the error of plain enlargement where the paper's
is in values, so the published weights are divided by what that error is on the texture tiles.
"""

from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor

from texsr.models.amrsr import Swapped
from texsr.models.amrsr_losses import AmrsrWeights, Critic, penalised_critic_loss, texture_loss
from texsr.models.learner import Made
from texsr.models.vgg import VggTrunk, feature_distance

YARDSTICK = 0.02  # the mean error of enlargement, of colours from 0 to 1


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
        self.critic = Critic().to(device)
        self.optimiser = torch.optim.Adam(self.critic.parameters(), lr=rate, betas=(0.5, 0.99))
        self.steps = 0

    @property
    def weights(self) -> Mapping[str, float]:
        """Of its losses, by name; the critic's own reaches the critic alone, and is only told."""
        return {
            "perceptual": self.told.perceptual / YARDSTICK,
            "adversarial": self.told.adversarial / YARDSTICK,
            "texture": self.told.texture / YARDSTICK,
            "critic": 0.0,
        }

    def __call__(self, made: Made) -> dict[str, Tensor]:
        """Let the critic learn, then judge; off the charts the truth stands for the result."""
        shown = made.truth + (made.high - made.truth) * made.covered
        learnt = self._learn(made.truth, shown.detach())
        with torch.no_grad():
            wanted = self.trunk(made.truth)
        return {
            "perceptual": feature_distance(self.trunk(shown), wanted),
            "adversarial": -self.critic(shown).mean(),
            "texture": self._texture(shown, made.extra),
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
        """Take one step of the critic; one that is not finite changes nothing."""
        self.critic.requires_grad_(True)
        generator = torch.Generator().manual_seed(self.steps)
        self.steps += 1
        loss = penalised_critic_loss(self.critic, true, made, generator, penalty=self.told.penalty)
        self.optimiser.zero_grad(set_to_none=True)
        if bool(torch.isfinite(loss)):
            loss.backward()
            self.optimiser.step()
        self.critic.requires_grad_(False)  # what the network learns next is not the critic's
        return loss.detach()

    def state(self) -> dict[str, Any]:
        """Everything that `resume` needs."""
        return {
            "critic": self.critic.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "steps": self.steps,
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.critic.load_state_dict(state["critic"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.steps = state["steps"]
