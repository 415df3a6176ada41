"""What a model does with fewer photos, with crops of them, and without some of its parts."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol, final, runtime_checkable

from jaxtyping import Float32
from torch import Tensor

from texsr.flows.methods import Sharpening
from texsr.flows.settings import ReferenceForm
from texsr.pipeline.stages.superresolve import SeesWhole, UpscaledTile, Upscaler

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

    @property
    def single_overlap_tx(self) -> int:
        """As the upscaler's."""
        inner = self.inner
        return inner.single_overlap_tx if isinstance(inner, SeesWhole) else inner.overlap_tx

    def single_scale(self, scale: int) -> int | None:
        """Ask the upscaler."""
        return self._whole.single_scale(scale) if isinstance(self.inner, SeesWhole) else None

    def single_planes(self, scale: int) -> int:
        """Ask the upscaler."""
        return self._whole.single_planes(scale)

    def single_answer(
        self, low: Float32[Tensor, "b 3 h w"], scale: int
    ) -> Float32[Tensor, "b n H W"]:
        """Let the upscaler work without references."""
        return self._whole.single_answer(low, scale)

    def bytes_per_texel(self, num_references: int, scale: int) -> int:
        """Ask the upscaler."""
        return self.inner.bytes_per_texel(num_references, scale)

    def fitted(
        self, samples: Iterable[tuple[Float32[Tensor, "1 3 h w"], Any]], scale: int
    ) -> "Unlimited":
        """Fit the upscaler."""
        return Unlimited(inner=self.inner.fitted(samples, scale))

    def __call__(
        self,
        low: Float32[Tensor, "b 3 h w"],
        references: Any,
        scale: int,
        single: Float32[Tensor, "b n P Q"] | None = None,
    ) -> UpscaledTile:
        """Let the upscaler work."""
        if single is None:
            return self.inner(low, references, scale)
        return self._whole(low, references, scale, single)

    @property
    def _whole(self) -> SeesWhole:
        assert isinstance(self.inner, SeesWhole)
        return self.inner


def ablations(method: Sharpening) -> list[Sharpening]:
    """Give a method without references, with 1, 2, 4 and 8 of them, and without each of its parts.

    An upscaler that takes no references, or has no parts to leave out, has fewer variants.
    """
    upscaler = method.upscaler
    made: list[Sharpening] = []
    if upscaler.max_references != 0:
        made = _with_counts(replace(method, upscaler=Unlimited(inner=upscaler)))
    if isinstance(upscaler, Ablatable):
        made += [
            replace(method, name=f"{method.name}, {words}", upscaler=upscaler.ablated(part))
            for part, words in PARTS.items()
        ]
    return made


def picture_ablations(method: Sharpening) -> list[Sharpening]:
    """Give a method without the references of a picture, and with the first 1, 2, 4 and 8.

    An upscaler that does not search takes none of them, and has no variants.
    """
    return _with_counts(method) if method.searches else []


def with_crops(method: Sharpening) -> list[Sharpening]:
    """Give a method that is shown crops of a capture's photos; one that searches none, nothing."""
    if not method.searches:
        return []
    return [replace(method, name=f"{method.name}, cropped", references_as=ReferenceForm.CROPPED)]


def _with_counts(method: Sharpening) -> list[Sharpening]:
    name = method.name
    names = [f"{name}, no references", *(f"{name}, K = {count}" for count in REFERENCE_COUNTS)]
    return [
        replace(method, name=one, references=count)
        for one, count in zip(names, (0, *REFERENCE_COUNTS), strict=True)
    ]
