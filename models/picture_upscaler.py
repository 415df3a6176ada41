"""Networks that take references as pictures, and networks that take none, as upscalers of tiles.

The published systems look for themselves where a reference shows what. In a run on a capture they
are given each photo as the tile sees it, in the light of the atlas, and look for a match around the
place itself: geometry knows it but for small errors. Photos that no geometry aligns they search.
What they answer is made true to the low atlas, and its error anticipated as that of `projection`
is.
"""

from collections.abc import Iterable
from typing import final

import torch
from jaxtyping import Float32
from torch import Tensor, nn

from texsr.models.alignment import align
from texsr.models.doubt import anticipated_error, confidence_of, contrast_share
from texsr.models.fusion import belief_in
from texsr.models.protocol import CroppedReferences, Upscaled, WarpedReferences
from texsr.models.resample import make_consistent
from texsr.models.restoring import REACH_TX, Restore, pictures_of

SCALE = 4
OVERLAP_TX = 16
NUM_REFERENCES = 4


@final
class PictureUpscaler:
    """A network over pictures, in any order that its authors gave them."""

    overlap_tx = OVERLAP_TX

    def __init__(
        self,
        network: nn.Module,
        restore: Restore,
        name: str,
        *,
        scales: tuple[int, ...] = (SCALE,),
        max_references: int | None = NUM_REFERENCES,
        texel_bytes: tuple[int, int] = (2400, 54),
    ) -> None:
        """Take a network, and what asks it about one image.

        Args:
            network: for inference.
            restore: asks it.
            name: as reports call it.
            scales: that it can do.
            max_references: that it may be given.
            texel_bytes: working memory per high texel, and what each reference adds to it.
        """
        self.network, self.restore, self.name = network.eval(), restore, name
        self.scales, self.max_references = scales, max_references
        self.texel_bytes = texel_bytes

    @property
    def matches_photos(self) -> bool:
        """Whether it finds by itself where a photo shows what."""
        return self.max_references != 0

    def fitted(
        self, samples: Iterable[tuple[Float32[Tensor, "1 3 h w"], WarpedReferences]], scale: int
    ) -> "PictureUpscaler":
        """Nothing to adapt."""
        return self

    def bytes_per_texel(self, num_references: int, scale: int) -> int:
        """Working memory per high texel of a tile."""
        base, each = self.texel_bytes
        return base + each * num_references

    @torch.inference_mode()
    def __call__(
        self,
        low: Float32[Tensor, "b 3 h w"],
        references: WarpedReferences | CroppedReferences | None,
        scale: int,
    ) -> Upscaled:
        """Super-resolve a batch of tiles; cropped references serve all of them.

        How much of the answer cropped references decided is not known: their evidence is 0.
        """
        warped = None if isinstance(references, CroppedReferences) else references
        aligned = align(low, warped, scale)
        size = low.shape[2] * scale, low.shape[3] * scale
        photos = references.photos if isinstance(references, CroppedReferences) else None
        given = pictures_of(aligned) if photos is None else [photos for _ in low]
        reach = REACH_TX if photos is None else None
        answers = [
            self.restore(tile, pictures, size, reach).high
            for tile, pictures in zip(low, given, strict=True)
        ]
        high = torch.stack(answers)
        high = make_consistent(high, low, scale)
        believed = belief_in(aligned, scale)
        confidence = confidence_of(anticipated_error(high, contrast_share(aligned, scale)))
        return Upscaled(high, confidence, believed / (1.0 + believed))
