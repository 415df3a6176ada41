"""The default network with a head on it: an upscaler that answers at any scale."""

from collections.abc import Iterable
from typing import final

import torch
from jaxtyping import Float32
from torch import Tensor

from texsr.models.grids import brought_to, points_on, unseen_by_low, whole_grid
from texsr.models.implicit_head import REACH_TX, ImplicitHead
from texsr.models.matched import Sight
from texsr.models.protocol import CroppedReferences, TexelGrid, Upscaled, WarpedReferences
from texsr.models.texsr_upscaler import TexsrUpscaler

TEXEL_BYTES = 40  # what the head takes per high texel, beside the network


@final
class HeadedUpscaler:
    """A network that answers at scales of its own, and a head that goes on to any other.

    Its `scales` are those of the network: at one of them references are given, and `at` answers at
    any scale that is not larger.
    """

    def __init__(self, under: TexsrUpscaler, head: ImplicitHead, head_name: str) -> None:
        """Take the network, the head that goes with it, and what reports call the head by."""
        self.under, self.head, self.head_name = under, head.eval(), head_name
        self.name = f"{under.name} with head {head_name}"
        # Features of a coarser scale come from trunks of its own, which the head has not met.
        self.scales = tuple(scale for scale in under.scales if scale >= head.config.native)
        self.overlap_tx = under.overlap_tx + REACH_TX
        self.single_overlap_tx = under.single_overlap_tx
        self.max_references, self.matches_photos = under.max_references, under.matches_photos

    def bytes_per_texel(self, num_references: int, scale: int) -> int:
        """Working memory per high texel of a tile, its inputs included."""
        return self.under.bytes_per_texel(num_references, scale) + TEXEL_BYTES

    def fitted(
        self,
        samples: Iterable[tuple[Float32[Tensor, "1 3 h w"], WarpedReferences | None]],
        scale: int,
    ) -> "HeadedUpscaler":
        """Adapt the network to what some tiles of a capture show of its photos."""
        return HeadedUpscaler(self.under.fitted(samples, scale), self.head, self.head_name)

    def single_scale(self, scale: int) -> int | None:
        """As of the network's upscaler, like what it gives."""
        return self.under.single_scale(scale)

    def single_planes(self, scale: int) -> int:
        """As of the network's upscaler."""
        return self.under.single_planes(scale)

    def single_answer(
        self, low: Float32[Tensor, "b 3 h w"], scale: int
    ) -> Float32[Tensor, "b n H W"]:
        """Super-resolve by the network's single-image branch."""
        return self.under.single_answer(low, scale)

    def sights(
        self, low: Float32[Tensor, "1 3 h w"], references: CroppedReferences, scale: int
    ) -> list[Sight]:
        """As of the network's upscaler."""
        return self.under.sights(low, references, scale)

    def __call__(
        self,
        low: Float32[Tensor, "b 3 h w"],
        references: WarpedReferences | CroppedReferences | None,
        scale: int,
        single: Float32[Tensor, "b n P Q"] | None = None,
    ) -> Upscaled:
        """Super-resolve a batch of tiles at one of `scales`."""
        size = low.shape[2], low.shape[3]
        grid = whole_grid(size, (size[0] * scale, size[1] * scale))
        return self.at(low, references, scale, grid, single)

    @torch.inference_mode()
    def at(
        self,
        low: Float32[Tensor, "b 3 h w"],
        references: WarpedReferences | CroppedReferences | None,
        scale: int,
        grid: TexelGrid,
        single: Float32[Tensor, "b n P Q"] | None = None,
    ) -> Upscaled:
        """Super-resolve a batch of tiles at any texels on them.

        Args:
            low: sRGB-encoded, [0, 1].
            references: None or k = 0: the single-image answer.
            scale: one of `scales`, at which references are given; the smallest that is not below
                that of the grid.
            grid: the texels that are wanted.
            single: what `single_answer` gave for the tiles; None: the tiles have to do.
        """
        found, features = self.under.answered(low, references, scale, single)
        size = low.shape[2], low.shape[3]
        high = brought_to(grid, found.high, size)
        if features is not None:
            points = points_on(grid, size, low.device)
            added = self.head(low, features, points)
            added = added.unflatten(2, (len(grid.rows), len(grid.columns)))
            if bool(torch.isfinite(added).all()):
                high = high + unseen_by_low(grid, added, size)
        told = (brought_to(grid, one, size).clamp(0.0, 1.0) for one in found[1:])
        return Upscaled(high, *told)
