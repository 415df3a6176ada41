"""The single-image branch of the default network: what stands where no photo does.

Its trunk serves nothing but that answer, so it may be wide and learn by itself: from truths, and
from a teacher's answers. Fusion keeps the narrower trunk that it was trained on. Where no photo
speaks, the two are averaged: they err differently, and their mean is better than either.
"""

from typing import final

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn import functional

from texsr.models.blocks import residual_blocks
from texsr.models.ensemble import Turns
from texsr.models.port import entering, silence

SHARE = 0.7  # of the branch where no photo speaks; validation decided


@final
class SingleBranch(nn.Module):
    """Convolutions at the low resolution, over what its faithful enlargement adds to an image."""

    def __init__(self, scale: int, *, width: int, blocks: int) -> None:
        super().__init__()
        self.scale = scale
        parts = scale * scale
        self.entry = nn.Conv2d(3 + 3 * parts, width, 3, padding=1)
        self.trunk = residual_blocks(width, blocks, starts=(1.0, 0.1))
        self.proposal = nn.Conv2d(width, 3 * parts, 3, padding=1)
        silence(self.proposal.weight, self.proposal.bias)

    def forward(
        self, low: Float32[Tensor, "b 3 h w"], base: Float32[Tensor, "b 3 H W"], turns: int = 1
    ) -> Float[Tensor, "b 3 H W"]:
        """Propose what to add to the base.

        Args:
            low: sRGB-encoded, [0, 1].
            base: its faithful enlargement.
            turns: of the eight turns and mirror images, whose answers are averaged.
        """
        asked = Turns(turns)
        pairs = zip(asked.each(low), asked.each(base), strict=True)
        return asked.mean([self._once(*pair) for pair in pairs])

    def _once(self, low: Tensor, base: Tensor) -> Tensor:
        with torch.autocast(low.device.type, enabled=False):  # bf16 has no room for fine detail
            entered = self.entry(entering(low, base, self.scale))
        told = self.proposal(self.trunk(entered) + entered)
        return functional.pixel_shuffle(told.float(), self.scale)


def share_of_branch(backed: Float[Tensor, "b 1 H W"]) -> Float[Tensor, "b 1 H W"]:
    """Give the share of the branch in an answer: `SHARE` where no photo speaks, 0 where some do.

    Args:
        backed: [0, 1], share of the attention that went to photos.
    """
    return SHARE * torch.square(1.0 - backed.clamp(0.0, 1.0))
