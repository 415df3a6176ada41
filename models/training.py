"""The training of any network: one step, the averaged weights, the state to resume from."""

import math
from typing import Any, final

import torch
from torch import Tensor, nn

from texsr.models.learner import Judge, Learner, Learnt, TrainingSettings
from texsr.models.optimiser import MuonAdam, split

WARM_SHARE = 0.05  # of the steps, to reach the top rate
LAST_RATE = 0.02  # of the top rate, at the end


@final
class Trainer:
    """Learner, averaged weights, optimiser and how far they are."""

    def __init__(self, learner: Learner, device: str = "cpu", judge: Judge | None = None) -> None:
        """Take what learns, and what judges it beside its own losses."""
        self.learner, self.settings, self.judge = learner, learner.settings, judge
        self.device, self.step_index = device, 0
        self.network = _channels_last(learner.network.to(device))
        self.averaged = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.optimiser = MuonAdam(*split(self.network, learner.trunks), lr=self.settings.rate)

    def step(self, batch: Any, scale: int) -> dict[str, float]:
        """Learn from one batch; give the losses, not weighted.

        A batch whose loss or gradient is not finite changes no weight and is told as `skipped`.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate * self.learner.share_of_rate(self.step_index)
        if self.learner.begin(self.step_index, batch):
            self._average_anew()
        losses = self._judged(self.learner.learn(self.step_index, batch, scale))
        self.step_index += 1
        total = self._weighted(losses)
        self.optimiser.zero_grad(set_to_none=True)
        told = {name: float(value.detach()) for name, value in losses.items()}
        if not bool(torch.isfinite(total)):
            return {**told, "skipped": 1.0}
        total.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        if not bool(torch.isfinite(norm)):
            return {**told, "skipped": 1.0}
        self.optimiser.step()
        self._average()
        return told

    def _judged(self, learnt: Learnt) -> dict[str, Tensor]:
        if self.judge is None or learnt.made is None:
            return learnt.losses
        return learnt.losses | self.judge(learnt.made)

    def _weighted(self, losses: dict[str, Tensor]) -> Tensor:
        weights = {**self.learner.weights, **({} if self.judge is None else self.judge.weights)}
        return sum((weights[name] * loss for name, loss in losses.items()), torch.tensor(0.0))

    def _average(self) -> None:
        # Early on the average follows closely, so that it never holds the first random weights.
        keep = min(self.settings.ema, (1 + self.step_index) / (10 + self.step_index))
        for name, value in self.network.state_dict().items():
            self.averaged[name].lerp_(value.detach(), 1.0 - keep)

    def _average_anew(self) -> None:
        for name, value in self.network.state_dict().items():
            self.averaged[name].copy_(value)

    def state(self) -> dict[str, Any]:
        """Everything that `resume` needs."""
        return {
            "step": self.step_index,
            "network": self.network.state_dict(),
            "averaged": self.averaged,
            "optimiser": self.optimiser.state_dict(),
            **({} if self.judge is None else {"judge": self.judge.state()}),
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.step_index = state["step"]
        self.network.load_state_dict(state["network"])
        for name, value in state["averaged"].items():
            self.averaged[name].copy_(value)
        self.optimiser.load_state_dict(state["optimiser"])
        if self.judge is not None:
            self.judge.resume(state["judge"])


def _channels_last(network: nn.Module) -> nn.Module:
    for parameter in network.parameters():
        if parameter.ndim == 4:  # of a convolution
            parameter.data = parameter.data.to(memory_format=torch.channels_last)
    return network


def share_of_rate(step: int, settings: TrainingSettings) -> float:
    """Give the share of the top rate at a step: lessons are a cycle of their own."""
    lessons = settings.lessons
    if step < lessons:
        return one_cycle(step, lessons)
    return one_cycle(step - lessons, settings.steps - lessons)


def one_cycle(step: int, steps: int) -> float:
    """Give the share of the top rate at a step: a linear rise, then half a cosine down."""
    warm = max(1, round(WARM_SHARE * steps))
    if step < warm:
        return (step + 1) / warm
    done = min(1.0, (step - warm) / max(1, steps - warm))
    return LAST_RATE + (1.0 - LAST_RATE) * 0.5 * (1.0 + math.cos(math.pi * done))
