"""The honest baseline: plain bicubic enlargement; references are not looked at."""

from collections.abc import Iterable
from typing import final

import torch
from jaxtyping import Float32
from torch import Tensor

from texsr.models.protocol import Upscaled, WarpedReferences
from texsr.models.resample import enlarge


@final
class Bicubic:
    """Plain bicubic enlargement."""

    name = "bicubic"
    scales = (2, 3, 4, 6, 8)
    overlap_tx = 4
    max_references: int | None = 0

    def fitted(
        self, samples: Iterable[tuple[Float32[Tensor, "1 3 h w"], WarpedReferences]], scale: int
    ) -> "Bicubic":
        """Nothing to adapt."""
        return self

    def bytes_per_texel(self, num_references: int, scale: int) -> int:
        """Working memory per high texel of a tile."""
        return 40

    @torch.inference_mode()
    def __call__(
        self,
        low: Float32[Tensor, "b 3 h w"],
        references: WarpedReferences | None,
        scale: int,
    ) -> Upscaled:
        """Enlarge a tile."""
        high = enlarge(low, scale)
        unknown = torch.zeros_like(high[:, :1])
        return Upscaled(high, unknown, unknown)
