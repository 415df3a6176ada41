"""How crisp the photos of a capture are beside its atlas.

Photos are blurred or crisp relative to the atlas, and which it is can be measured where both hold
the same detail: the gain that brings photo to atlas is compared between two bands that the low
atlas holds, and the trend carried on into the detail. It counts as far as photos and atlas show the
same there: where shading and highlights make up most of a band, a trend says nothing about lenses.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Float32, Float64
from torch import Tensor

from texsr.models.alignment import TileReferences, compare, pick
from texsr.models.protocol import WarpedReferences
from texsr.models.resample import enlarge_faithfully
from texsr.models.smoothing import blur

# A gain that grows as exp(c f^2) by this much from one band to the next grows by its tenth power
# from there to the detail: the bands lie near 0.18 and 0.35 cycles per low texel, detail near 1.
TREND_POWER = 10.0
CRISPNESS_RANGE = (-0.6, 0.8)
# Squared correlation of photos and atlas in the coarser band from which a trend begins to count,
# and from which it counts fully.
COHERENCE_RANGE = (0.6, 0.75)
FINE_SIGMA_TX, COARSE_SIGMA_TX = 0.6, 1.2
EDGE_SIGMA_TX = 2.4


def measure_crispness(
    samples: Iterable[tuple[Float32[Tensor, "1 3 h w"], WarpedReferences | None]], scale: int
) -> float:
    """Measure on some tiles of a capture what its photos' finest detail is to be multiplied by.

    Returns:
        That factor, less 1; 0 where the tiles tell nothing.
    """
    moments = torch.zeros(2, 3, dtype=torch.float64)
    for low, references in samples:
        if references is not None and references.color.shape[1]:
            moments += _band_moments(low, pick(references, 0), scale)
    (fine_pa, fine_pp, _), (coarse_pa, coarse_pp, coarse_aa) = moments.tolist()
    if min(fine_pp, coarse_pp, coarse_pa, fine_pa) <= 0:
        return 0.0
    trend = (fine_pa / fine_pp) / (coarse_pa / coarse_pp)
    least, enough = COHERENCE_RANGE
    coherence = coarse_pa**2 / (coarse_pp * coarse_aa)
    told = min(max((coherence - least) / (enough - least), 0.0), 1.0)
    low_end, high_end = CRISPNESS_RANGE
    return min(max(trend ** (TREND_POWER * told) - 1.0, low_end), high_end)


def _band_moments(low: Tensor, references: TileReferences, scale: int) -> Float64[Tensor, "2 3"]:
    """Sums of photo * atlas, photo * photo and atlas * atlas, in the finest band and below it."""
    photo, atlas, _, whole = compare(low, enlarge_faithfully(low, scale), references, scale)
    inside = (blur(whole, EDGE_SIGMA_TX) > 0.98).double()
    moments: list[Tensor] = []
    for sigma in (FINE_SIGMA_TX, COARSE_SIGMA_TX):
        around = blur(whole, sigma).clamp_min(1e-4)
        photo_below = blur(photo * whole, sigma) / around
        atlas_below = blur(atlas * whole, sigma) / around
        photo_band, atlas_band = (photo - photo_below) * inside, (atlas - atlas_below) * inside
        pairs = (photo_band, atlas_band), (photo_band, photo_band), (atlas_band, atlas_band)
        moments.append(torch.stack([(one * other).sum() for one, other in pairs]))
        photo, atlas = photo_below, atlas_below
    return torch.stack(moments)
