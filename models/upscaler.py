"""What every upscaler of this package is, by structure."""

from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float32
from torch import Tensor

from texsr.models.protocol import Upscaled, WarpedReferences


@runtime_checkable
class Upscaler(Protocol):
    """Makes a tile `scale` times larger with the help of references."""

    @property
    def name(self) -> str:
        """As reports call it."""
        ...

    @property
    def scales(self) -> tuple[int, ...]:
        """Scales it can do."""
        ...

    @property
    def overlap_tx(self) -> int:
        """How far around a low texel it looks."""
        ...

    @property
    def max_references(self) -> int | None:
        """References it wants per cell of the surface; None: all."""
        ...

    def bytes_per_texel(self, num_references: int, scale: int) -> int:
        """Working memory per high texel of a tile, its inputs included."""
        ...

    def fitted(
        self, samples: Iterable[tuple[Float32[Tensor, "1 3 h w"], WarpedReferences]], scale: int
    ) -> Any:
        """The upscaler, adapted to what some tiles of a capture show of its photos."""
        ...

    def __call__(
        self, low: Float32[Tensor, "b 3 h w"], references: WarpedReferences | None, scale: int
    ) -> Upscaled:
        """Super-resolve tiles."""
        ...
