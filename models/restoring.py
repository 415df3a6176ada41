"""What a network over pictures is asked: one low image, its references, and a size."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Float32
from torch import Tensor

from texsr.models.alignment import Aligned


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
    ) -> Restored:
        """Give an image of this height and width."""
        ...


def pictures_of(aligned: Aligned) -> list[list[Float32[Tensor, "3 H W"]]]:
    """Give the references of tiles as pictures in the light of the atlas, those that see them.

    Where a reference sees nothing, the atlas's own enlargement stands.
    """
    return [
        [base + one for one, seen in zip(detail, weight, strict=True) if bool((seen > 0).any())]
        for base, detail, weight in zip(aligned.base, aligned.detail, aligned.weight, strict=True)
    ]
