"""Convolutions found by least squares, where what they should give is known."""

import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional


@torch.no_grad()
def fit(
    conv: nn.Conv2d,
    given: Float32[Tensor, "b c h w"],
    wanted: Float32[Tensor, "b p h w"],
    *,
    ridge: float,
    border_tx: int,
) -> None:
    """Set a convolution of three by three so that it comes nearest to what is wanted.

    Args:
        conv: with a bias.
        given: what it is to be given; of many more texels than its kernel has weights.
        wanted: what it should give.
        ridge: what weights cost, as a share of the mean variance of what they weigh.
        border_tx: left out along every side, where the two pad differently; 1 or more.
    """
    patches = functional.unfold(functional.pad(given, (1 - border_tx,) * 4), 3)
    rows = patches.transpose(1, 2).flatten(0, 1).double()
    rows = torch.cat([rows, torch.ones_like(rows[:, :1])], dim=1)
    inner = functional.pad(wanted, (-border_tx,) * 4)
    answers = inner.flatten(2).transpose(1, 2).flatten(0, 1).double()
    square = rows.T @ rows
    square.diagonal().add_(ridge * square.diagonal().mean())
    found = torch.linalg.solve(square, rows.T @ answers).T.float()
    conv.weight.copy_(found[:, :-1].reshape(conv.weight.shape))
    assert conv.bias is not None
    conv.bias.copy_(found[:, -1])
