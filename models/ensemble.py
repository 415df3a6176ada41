"""A network asked about a tile in several turns and mirror images of it, and its answers averaged.

The geometric self-ensemble of Lim et al., "Enhanced Deep Residual Networks for Single Image
Super-Resolution", CVPRW 2017: a network is not quite the same for turned tiles, and what differs
is error. There whole answers are averaged. Here a network averages what its heads say on the way,
so that all turns go on from one better proposal, and costly planes of high texels are made once.
"""

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

ALL_TURNS = 8  # four quarter turns, each as it is and mirrored


@final
class Turns:
    """Some of the eight turns: quarter turns first, then the same mirrored. One: as it is."""

    def __init__(self, count: int) -> None:
        if not 1 <= count <= ALL_TURNS:
            raise ValueError(f"turns: found {count}; expected 1 to {ALL_TURNS}")
        self.count = count

    def each(self, plane: Float[Tensor, "... h w"]) -> list[Tensor]:
        """Give a plane in every turn."""
        return [turned(plane, index) for index in range(self.count)]

    def mean(self, planes: Sequence[Tensor]) -> Float[Tensor, "... h w"]:
        """Turn answers back, and average them.

        Args:
            planes: one for each turn, in the order of `each`.
        """
        total = planes[0]
        for index in range(1, self.count):
            total = total + turned_back(planes[index], index)
        return total / self.count if self.count > 1 else total


def turned(plane: Float[Tensor, "... h w"], index: int) -> Float[Tensor, "... p q"]:
    """Give one of the eight: turned by quarters, and mirrored from the fifth on."""
    if index == 0:
        return plane
    plane = torch.rot90(plane, index % 4, (-2, -1))
    return (plane.flip(-1) if index >= 4 else plane).contiguous()


def turned_back(plane: Float[Tensor, "... p q"], index: int) -> Float[Tensor, "... h w"]:
    """Undo `turned`."""
    plane = plane.flip(-1) if index >= 4 else plane
    return torch.rot90(plane, -(index % 4), (-2, -1))
