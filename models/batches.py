"""What a step of a training learns from: tiles with their truth, and with what is known of them."""

from typing import Any, NamedTuple

from jaxtyping import Float32
from torch import Tensor

from texsr.models.alignment import Aligned


class Batch(NamedTuple):
    """Tiles whose references are in their texels and in the light of the atlas."""

    low: Float32[Tensor, "b 3 h w"]
    aligned: Aligned
    truth: Float32[Tensor, "b 3 H W"]
    covered: Float32[Tensor, "b 1 H W"]
    teacher: Float32[Tensor, "b 3 H W"] | None = None

    @property
    def num_references(self) -> int:
        """Of each tile."""
        return self.aligned.detail.shape[1]


class PictureBatch(NamedTuple):
    """Tiles whose references are pictures, for networks over pictures."""

    low: Float32[Tensor, "b 3 h w"]
    references: list[list[Float32[Tensor, "3 _ _"]]]
    """Of each tile, of any number and sizes; sRGB-encoded, [0, 1]."""
    truth: Float32[Tensor, "b 3 H W"]
    covered: Float32[Tensor, "b 1 H W"]
    reach: int | None = None
    """Low texels between a place and its match in references that lie where the tile does; None:
    they may lie anywhere."""

    @property
    def num_references(self) -> int:
        """The most that a tile has."""
        return max(map(len, self.references), default=0)


def to_device(batch: Any, device: str) -> Any:
    """Move all tensors of a batch, however nested."""
    match batch:
        case _ if device == "cpu":
            return batch
        case Tensor():
            return batch.to(device, non_blocking=True)
        case list():
            return [to_device(part, device) for part in batch]
        case tuple():
            return type(batch)(*(to_device(part, device) for part in batch))
        case _:
            return batch
