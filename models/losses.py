"""What training minimises."""

import torch
from jaxtyping import Float32
from torch import Tensor

LEAST_YARDSTICK = 0.5 / 255  # flat tiles are right to within rounding, whatever one does


def relative_l1(
    high: Float32[Tensor, "b 3 H W"],
    target: Float32[Tensor, "b 3 H W"],
    covered: Float32[Tensor, "b 1 H W"],
    yardstick: Float32[Tensor, " b"],
) -> Float32[Tensor, ""]:
    """Mean absolute error over covered texels as a share of a yardstick, averaged over tiles.

    Gains in dB are ratios. Without the yardstick, tiles that hardly anything can be done about
    would outweigh those where photos show everything, and the latter would be spoilt.

    Args:
        high: a result, sRGB-encoded.
        target: what it should be.
        covered: 1 on the charts, else 0.
        yardstick: for each tile an error that is good by simple means.
    """
    error = tile_l1(high, target, covered)
    return (error / (yardstick + LEAST_YARDSTICK)).mean()


def shared_l1(
    high: Float32[Tensor, "b 3 H W"],
    target: Float32[Tensor, "b 3 H W"],
    covered: Float32[Tensor, "b 1 H W"],
    base: Float32[Tensor, "b 3 H W"],
) -> Float32[Tensor, ""]:
    """Mean absolute error over the covered texels of some tiles, as a share of that of a base.

    The tiles share one yardstick: an error counts as much in a flat tile as in any other, as in the
    plain L1 that the published networks are trained with.
    """
    error, least = (tile_l1(one, target, covered).mean() for one in (high, base))
    return error / (least + LEAST_YARDSTICK)


def tile_l1(
    high: Float32[Tensor, "b 3 H W"],
    target: Float32[Tensor, "b 3 H W"],
    covered: Float32[Tensor, "b 1 H W"],
) -> Float32[Tensor, " b"]:
    """Mean absolute error over the covered texels of each tile; 0 where there are none."""
    error = ((high - target).abs() * covered).sum((1, 2, 3))
    return error / (3.0 * covered.sum((1, 2, 3))).clamp_min(1.0)


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
