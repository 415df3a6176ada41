"""What training minimises."""

from typing import NamedTuple

import torch
from jaxtyping import Float32
from torch import Tensor

LEAST_YARDSTICK = 0.5 / 255  # flat tiles are right to within rounding, whatever one does
LEAST_SQUARE = (0.1 / 255) ** 2  # added under the root, which has no slope at 0


class Yardstick(NamedTuple):
    """For each tile the errors of an answer that is good by simple means."""

    l1: Float32[Tensor, " b"]
    rms: Float32[Tensor, " b"]


@torch.no_grad()
def yardstick_of(
    simple: Float32[Tensor, "b 3 H W"],
    target: Float32[Tensor, "b 3 H W"],
    covered: Float32[Tensor, "b 1 H W"],
) -> Yardstick:
    """Measure an answer that others are to be told as a share of.

    Args:
        simple: the answer, sRGB-encoded.
        target: what it should be.
        covered: 1 on the charts, else 0.
    """
    return Yardstick(tile_l1(simple, target, covered), tile_rms(simple, target, covered))


def relative_error(
    high: Float32[Tensor, "b 3 H W"],
    target: Float32[Tensor, "b 3 H W"],
    covered: Float32[Tensor, "b 1 H W"],
    yardstick: Yardstick,
    rms_share: float = 0.0,
) -> Float32[Tensor, ""]:
    """Error over covered texels as a share of a yardstick, averaged over tiles.

    Gains in dB are ratios. Without the yardstick, tiles that hardly anything can be done about
    would outweigh those where photos show everything, and the latter would be spoilt.

    Args:
        high: a result, sRGB-encoded.
        target: what it should be.
        covered: 1 on the charts, else 0.
        yardstick: of each tile.
        rms_share: [0, 1], of the root of the mean square in what is told; the rest is the mean
            absolute error. PSNR is of squares, and outliers decide it.
    """
    pairs = (
        (1.0 - rms_share, tile_l1, yardstick.l1),
        (rms_share, tile_rms, yardstick.rms),
    )
    shares = [
        share * (measure(high, target, covered) / (simple + LEAST_YARDSTICK)).mean()
        for share, measure, simple in pairs
        if share
    ]
    return torch.stack(shares).sum()


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


def tile_rms(
    high: Float32[Tensor, "b 3 H W"],
    target: Float32[Tensor, "b 3 H W"],
    covered: Float32[Tensor, "b 1 H W"],
) -> Float32[Tensor, " b"]:
    """Root of the mean square error over the covered texels of each tile; 0.1 of 255 at least."""
    square = ((high - target).square() * covered).sum((1, 2, 3))
    mean = square / (3.0 * covered.sum((1, 2, 3))).clamp_min(1.0)
    return (mean + LEAST_SQUARE).sqrt()


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
