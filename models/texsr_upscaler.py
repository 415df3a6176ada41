"""The default network as an upscaler: warped references in, a tile true to its low one out."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple, final

import torch
from jaxtyping import Float32
from torch import Tensor

from texsr.models.alignment import Aligned, align
from texsr.models.crispness import measure_crispness
from texsr.models.projection import CONFIDENCE_SLOPE, Projection
from texsr.models.protocol import Upscaled, WarpedReferences
from texsr.models.resample import make_consistent
from texsr.models.texsr import Attention, Outcome, Texsr

ABLATIONS = {"attention": Attention.STARTING, "parts": Attention.WHOLE_PARTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionOptions:
    """What a run, or an ablation, sets."""

    crispness: float = 0.0
    """What the finest detail of photos is multiplied by, less 1."""
    attention: Attention = Attention.LEARNED
    """How references are mixed."""
    geometry: bool = True
    """Use view angle, resolution and feathering; False: every seen texel of a view counts alike."""


class _Plain(NamedTuple):
    """References as the network is given them."""

    color: Float32[Tensor, "b k 3 H W"]
    weight: Float32[Tensor, "b k H W"]
    prior: Float32[Tensor, "b k 2 h w"]
    trust: Float32[Tensor, "b k"]


@final
class TexsrUpscaler:
    """The default network over any number of warped references, in any order."""

    overlap_tx = 28

    def __init__(
        self, network: Texsr, name: str = "texsr", options: FusionOptions | None = None
    ) -> None:
        self.network = network.eval().to(memory_format=torch.channels_last)
        self.name = name
        self.options = options or FusionOptions()
        self.scales = network.config.scales
        self.max_references: int | None = network.config.max_references

    def ablated(self, what: str) -> "TexsrUpscaler":
        """Give the same without one of its parts.

        Args:
            what: `geometry`, `attention` or `parts`.

        Raises:
            KeyError: none of these.
        """
        if what == "geometry":
            options = replace(self.options, geometry=False)
        else:
            options = replace(self.options, attention=ABLATIONS[what])
        return TexsrUpscaler(self.network, f"{self.name} without {what}", options)

    def fitted(
        self,
        samples: Iterable[tuple[Float32[Tensor, "1 3 h w"], WarpedReferences | None]],
        scale: int,
    ) -> "TexsrUpscaler":
        """Measure on some tiles of a capture how crisp its photos are, and settle on that."""
        crispness = measure_crispness(samples, scale)
        return TexsrUpscaler(self.network, self.name, replace(self.options, crispness=crispness))

    def bytes_per_texel(self, num_references: int) -> int:
        """Working memory per high texel of a tile, its inputs included."""
        return 200 + 80 * num_references

    @torch.inference_mode()
    def __call__(
        self, low: Float32[Tensor, "b 3 h w"], references: WarpedReferences | None, scale: int
    ) -> Upscaled:
        """Super-resolve a batch of tiles.

        Args:
            low: sRGB-encoded, [0, 1].
            references: None or k = 0: the single-image answer.
            scale: one of `scales`.
        """
        kept = None if references is None else self._kept(references)
        aligned = align(low, kept, scale, crispness=self.options.crispness)
        outcome = self._outcome(low, aligned, scale)
        if outcome is None:
            return Projection()(low, references, scale)
        high = make_consistent(outcome.high, low, scale)
        confidence = 1.0 / (1.0 + outcome.error * CONFIDENCE_SLOPE)
        return Upscaled(high, confidence, outcome.backed)

    def _kept(self, references: WarpedReferences) -> _Plain:
        """Leave out references that repeat an earlier one: they say nothing new."""
        order = distinct(references)
        kept = _Plain(
            references.color[:, order],
            references.weight[:, order],
            references.prior[:, order],
            references.trust[:, order],
        )
        if self.options.geometry:
            return kept
        return kept._replace(weight=(kept.weight > 0).float(), prior=torch.ones_like(kept.prior))

    def _outcome(self, low: Tensor, aligned: Aligned, scale: int) -> Outcome | None:
        """Ask the network, on CUDA in half precision; None where even full precision fails."""
        if low.is_cuda:
            with torch.autocast("cuda", torch.bfloat16):
                outcome = self.network(low, aligned, scale, self.options.attention)
            outcome = Outcome(*(part.float() for part in outcome))
            if _finite(outcome):
                return outcome
        outcome = self.network(low, aligned, scale, self.options.attention)
        return outcome if _finite(outcome) else None


def distinct(references: WarpedReferences) -> list[int]:
    """Give the indices of references that are not copies of an earlier one, in every tile."""
    kept: list[int] = []
    for index in range(references.color.shape[1]):
        if not any(_same(references, index, other) for other in kept):
            kept.append(index)
    return kept


def _same(references: WarpedReferences, one: int, other: int) -> bool:
    return torch.equal(references.weight[:, one], references.weight[:, other]) and torch.equal(
        references.color[:, one], references.color[:, other]
    )


def _finite(outcome: Outcome) -> bool:
    return bool(torch.isfinite(outcome.high).all()) and bool(torch.isfinite(outcome.error).all())
