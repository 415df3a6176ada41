"""The single-image branch of the default network: what stands where no photo does.

Its trunk serves nothing but that answer, so it may be of another make and learn by itself: from
truths, and from a teacher's answers. Fusion keeps the trunk that it was trained on. The blocks are
modulated (`texsr.models.modulation`): stripes and nested rules need to be seen from further off
than convolutions look.
"""

from typing import final

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from texsr.models.ensemble import Turns
from texsr.models.modulation import ModulatedBlock, in_whole_cells
from texsr.models.port import silence
from texsr.models.texels import to_texels


@final
class SingleBranch(nn.Module):
    """Modulated blocks at the low resolution; at the start it repeats the low texels."""

    def __init__(self, scale: int, *, width: int, blocks: int) -> None:
        """Take its size.

        Args:
            scale: high texels along a low one.
            width: channels; at least 3.
            blocks: in its trunk.
        """
        super().__init__()
        self.scale = scale
        parts = scale * scale
        self.entry = nn.Conv2d(3, width, 3, padding=1)
        self.trunk = nn.Sequential(*(ModulatedBlock(width) for _ in range(blocks)))
        self.proposal = nn.Conv2d(width, 3 * parts, 3, padding=1)
        silence(self.entry.bias, self.proposal.weight, self.proposal.bias)
        with torch.no_grad():
            for color in range(3):
                self.entry.weight[color] = 0.0
                self.entry.weight[color, color, 1, 1] = 1.0
                texels = slice(color * parts, (color + 1) * parts)
                self.proposal.weight[texels, color, 1, 1] = 0.5  # features count twice

    def forward(
        self, low: Float32[Tensor, "b 3 h w"], turns: int = 1
    ) -> Float32[Tensor, "b 3 H W"]:
        """Super-resolve tiles.

        Args:
            low: sRGB-encoded, [0, 1]; tiles whose corners lie on multiples of 8 texels of an atlas
                are answered alike.
            turns: of the eight turns and mirror images, whose answers are averaged.
        """
        asked, (height, width) = Turns(turns), low.shape[2:]
        answer = asked.mean([self._once(one) for one in asked.each(in_whole_cells(low))])
        return answer[:, :, : height * self.scale, : width * self.scale]

    def _once(self, low: Tensor) -> Tensor:
        with torch.autocast(low.device.type, enabled=False):  # bf16 has no room for fine detail
            entered = self.entry(low)
        features = self.trunk(entered) + entered
        with torch.autocast(low.device.type, enabled=False):
            return to_texels(self.proposal(features.float()), self.scale)


def share_of_branch(backed: Float[Tensor, "b 1 H W"]) -> Float[Tensor, "b 1 H W"]:
    """Give the share of the branch in an answer: all where no photo speaks, none where some do.

    Args:
        backed: [0, 1], share of the attention that went to photos.
    """
    return torch.square(1.0 - backed.clamp(0.0, 1.0))
