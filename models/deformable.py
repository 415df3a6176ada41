"""A modulated deformable convolution without a compiled operator.

Source: Zhu, Hu, Lin, Dai, "Deformable ConvNets v2: More Deformable, Better Results", CVPR 2019; as
*dynamic aggregation* in Jiang, Chan, Wang, Loy, Liu, "Robust Reference-based Super-Resolution via
C2-Matching", CVPR 2021, it starts from matched offsets. It samples by plain indexing, some rows at
a time.
"""

from typing import final

import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional

from texsr.models.port import silence

TAPS = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1))
NUM_TAPS = len(TAPS)
ROWS = 32  # made at once


@final
class DynamicAggregation(nn.Module):
    """A modulated deformable convolution that starts from matched offsets."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.kernel = nn.Conv2d(width, width, 3, padding=1)  # its weights alone are used
        self.learned = nn.Conv2d(width, 3 * groups * NUM_TAPS, 3, padding=1)
        silence(self.learned.weight, self.learned.bias)

    def forward(
        self,
        reference: Float32[Tensor, "b d h2 w2"],
        told: Float32[Tensor, "b d h w"],
        flow: Float32[Tensor, "b 9 2 h w"],
    ) -> Float32[Tensor, "b d h w"]:
        """Gather a reference to where it was matched.

        Args:
            reference: in its own frame.
            told: features from which offsets are corrected.
            flow: matched offsets.
        """
        learned = self.learned(told).unflatten(1, (3, self.groups, NUM_TAPS))  # b 3 g 9 h w
        offset = learned[:, :2].movedim(1, 3) + flow[:, None]  # b g 9 2 h w
        weight = torch.sigmoid(learned[:, 2])  # b g 9 h w
        kernel = self.kernel.weight.flatten(2)  # o d 9
        made: list[Tensor] = []
        for start in range(0, told.shape[2], ROWS):
            rows = slice(start, min(start + ROWS, told.shape[2]))
            columns = [
                sampled(part, offset[:, group, :, :, rows], rows) * weight[:, group, None, :, rows]
                for group, part in enumerate(reference.chunk(self.groups, dim=1))
            ]
            stacked = torch.cat(columns, dim=1).flatten(1, 2).flatten(2)  # b d*9 n
            mixed = kernel.flatten(1) @ stacked
            made.append(mixed.unflatten(2, (rows.stop - start, told.shape[3])))
        assert self.kernel.bias is not None
        return torch.cat(made, dim=2) + self.kernel.bias[:, None, None]


def sampled(
    reference: Float32[Tensor, "b d h2 w2"],
    offset: Float32[Tensor, "b k 2 h w"],
    rows: slice,
    *,
    middle_only: bool = False,
) -> Float32[Tensor, "b d k h w"]:
    """Sample a reference bilinearly at each site of some rows, for each tap; 0 outside of it."""
    _, num_taps, _, height, width = offset.shape
    taps = ((0, 0),) if middle_only else TAPS
    y = torch.arange(rows.start, rows.stop, device=offset.device)[:, None] + offset[:, :, 0]
    x = torch.arange(width, device=offset.device) + offset[:, :, 1]
    steps = torch.tensor(taps, device=offset.device, dtype=offset.dtype)[:, :, None, None]
    y, x = y + steps[:, 0], x + steps[:, 1]
    size = reference.shape[2:]
    grid = torch.stack([(2 * x + 1) / size[1] - 1, (2 * y + 1) / size[0] - 1], dim=-1)
    found = functional.grid_sample(reference, grid.flatten(1, 2), align_corners=False)
    return found.unflatten(2, (num_taps, height))
