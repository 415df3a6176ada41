"""What a network over pictures is asked: one low image, its references, and a size."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float32
from torch import Tensor

from texsr.models.alignment import Aligned

LEAST_WEIGHT = 1e-6
REACH_TX = 1  # between a place and its match in what geometry has aligned


class Restored(NamedTuple):
    """The answer for one image."""

    high: Float32[Tensor, "3 H W"]
    taken: Any = None
    """What was taken from references, where losses of its own are about that."""


@runtime_checkable
class Restore(Protocol):
    """Asks a network about one image, whatever form it takes that in."""

    def __call__(
        self,
        low: Float32[Tensor, "3 h w"],
        references: list[Float32[Tensor, "3 _ _"]],
        size: tuple[int, int],
        reach: int | None = None,
    ) -> Restored:
        """Give an image of this height and width.

        Args:
            low: sRGB-encoded, [0, 1].
            references: likewise, of any number.
            size: of the answer.
            reach: low texels between a place and its match in references that lie where the low
                image does; None: they may lie anywhere.
        """
        ...


def pictures_of(aligned: Aligned) -> list[list[Float32[Tensor, "3 H W"]]]:
    """Give the references of tiles as pictures in the light of the atlas, those that see them.

    Where a reference sees nothing, the mean of those that see stands, else the atlas's own
    enlargement: what is blurred there would be most like the low image, and be taken.
    """
    tiles = zip(aligned.base, aligned.detail, aligned.weight, strict=True)
    return [as_pictures(*tile) for tile in tiles]


def as_pictures(
    base: Float32[Tensor, "3 H W"],
    detail: Float32[Tensor, "k 3 H W"],
    weight: Float32[Tensor, "k H W"],
) -> list[Float32[Tensor, "3 H W"]]:
    """Give the references of one tile as `pictures_of` does."""
    total = weight.sum(0).clamp_min(LEAST_WEIGHT)
    mean = (detail * weight[:, None]).sum(0) / total
    return [
        base + torch.where(seen > 0, one, mean)
        for one, seen in zip(detail, weight, strict=True)
        if bool((seen > 0).any())
    ]
