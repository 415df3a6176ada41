"""Weights-free fusion of warped references: detail from the photos, everything else from the atlas.

Where the photos are silent the answer is the image whose reduction is the low atlas
(`enlarge_faithfully`). To it each reference adds what it says beyond its own low frequencies,
brought to the atlas's contrast by a local gain. How far a reference is believed is measured where
it can be checked: in the finest band that the low atlas still holds. There, in windows of a few
texels, the correlation of photo and atlas gives a signal-to-noise ratio, and references are
combined as independent measurements of the same detail (Wiener weights); they are registered to
that combination, and combined anew (`texsr.models.consensus`). Finally the reduction of
the result is made equal to the low atlas, and loosened where photos and atlas firmly disagree.

Photos are blurred or crisp relative to the atlas, and which it is can be measured too: the gain
that brings photo to atlas is compared between two bands that the low atlas holds, and the trend
carried on into the detail (`texsr.models.crispness`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import final

import torch
from jaxtyping import Float32
from torch import Tensor

from texsr.models.alignment import Aligned, AlignmentSettings, align
from texsr.models.consensus import ConsensusSettings, register
from texsr.models.crispness import measure_crispness
from texsr.models.doubt import anticipated_error, confidence_of, contrast_share
from texsr.models.fusion import belief_in, fuse
from texsr.models.protocol import Upscaled, WarpedReferences
from texsr.models.resample import make_consistent


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionSettings:
    """How photos are weighed."""

    alignment: AlignmentSettings = field(default_factory=AlignmentSettings)
    """How they are brought to the light of the atlas."""
    consensus: ConsensusSettings = field(default_factory=ConsensusSettings)
    """How they are registered to what they agree on."""
    crispness: float = 0.0
    """What the finest detail is multiplied by, less 1; `crispness.measure_crispness` gives it."""


@final
class Projection:
    """Weights-free fusion of any number of warped references, in any order."""

    name = "projection"
    scales = (2, 3, 4, 6, 8)
    overlap_tx = 16
    max_references: int | None = None

    def __init__(self, settings: ProjectionSettings | None = None) -> None:
        self.settings = settings or ProjectionSettings()

    def fitted(
        self, samples: Iterable[tuple[Float32[Tensor, "1 3 h w"], WarpedReferences]], scale: int
    ) -> "Projection":
        """Measure on some tiles of a capture how crisp its photos are, and settle on that.

        Returns:
            The same method with its `crispness` set.
        """
        crispness = measure_crispness(samples, scale)
        return Projection(replace(self.settings, crispness=crispness))

    def bytes_per_texel(self, num_references: int, scale: int) -> int:
        """Working memory per high texel of a tile: colour, weight, prior and their products."""
        return 100 + 90 * num_references

    @torch.inference_mode()
    def __call__(
        self, low: Float32[Tensor, "b 3 h w"], references: WarpedReferences | None, scale: int
    ) -> Upscaled:
        """Super-resolve a batch of tiles.

        Args:
            low: sRGB-encoded, [0, 1].
            references: None or k = 0: the faithful enlargement of the atlas alone.
            scale: high texels per low texel.
        """
        aligned = self._aligned(low, references, scale)
        high = make_consistent(fuse(aligned, scale), low, scale)
        believed = belief_in(aligned, scale)
        confidence = confidence_of(anticipated_error(high, contrast_share(aligned, scale)))
        return Upscaled(high, confidence, believed / (1.0 + believed))

    def _aligned(self, low: Tensor, references: WarpedReferences | None, scale: int) -> Aligned:
        settings = self.settings
        aligned = align(
            low, references, scale, crispness=settings.crispness, settings=settings.alignment
        )
        return register(aligned, scale, settings.consensus)
