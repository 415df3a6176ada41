"""What a model does with fewer photos and without some of its parts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, final, runtime_checkable

from jaxtyping import Float32
from torch import Tensor

from texsr.flows.methods import Sharpening
from texsr.pipeline.stages.superresolve import UpscaledTile, Upscaler

REFERENCE_COUNTS = (1, 2, 4, 8)
PARTS = {"geometry": "no geometry", "attention": "no attention", "parts": "no parts"}


@runtime_checkable
class Ablatable(Protocol):
    """An upscaler that can do without some of its parts."""

    def ablated(self, name: str) -> Any:
        """The upscaler without one of `PARTS`."""
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Unlimited:
    """An upscaler that is given as many references as are asked for, not as it likes best."""

    inner: Upscaler
    max_references: int | None = None

    @property
    def name(self) -> str:
        """As the upscaler's."""
        return self.inner.name

    @property
    def scales(self) -> tuple[int, ...]:
        """As the upscaler's."""
        return self.inner.scales

    @property
    def overlap_tx(self) -> int:
        """As the upscaler's."""
        return self.inner.overlap_tx

    def bytes_per_texel(self, num_references: int) -> int:
        """Ask the upscaler."""
        return self.inner.bytes_per_texel(num_references)

    def fitted(
        self, samples: Iterable[tuple[Float32[Tensor, "1 3 h w"], Any]], scale: int
    ) -> "Unlimited":
        """Fit the upscaler."""
        return Unlimited(inner=self.inner.fitted(samples, scale))

    def __call__(
        self, low: Float32[Tensor, "b 3 h w"], references: Any, scale: int
    ) -> UpscaledTile:
        """Let the upscaler work."""
        return self.inner(low, references, scale)


def ablations(method: Sharpening) -> list[Sharpening]:
    """Give a method without references, with 1, 2, 4 and 8 of them, and without each of its parts.

    An upscaler that takes no references, or has no parts to leave out, has fewer variants.
    """
    upscaler, name, device = method.upscaler, method.name, method.device
    made: list[Sharpening] = []
    if upscaler.max_references != 0:
        free = Unlimited(inner=upscaler)
        made = [
            Sharpening(
                name=f"{name}, K = {count}" if count else f"{name}, no references",
                upscaler=free,
                device=device,
                references=count,
            )
            for count in (0, *REFERENCE_COUNTS)
        ]
    if isinstance(upscaler, Ablatable):
        made += [
            Sharpening(name=f"{name}, {words}", upscaler=upscaler.ablated(part), device=device)
            for part, words in PARTS.items()
        ]
    return made
