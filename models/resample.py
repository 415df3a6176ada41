"""Bicubic reduction and enlargement as Pillow defines them, and the inverse of the reduction.

`reduce` is Pillow's antialiased bicubic (a = -0.5, window widened by the scale); `enlarge` its
plain bicubic.
"""

from functools import lru_cache

import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional

# Taps of the sharpening filter on each side: its response falls below 1e-4 within ten low texels.
SHARPEN_REACH = 10


def enlarge(low: Float32[Tensor, "b c h w"], scale: int) -> Float32[Tensor, "b c H W"]:
    """Enlarge by bicubic interpolation."""
    return functional.interpolate(
        low, scale_factor=float(scale), mode="bicubic", antialias=True, align_corners=False
    )


def reduce(high: Float32[Tensor, "b c H W"], scale: int) -> Float32[Tensor, "b c h w"]:
    """Reduce by antialiased bicubic interpolation. H and W must be multiples of `scale`."""
    return functional.interpolate(
        high, scale_factor=1.0 / scale, mode="bicubic", antialias=True, align_corners=False
    )


def resize(image: Float32[Tensor, "b c h w"], size: tuple[int, int]) -> Float32[Tensor, "b c H W"]:
    """Bring an image to a height and width, whole scale or not: bicubic, antialiased if smaller."""
    return functional.interpolate(
        image, size=size, mode="bicubic", antialias=True, align_corners=False
    )


def enlarge_faithfully(low: Float32[Tensor, "b c h w"], scale: int) -> Float32[Tensor, "b c H W"]:
    """Enlarge such that `reduce` gives the low image back.

    It is the limit of back-projected bicubic (x += enlarge(low - reduce(x)) until it stands still).
    Reduction and enlargement are separable, so the limit is one small separable filter on the low
    image.
    """
    return enlarge(_sharpened(low, scale), scale)


def make_consistent(
    high: Float32[Tensor, "b c H W"],
    low: Float32[Tensor, "b c h w"],
    scale: int,
    strength: Float32[Tensor, "b 1 h w"] | None = None,
) -> Float32[Tensor, "b c H W"]:
    """Give the image nearest to `high`, in the sense above, whose reduction is `low`.

    Args:
        high: the image to correct.
        low: what its reduction should be.
        scale: high texels per low texel.
        strength: [0, 1], how much of the correction to apply; None: all of it.
    """
    missing = low - reduce(high, scale)
    if strength is not None:
        missing = missing * strength
    return high + enlarge_faithfully(missing, scale)


def _sharpened(low: Float32[Tensor, "b c h w"], scale: int) -> Float32[Tensor, "b c h w"]:
    taps = _sharpening_taps(scale).to(low.device)
    channels = low.shape[1]
    reach = SHARPEN_REACH
    rows = functional.pad(low, (0, 0, reach, reach), mode="replicate")
    rows = functional.conv2d(
        rows, taps.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels
    )
    both = functional.pad(rows, (reach, reach, 0, 0), mode="replicate")
    return functional.conv2d(
        both, taps.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels
    )


@lru_cache(maxsize=8)
def _sharpening_taps(scale: int) -> Float32[Tensor, " n"]:
    """The inverse, on low texels, of enlarging and then reducing; normalised to keep constants."""
    size = 6 * SHARPEN_REACH + 1
    impulses = torch.eye(size, dtype=torch.float64)[None, None]
    row = torch.nn.functional.interpolate(
        torch.nn.functional.interpolate(
            impulses, size=(size, size * scale), mode="bicubic", antialias=True
        ),
        size=(size, size),
        mode="bicubic",
        antialias=True,
    )[0, 0]
    middle = size // 2
    taps = torch.linalg.inv(row)[middle, middle - SHARPEN_REACH : middle + SHARPEN_REACH + 1]
    return (taps / taps.sum()).float()
