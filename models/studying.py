"""A critic that learns along with the network that it judges."""

from collections.abc import Callable
from typing import Any, final

import torch
from torch import Tensor, nn

BETAS = (0.5, 0.99)


@final
class StudyingCritic:
    """A critic and its optimiser (Adam)."""

    def __init__(self, critic: nn.Module, rate: float, device: str) -> None:
        self.critic = critic.to(device)
        self.optimiser = torch.optim.Adam(self.critic.parameters(), lr=rate, betas=BETAS)

    def __call__(self, *shown: Tensor) -> Tensor:
        """Ask the critic."""
        return self.critic(*shown)

    def learn(self, loss_of: Callable[[nn.Module], Tensor]) -> Tensor:
        """Take one step on a loss; one that is not finite changes nothing. Gives the loss."""
        self.critic.requires_grad_(True)
        loss = loss_of(self.critic)
        self.optimiser.zero_grad(set_to_none=True)
        if bool(torch.isfinite(loss)):
            loss.backward()
            self.optimiser.step()
        self.critic.requires_grad_(False)  # what the network learns next is not the critic's
        return loss.detach()

    def state(self) -> dict[str, Any]:
        """Everything that `resume` needs."""
        return {"critic": self.critic.state_dict(), "optimiser": self.optimiser.state_dict()}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.critic.load_state_dict(state["critic"])
        self.optimiser.load_state_dict(state["optimiser"])
