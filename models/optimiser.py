"""Muon with Adam: orthogonalised momentum for the trunks' weights, Adam for everything else.

Muon is K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024: the
momentum of a weight matrix is replaced by the nearest semi-orthogonal matrix, found by five
Newton-Schulz steps of a quintic, so that every direction learns at one pace. Weights of
convolutions count as matrices of output channels by everything else. Here it needs about half of
the steps that Adam does.
"""

from collections.abc import Callable, Iterable
from typing import Any, final, overload

import torch
from jaxtyping import Float32
from torch import Tensor, nn

MOMENTUM = 0.95
BETAS = (0.9, 0.99)
EPSILON = 1e-8
MUON_RATE = 15.0  # times Adam's: its steps are of norm 1 in every direction
QUINTIC = (3.4445, -4.7750, 2.0315)  # the coefficients of the publication
NEWTON_STEPS = 5
MATRICES = (2, 4)  # axes of linear weights and of convolutions
LEAST_SIDE = 9  # smaller matrices have too few directions to balance


@final
class MuonAdam(torch.optim.Optimizer):
    """One optimiser of two kinds of parameters; `lr` is Adam's rate, and Muon's follows it."""

    def __init__(self, trunks: Iterable[nn.Parameter], rest: Iterable[nn.Parameter], lr: float):
        """Take the weights that Muon is for, which have two or more axes, and all others."""
        groups = [
            {"params": list(trunks), "orthogonal": True},
            {"params": list(rest), "orthogonal": False},
        ]
        super().__init__([group for group in groups if group["params"]], {"lr": lr})

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            update = _muon_step if group["orthogonal"] else _adam_step
            for parameter in group["params"]:
                if parameter.grad is not None:
                    update(parameter, parameter.grad, self.state[parameter], group["lr"])
        return loss


def split(
    network: nn.Module, trunks: tuple[str, ...]
) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Tell the weights that Muon is for from the others.

    Args:
        network: whose trained parameters to split.
        trunks: names of the modules whose convolutions are wide on both sides.
    """
    inside = tuple(f"{name}." for name in trunks)
    chosen: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        wide = parameter.ndim in MATRICES and min(parameter.shape[:2]) >= LEAST_SIDE
        (chosen if wide and name.startswith(inside) else others).append(parameter)
    return chosen, others


def orthogonalised(matrix: Float32[Tensor, "m n"]) -> Float32[Tensor, "m n"]:
    """Give about the nearest semi-orthogonal matrix: singular values between 0.7 and 1.2."""
    a, b, c = QUINTIC
    wide = matrix / (matrix.norm() + 1e-7)
    turned = wide.shape[0] > wide.shape[1]
    wide = wide.T if turned else wide
    for _ in range(NEWTON_STEPS):
        square = wide @ wide.T
        wide = a * wide + (b * square + c * square @ square) @ wide
    return wide.T if turned else wide


def _muon_step(parameter: Tensor, gradient: Tensor, state: dict[str, Any], rate: float) -> None:
    if not state:
        state["momentum"] = torch.zeros_like(parameter)
    state["momentum"].mul_(MOMENTUM).add_(gradient)
    ahead = gradient + MOMENTUM * state["momentum"]
    direction = orthogonalised(ahead.flatten(1)).view_as(parameter)
    parameter.add_(direction, alpha=-rate * MUON_RATE)


def _adam_step(parameter: Tensor, gradient: Tensor, state: dict[str, Any], rate: float) -> None:
    if not state:
        state["steps"] = torch.zeros(())
        state["mean"] = torch.zeros_like(parameter)
        state["square"] = torch.zeros_like(parameter)
    state["steps"] += 1
    steps = float(state["steps"])
    state["mean"].lerp_(gradient, 1 - BETAS[0])
    state["square"].mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
    mean = state["mean"] / (1 - BETAS[0] ** steps)
    square = state["square"] / (1 - BETAS[1] ** steps)
    parameter.addcdiv_(mean, square.sqrt_().add_(EPSILON), value=-rate)
