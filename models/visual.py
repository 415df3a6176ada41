"""Losses of looks: for a network that may please rather than be right.

They reward detail that looks true wherever what was given does not say what is true, so a network
fine-tuned with them invents. It is kept apart from the others and is never the default.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from texsr.models.discriminator import PatchDiscriminator, critic_loss
from texsr.models.learner import Made
from texsr.models.studying import StudyingCritic
from texsr.models.vgg import VggTrunk, feature_distance


@dataclass(frozen=True, slots=True, kw_only=True)
class VisualSettings:
    """Weights beside the L1 of the result."""

    perceptual_weight: float = 0.7
    """Of the distance of features, which are 1 in the mean; the L1 is a share, about 1 as well."""
    adversarial_weight: float = 0.07
    """Of what the critic says."""
    critic_rate: float = 1e-4
    """Learning rate of the critic (Adam); it does not follow the network's."""


@final
class VisualJudge:
    """Judges results by their looks; its critic learns at every batch. A `learner.Judge`."""

    def __init__(self, trunk: VggTrunk, settings: VisualSettings, device: str = "cpu") -> None:
        """Begin with a critic whose weights are drawn from PyTorch's own generator."""
        self.settings = settings
        self.trunk = trunk.to(device)
        self.critic = StudyingCritic(PatchDiscriminator(), settings.critic_rate, device)

    @property
    def weights(self) -> Mapping[str, float]:
        """Of its losses, by name; the critic's own reaches the critic alone, and is only told."""
        return {
            "perceptual": self.settings.perceptual_weight,
            "adversarial": self.settings.adversarial_weight,
            "critic": 0.0,
        }

    def __call__(self, made: Made) -> dict[str, Tensor]:
        """Let the critic learn, then judge; off the charts the truth stands for the result."""
        base, truth = made.base, made.truth
        shown = truth + (made.high - truth) * made.covered
        given = shown.detach()
        learnt = self.critic.learn(
            lambda critic: critic_loss(critic(base, truth), critic(base, given))
        )
        with torch.no_grad():
            wanted = self.trunk(truth)
        return {
            "perceptual": feature_distance(self.trunk(shown), wanted),
            "adversarial": -self.critic(base, shown).mean(),
            "critic": learnt,
        }

    def state(self) -> dict[str, Any]:
        """Everything that `resume` needs."""
        return self.critic.state()

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.critic.resume(state)
