"""The default network as an upscaler: warped references in, a tile true to its low one out."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import final

import torch
from jaxtyping import Float32
from torch import Tensor

from texsr.models.ahead import folded, num_planes, unfolded
from texsr.models.alignment import Aligned, align
from texsr.models.beyond import BEYOND, carried, coarser
from texsr.models.consensus import register, with_concord
from texsr.models.crispness import measure_crispness
from texsr.models.doubt import confidence_of
from texsr.models.matched import Features, PhotoMatcher, Sight
from texsr.models.outcome import Answered, Begun, Outcome
from texsr.models.plain import Plain, plain
from texsr.models.precision import has_units_for_bf16
from texsr.models.projection import Projection
from texsr.models.protocol import (
    CroppedReferences,
    Upscaled,
    WarpedReferences,
)
from texsr.models.reference_attention import Attention
from texsr.models.resample import enlarge_faithfully
from texsr.models.second_look import Shown, held_to_pixels, looked_again, references_again
from texsr.models.testimony import witnesses
from texsr.models.texsr import Texsr

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


@final
class TexsrUpscaler:
    """The default network over any number of warped references, in any order."""

    matches_photos = True  # it finds by itself where a photo shows what
    overlap_tx = 16
    single_overlap_tx = 48  # what is outside changes no answer of the single-image branch by more
    # than 0.15 of 255

    def __init__(
        self, network: Texsr, name: str = "texsr", options: FusionOptions | None = None
    ) -> None:
        self.network = network.eval()
        self.network.to(memory_format=torch.channels_last)  # pyright: ignore
        self.name = name
        self.options = options or FusionOptions()
        native = network.config.scales
        self.scales = (*native, BEYOND * max(native))
        self.max_references: int | None = network.config.max_references
        self._matcher = PhotoMatcher()

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

    def bytes_per_texel(self, num_references: int, scale: int) -> int:
        """Working memory per high texel of a tile, its inputs included."""
        config, of_low = self.network.config, self._native_of(scale) ** 2
        looked_at = min(num_references, config.max_references)
        of_turns = config.turns * (640 // of_low + 16 * looked_at)
        return 20 + 90 * num_references + 2080 // of_low + of_turns

    @torch.inference_mode()
    def __call__(
        self,
        low: Float32[Tensor, "b 3 h w"],
        references: WarpedReferences | CroppedReferences | None,
        scale: int,
        single: Float32[Tensor, "b n P Q"] | None = None,
    ) -> Upscaled:
        """Super-resolve a batch of tiles.

        Args:
            low: sRGB-encoded, [0, 1].
            references: None or k = 0: the single-image answer. Photos that are not warped are
                matched with each tile.
            scale: one of `scales`.
            single: what `single_answer` gave for the tiles, and for what is around them; None: the
                tiles as they are have to do.
        """
        return self.answered(low, references, scale, single)[0]

    def single_scale(self, scale: int) -> int | None:
        """Give the scale of `single_answer` for tiles at `scale`; None: there is no such answer."""
        return self._native_of(scale) if self.network.single else None

    def single_planes(self, scale: int) -> int:
        """Give how many planes `single_answer` has at a native scale."""
        return num_planes(scale, **self._folding)

    @torch.inference_mode()
    def single_answer(
        self, low: Float32[Tensor, "b 3 h w"], scale: int
    ) -> Float32[Tensor, "b n H W"]:
        """Super-resolve by the single-image branch, and give what the first trunk sees besides.

        In half precision where there are units for it: it is asked for pieces that are the same
        whatever the tiles are, so rounding tells of no tile.

        Args:
            low: sRGB-encoded, [0, 1].
            scale: native.

        Returns:
            The answer in three planes, not clipped, and the features in further ones.

        Raises:
            KeyError: there is no branch.
        """
        base = enlarge_faithfully(low, scale)
        if has_units_for_bf16(low.device.type):
            with torch.autocast(low.device.type, torch.bfloat16):
                planes = folded(self.network.ahead(low, base, scale), scale).float()
            if bool(torch.isfinite(planes).all()):
                return planes
        return folded(self.network.ahead(low, base, scale), scale)

    @torch.inference_mode()
    def answered(
        self,
        low: Float32[Tensor, "b 3 h w"],
        references: WarpedReferences | CroppedReferences | None,
        scale: int,
        single: Float32[Tensor, "b n P Q"] | None = None,
    ) -> tuple[Upscaled, Float32[Tensor, "b c h w"] | None]:
        """Super-resolve tiles, and give the network's features; None where they are not finite.

        Arguments as of a call.
        """
        if isinstance(references, CroppedReferences):
            references = self._matcher.matched(low, references, self._features(scale), scale)
        kept = None if references is None else plain(references, geometry=self.options.geometry)
        aligned = self._aligned(low, kept, scale)
        found = self._outcome(low, aligned, scale, single)
        if found is None:
            return Projection()(low, references, scale), None
        parts = () if kept is None else kept.parts
        shown = Shown(low, aligned, witnesses(aligned, parts, scale), scale)
        answer = held_to_pixels(found, shown)
        if scale in self.network.config.looks_again and shown.present:
            ask = partial(self._native, low=low, scale=scale, single=single, begun=found.begun)
            answer = looked_again(answer, shown, ask)
        backed = found.outcome.backed.clamp(0.0, 1.0)
        return Upscaled(answer.high, confidence_of(answer.error), backed), found.features

    @torch.inference_mode()
    def seen_again(
        self, low: Float32[Tensor, "1 3 h w"], references: WarpedReferences, scale: int
    ) -> Aligned:
        """Give the references of a tile as a second look at a native scale sees them."""
        kept = plain(references, geometry=self.options.geometry)
        aligned = self._aligned(low, kept, scale)
        shown = Shown(low, aligned, witnesses(aligned, kept.parts, scale), scale)
        found = self._native(shown.aligned, low, scale, None)
        if found is None:
            return shown.aligned
        return references_again(held_to_pixels(found, shown), shown)

    @torch.inference_mode()
    def sights(
        self, low: Float32[Tensor, "1 3 h w"], references: CroppedReferences, scale: int
    ) -> list[Sight]:
        """Find where photos show a tile or a larger piece of what tiles are cut from.

        Args:
            low: sRGB-encoded, [0, 1].
            references: the photos.
            scale: at which tiles will be asked for.
        """
        return self._matcher.sights(low, references.photos, self._features(scale), scale)

    def _aligned(self, low: Tensor, kept: Plain | None, scale: int) -> Aligned:
        aligned = align(low, kept, scale, crispness=self.options.crispness)
        return with_concord(register(aligned, scale), scale)

    def _features(self, scale: int) -> Features:
        native = self._native_of(scale)
        return lambda image: self.network.halfway(image, enlarge_faithfully(image, native))

    @property
    def _folding(self) -> dict[str, int]:
        return {"width": self.network.config.width, "turns": self.network.config.turns}

    def _native_of(self, scale: int) -> int:
        return scale if scale in self.network.config.scales else scale // BEYOND

    def _outcome(
        self, low: Tensor, aligned: Aligned, scale: int, single: Tensor | None
    ) -> Answered | None:
        """Ask the network; None where its answer is not finite."""
        if scale in self.network.config.scales:
            return self._native(aligned, low, scale, single)
        coarse = self._native(coarser(aligned, BEYOND), low, scale // BEYOND, single)
        return None if coarse is None else carried(coarse, aligned)

    def _native(
        self,
        aligned: Aligned,
        low: Tensor,
        scale: int,
        single: Tensor | None,
        *,
        begun: Begun | None = None,
    ) -> Answered | None:
        """Ask at a native scale; on a GPU first in half precision.

        Args:
            aligned: tiles and references.
            low: of the tiles.
            scale: native.
            single: as of a call.
            begun: what the first look began with, for a second one.
        """
        asked = low, aligned, scale, self.options.attention
        ahead = None if single is None else unfolded(single, scale, **self._folding)
        again = begun is not None
        if low.is_cuda:
            with torch.autocast("cuda", torch.bfloat16):
                found = self.network.answered(*asked, ahead=ahead, again=again, begun=begun)
            outcome = Outcome(*(part.float() for part in found.outcome))
            if _finite(outcome):
                return found._replace(outcome=outcome, features=found.features.float())
            begun = None  # in half precision too
        found = self.network.answered(*asked, ahead=ahead, again=again, begun=begun)
        return found if _finite(found.outcome) else None


def _finite(outcome: Outcome) -> bool:
    return bool(torch.isfinite(outcome.high).all()) and bool(torch.isfinite(outcome.error).all())
