"""What training minimises."""

import torch
from jaxtyping import Float32
from torch import Tensor


def covered_l1(
    high: Float32[Tensor, "b 3 H W"],
    target: Float32[Tensor, "b 3 H W"],
    covered: Float32[Tensor, "b 1 H W"],
) -> Float32[Tensor, ""]:
    """Mean absolute error over covered texels; 0 where there are none."""
    error = (high - target).abs() * covered
    return error.sum() / (3.0 * covered.sum()).clamp_min(1.0)


def doubt_loss(
    expected: Float32[Tensor, "b 1 H W"],
    high: Float32[Tensor, "b 3 H W"],
    target: Float32[Tensor, "b 3 H W"],
    covered: Float32[Tensor, "b 1 H W"],
) -> Float32[Tensor, ""]:
    """Negative log-likelihood of the errors under an exponential law of the expected size.

    Its minimum over `expected` is the mean absolute error given what is known: calibrated by
    construction, on data like the training data.
    """
    found = (high - target).abs().mean(1, keepdim=True).detach()
    likelihood = found / expected + torch.log(expected)
    return (likelihood * covered).sum() / covered.sum().clamp_min(1.0)
