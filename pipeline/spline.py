"""Cubic B-splines through the pixels of an image, sampled at scattered places.

Of the interpolators with a reach of two pixels it is the one that keeps most of what an image holds
up to its sampling limit, and lets through least of what lies beyond: Thévenaz, Blu, Unser,
"Interpolation Revisited", IEEE Transactions on Medical Imaging 2000. Sampled by four linear
look-ups in place of sixteen texel reads: Sigg, Hadwiger, "Fast Third-Order Texture Filtering",
GPU Gems 2, 2005.

A spline is found where it is needed, block by block: photos stay in memory as they were stored.
Home of SciPy's spline filter and of PyTorch's sampler.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

BLOCK_PX = 192  # places within one such square are looked up together
MARGIN_PX = 12  # a pixel this far off has a say of 1e-7


def sample_spline(
    image: UInt8[Tensor, "c h w"], px: Float32[Tensor, "n 2"]
) -> Float32[Tensor, "c n"]:
    """Sample the spline through an image.

    Args:
        image: stored pixels.
        px: (x, y); pixel (0, 0) is centred at (0.5, 0.5). Beyond the centres of the pixels at the
            border those are repeated.

    Returns:
        In [0, 1], and a little beyond where the spline overshoots.
    """
    height, width = image.shape[1:]
    place = torch.minimum(px.clamp_min(0.5), torch.tensor([width - 0.5, height - 0.5])) - 0.5
    total = torch.empty(image.shape[0], len(px))
    for chosen in _together(place):
        total[:, chosen] = _sample_block(image, place[chosen])
    return total


def _together(place: Float32[Tensor, "n 2"]) -> Iterator[Int64[Tensor, " m"]]:
    """Give the indices of the places in each block that holds some."""
    if len(place) == 0:
        return
    block = (place / BLOCK_PX).long()
    code = block[:, 1] * (int(block[:, 0].max()) + 1) + block[:, 0]
    order = torch.argsort(code, stable=True)
    counts = torch.unique_consecutive(code[order], return_counts=True)[1]
    yield from torch.split(order, counts.tolist())


def _sample_block(
    image: UInt8[Tensor, "c h w"], place: Float32[Tensor, "n 2"]
) -> Float32[Tensor, "c n"]:
    """Sample at places near each other, counted from the middle of the first pixel."""
    first = place.floor()
    corner, last = first.amin(0), first.amax(0)
    spline = _coefficients(image, corner.long().tolist(), last.long().tolist())
    size = torch.tensor([spline.shape[2], spline.shape[1]], dtype=torch.float32)
    t = place - first
    s = 1.0 - t
    # Weights of the four pixels along an axis; two neighbours are read as one between them.
    outer, inner = s**3 / 6.0, 2.0 / 3.0 - 0.5 * t * t * (2.0 - t)
    lower = outer + inner
    start = first - corner + MARGIN_PX + 0.5
    reads = (start - 1.0 + inner / lower, start + 1.0 + t**3 / 6.0 / (1.0 - lower))
    grids, weights = [read * (2.0 / size) - 1.0 for read in reads], (lower, 1.0 - lower)
    total = torch.zeros(image.shape[0], len(place))
    for grid_x, weight_x in zip(grids, weights, strict=True):
        for grid_y, weight_y in zip(grids, weights, strict=True):
            grid = torch.stack([grid_x[:, 0], grid_y[:, 1]], dim=1)
            looked = functional.grid_sample(spline[None], grid[None, None], align_corners=False)
            total.addcmul_(looked[0, :, 0], weight_x[:, 0] * weight_y[:, 1])
    return total


def _coefficients(
    image: UInt8[Tensor, "c h w"], first: list[int], last: list[int]
) -> Float32[Tensor, "c p q"]:
    """Find the spline from one pixel (x, y) to another, with a margin; the border is mirrored."""
    columns, rows = (
        _mirrored(start - MARGIN_PX, stop + MARGIN_PX + 1, size)
        for start, stop, size in zip(first, last, (image.shape[2], image.shape[1]), strict=True)
    )
    pixels = image[:, rows][:, :, columns].numpy()
    spline = np.empty(pixels.shape, np.float32)
    for plane, found in zip(pixels, spline, strict=True):
        ndimage.spline_filter(plane.astype(np.float32), order=3, output=found)
    return torch.from_numpy(spline) / 255.0


def _mirrored(start: int, stop: int, size: int) -> Int64[Tensor, " n"]:
    """Indices from `start` to `stop` of a line of pixels that is mirrored at both ends."""
    index = torch.arange(start, stop) % (2 * size)
    return torch.minimum(index, 2 * size - 1 - index)
