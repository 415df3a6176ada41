"""Photos of flat tiles, every pixel an exact average of texels."""

import torch
from torch import Tensor
from torch.nn import functional

from texsr.pipeline.references import PhotoPart

SCALE, SIDE = 4, 32
HIGH = SIDE * SCALE


def places(px_per_texel: float, offset: tuple[float, float], side: int = HIGH) -> Tensor:
    """Where the texels of a flat tile lie on a photo of it."""
    centres = (torch.arange(side) + 0.5) * px_per_texel
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    return torch.stack([x + offset[0], y + offset[1]])


def photo(truth: Tensor, px_per_texel: float, offset: tuple[float, float]) -> PhotoPart:
    """A photo of a flat tile: pixels are averages over their areas, by a literal sum."""
    fine = 40  # samples of a pixel, an axis
    pixels = int(truth.shape[3] * px_per_texel) + 2
    at = (torch.arange(pixels * fine) + 0.5) / fine
    column, row = (
        ((at - shift) / px_per_texel).floor().long().clamp(0, truth.shape[3] - 1)
        for shift in offset
    )
    seen = functional.avg_pool2d(truth[:, :, row][:, :, :, column], fine)[0]
    return PhotoPart(
        pixels=(seen * 255.0).round().clamp(0, 255).to(torch.uint8),
        px=places(px_per_texel, offset, truth.shape[3]),
    )
