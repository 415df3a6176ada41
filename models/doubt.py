"""The error to expect at a texel: by what is known of it without any weights."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from texsr.models.alignment import COSINE_CUE, PX_CUE, Aligned, luma_of, spread
from texsr.models.fusion import belief_in
from texsr.models.smoothing import blur

CONFIDENCE_SLOPE = 60.0  # confidence is one half where the error expected is 1/60
LEAST_CONTRAST = 1e-4
PATTERN_SIGMA, PATTERN_GAIN = 0.5, 1.15  # texels; what contrast is multiplied by after such a blur
BENT_TOWARDS = 14 / 255  # limit of what a network says of its error
ALIKE_TX = 0.5  # sigma over which expected errors are alike, low texels
SURE, RAISED = 0.15 / 255, 1.07  # what of them is taken off, and what the rest is multiplied by
LEAST_EXPECTED = 0.1 / 255


def contrast_share(aligned: Aligned, scale: int) -> Float[Tensor, "b 1 H W"]:
    """Tell what share of the contrast around a texel to expect as error.

    It falls slowly with the photo px that looked at it and with the belief they earned. The
    exponents are a log-linear fit to the true errors of captures with a known answer; they are the
    same for all captures.
    """
    return (_looks(aligned, scale) + 0.05) ** -0.33 * (1.0 + belief_in(aligned, scale)) ** -0.22


def anticipated_error(
    high: Float[Tensor, "b 3 H W"], share: Float[Tensor, "b 1 H W"]
) -> Float[Tensor, "b 1 H W"]:
    """Anticipate the mean absolute error of colour, > 0.

    A slight blur makes less of what a network draws from texel to texel where nothing is.

    Args:
        high: what errors are expected in.
        share: of the contrast around, see `contrast_share`.
    """
    luma = blur(luma_of(high), PATTERN_SIGMA)
    contrast = PATTERN_GAIN * blur((luma - blur(luma, 1.0)).abs(), 1.5) + LEAST_CONTRAST
    return contrast * share


def evened_out(error: Float[Tensor, "b 1 H W"], scale: int) -> Float[Tensor, "b 1 H W"]:
    """Even out what a network says of its error, and make less of where it says most.

    Bent towards a limit, e / (1 + e / limit): the head learns on photos that are worse than most,
    and says too much where it says most. Then evened out: of a low texel's high ones it tells each
    by weights of its own, a pattern that errors do not have. Last, brought to what agrees best with
    the errors of captures with a known answer, as the limit is.

    Args:
        error: > 0.
        scale: high texels per low texel.
    """
    even = blur(error / (1.0 + error / BENT_TOWARDS), ALIKE_TX * scale)
    return (RAISED * (even - SURE)).clamp_min(LEAST_EXPECTED)


def confidence_of(error: Float[Tensor, "b 1 H W"]) -> Float[Tensor, "b 1 H W"]:
    """Turn the expected error into (0, 1]."""
    return 1.0 / (1.0 + error * CONFIDENCE_SLOPE)


def _looks(aligned: Aligned, scale: int) -> Float[Tensor, "b 1 H W"]:
    """How much the photos look at a texel: photo px on it, summed over the views."""
    if not aligned.detail.shape[1]:
        return torch.zeros_like(aligned.base[:, :1])
    weight = functional.avg_pool2d(aligned.weight, scale)
    resolution = (aligned.cues[:, :, COSINE_CUE] * aligned.cues[:, :, PX_CUE]) ** 2
    return spread((weight * resolution).sum(1, keepdim=True), scale)
