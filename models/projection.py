"""Weights-free fusion of warped references: detail from the photos, everything else from the atlas.

Where the photos are silent the answer is the image whose reduction is the low atlas
(`enlarge_faithfully`). To it each reference adds what it says beyond its own low frequencies,
brought to the atlas's contrast by a local gain. How far a reference is believed is measured where
it can be checked: in the finest band that the low atlas still holds. There, in windows of a few
texels, the correlation of photo and atlas gives a signal-to-noise ratio, and references are
combined as independent measurements of the same detail (Wiener weights). Finally the reduction of
the result is made equal to the low atlas, and loosened where photos and atlas firmly disagree.

Photos are blurred or crisp relative to the atlas, and which it is can be measured too: the gain
that brings photo to atlas is compared between two bands that the low atlas holds, and the trend
carried on into the detail (`Projection.fitted`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple, final

import torch
from jaxtyping import Float32, Float64
from torch import Tensor
from torch.nn import functional

from texsr.models.protocol import Upscaled, WarpedReferences
from texsr.models.resample import enlarge_faithfully, make_consistent, reduce
from texsr.models.smoothing import blur

LUMA_WEIGHTS = (0.299, 0.587, 0.114)
CONFIDENCE_SLOPE = 60.0  # confidence is one half where the error expected is 1/60


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionSettings:
    """How photos are weighed. Lengths are in low texels."""

    detail_sigma_tx: float = 1.0
    """What counts as a photo's detail: all that a Gaussian of this width takes out."""
    check_sigma_tx: float = 1.5
    """Lower end of the band in which photo and atlas are compared."""
    window_sigma_tx: float = 3.0
    """Window of the local gain and correlation."""
    noise_floor: float = 1e-5
    """Variance below which a band counts as empty (1/255 squared is 1.5e-5)."""
    optimism: float = 2.0
    """Signal-to-noise ratio of the detail, relative to that of the band compared."""
    max_gain: float = 1.6
    """Largest contrast that a photo is raised to."""
    crispness: float = 0.0
    """What the finest detail is multiplied by, less 1; `Projection.fitted` measures it."""


# A gain that grows as exp(c f^2) by this much from one band to the next grows by its tenth power
# from there to the detail: the bands lie near 0.18 and 0.35 cycles per low texel, detail near 1.
TREND_POWER = 10.0
CRISPNESS_RANGE = (-0.2, 0.8)
FINE_SIGMA_TX, COARSE_SIGMA_TX = 0.6, 1.2
EDGE_SIGMA_TX = 2.4


class _Agreement(NamedTuple):
    """How each reference agrees with the atlas, on low texels."""

    gain: Float32[Tensor, "k 1 h w"]
    snr: Float32[Tensor, "k 1 h w"]


class _Compared(NamedTuple):
    """References and atlas side by side, on low texels."""

    photo: Float32[Tensor, "k 1 h w"]  # luma of the references, reduced
    atlas: Float32[Tensor, "k 1 h w"]  # luma of the atlas
    share: Float32[Tensor, "k 1 h w"]  # how much of a low texel is seen
    whole: Float32[Tensor, "k 1 h w"]  # 1 where practically all of it is


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
            The same method with its `crispness` set; unchanged where the tiles tell nothing.
        """
        moments = torch.zeros(2, 2, dtype=torch.float64)
        for low, references in samples:
            one = _pick(references, 0)
            if one is not None and len(one.color):
                moments += _band_moments(low, one, scale)
        (fine_pa, fine_pp), (coarse_pa, coarse_pp) = moments.tolist()
        if min(fine_pp, coarse_pp, coarse_pa, fine_pa) <= 0:
            return self
        trend = (fine_pa / fine_pp) / (coarse_pa / coarse_pp)
        low_end, high_end = CRISPNESS_RANGE
        crispness = min(max(trend**TREND_POWER - 1.0, low_end), high_end)
        return Projection(replace(self.settings, crispness=crispness))

    def bytes_per_texel(self, num_references: int) -> int:
        """Working memory per high texel of a tile: colour, weight, prior and their products."""
        return 140 + 28 * num_references

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
        tiles = [
            self._one(low[i : i + 1], _pick(references, i), scale) for i in range(low.shape[0])
        ]
        return Upscaled(*(torch.cat(parts) for parts in zip(*tiles, strict=True)))

    def _one(self, low: Tensor, references: "_One | None", scale: int) -> Upscaled:
        base = enlarge_faithfully(low, scale)
        if references is None or len(references.color) == 0:
            nothing = torch.zeros_like(base[:, :1])
            base = make_consistent(base, low, scale)  # matters near the border of the atlas only
            return Upscaled(base, _confidence(base, nothing, nothing), nothing)
        compared = _compare(low, base, references, scale)
        agreement = self._agreement(compared)
        detail, belief = self._fuse(base, references, compared.share, agreement, scale)
        if self.settings.crispness:
            detail = detail + self.settings.crispness * (detail - blur(detail, 1.0))
        high = make_consistent(base + detail, low, scale)
        confidence = _confidence(high, belief, _looks(references, scale))
        return Upscaled(high, confidence, belief / (1.0 + belief))

    def _agreement(self, compared: "_Compared") -> _Agreement:
        """Compare each reference with the atlas in the finest band that the atlas holds."""
        settings, whole = self.settings, compared.whole
        around = blur(whole, settings.check_sigma_tx).clamp_min(1e-4)
        photo, atlas = (
            (plane - blur(plane * whole, settings.check_sigma_tx) / around) * whole
            for plane in (compared.photo, compared.atlas)
        )
        count = blur(whole, settings.window_sigma_tx).clamp_min(1e-3)
        pp, aa, pa = (
            blur(product, settings.window_sigma_tx) / count
            for product in (photo * photo, atlas * atlas, photo * atlas)
        )
        floor = settings.noise_floor
        gain = ((pa + floor) / (pp + floor)).clamp(0.0, settings.max_gain)
        # The photo at the atlas's contrast: a dark photo is not taken for an empty one.
        raised = gain * pa.clamp_min(0.0)
        share = raised**2 / ((gain**2 * pp + floor) * (aa + floor))
        share = share.clamp(0.0, 0.999)
        return _Agreement(gain, settings.optimism * share / (1.0 - share))

    def _fuse(
        self,
        base: Tensor,
        references: "_One",
        share: Float32[Tensor, "k 1 h w"],
        agreement: _Agreement,
        scale: int,
    ) -> tuple[Float32[Tensor, "1 3 H W"], Float32[Tensor, "1 1 H W"]]:
        """Average what the references add to the base, each by its weight.

        Returns:
            The detail to add, and the summed weight behind it (the base counts 1).
        """
        sigma = self.settings.detail_sigma_tx
        believed_low = agreement.snr * _standing(references, share)
        # What a reference and the base say in common: their low frequencies where it is seen.
        flat = functional.avg_pool2d(references.color, scale) * agreement.gain
        flat -= functional.avg_pool2d(base, scale) * share
        flat = blur(flat, sigma) / blur(share, sigma).clamp_min(1e-4)
        maps = torch.cat([agreement.gain, believed_low, -flat], dim=1)
        total = torch.zeros_like(base)
        belief = torch.zeros_like(base[:, :1])
        for color, weight, low in zip(
            references.color.split(1), references.weight.split(1), maps.split(1), strict=True
        ):
            high = _spread(low, scale)
            believed = high[:, 1:2] * weight
            total.addcmul_(torch.addcmul(high[:, 2:], color, high[:, :1]), believed)
            belief += believed
        return total.addcmul_(base, belief, value=-1.0) / (1.0 + belief), belief


class _One(NamedTuple):
    """The references of one tile, views first."""

    color: Float32[Tensor, "k 3 H W"]
    weight: Float32[Tensor, "k 1 H W"]
    prior: Float32[Tensor, "k 2 h w"]
    trust: Float32[Tensor, "k 1 1 1"]


def _pick(references: WarpedReferences | None, index: int) -> _One | None:
    if references is None:
        return None
    return _One(
        references.color[index],
        references.weight[index][:, None],
        references.prior[index],
        references.trust[index][:, None, None, None],
    )


def _compare(low: Tensor, base: Tensor, references: _One, scale: int) -> _Compared:
    seen = (references.weight > 0).float()
    share = functional.avg_pool2d(seen, scale)
    luma = _luma(references.color)  # 0 where unseen: the base stands in
    photo = reduce(luma.addcmul_(_luma(base), 1.0 - seen), scale)
    atlas = _luma(low).expand_as(photo)
    return _Compared(photo, atlas, share, (share > 0.9).float())


def _band_moments(low: Tensor, references: _One, scale: int) -> Float64[Tensor, "2 2"]:
    """Sums of photo * atlas and photo * photo, in the finest band and the one below."""
    photo, atlas, _, whole = _compare(low, enlarge_faithfully(low, scale), references, scale)
    inside = (blur(whole, EDGE_SIGMA_TX) > 0.98).double()
    moments: list[Tensor] = []
    for sigma in (FINE_SIGMA_TX, COARSE_SIGMA_TX):
        around = blur(whole, sigma).clamp_min(1e-4)
        photo_below = blur(photo * whole, sigma) / around
        atlas_below = blur(atlas * whole, sigma) / around
        photo_band, atlas_band = (photo - photo_below) * inside, (atlas - atlas_below) * inside
        moments.append(torch.stack([(photo_band * atlas_band).sum(), (photo_band**2).sum()]))
        photo, atlas = photo_below, atlas_below
    return torch.stack(moments)


def _standing(references: _One, share: Float32[Tensor, "k 1 h w"]) -> Float32[Tensor, "k 1 h w"]:
    """Weight of a view by geometry alone: its angle, and its resolution beside the other views'."""
    weight = references.prior[:, :1] ** 2
    resolution = references.prior[:, 1:2] ** 2
    seen = weight * share
    mean = (seen * resolution).sum(0, keepdim=True) / seen.sum(0, keepdim=True).clamp_min(1e-6)
    return weight * resolution / mean.clamp_min(1e-6)


def _looks(references: _One, scale: int) -> Float32[Tensor, "1 1 H W"]:
    """How much the photos look at a texel: photo px on it, summed over the views."""
    weight = functional.avg_pool2d(references.weight, scale)
    resolution = (references.prior[:, :1] * references.prior[:, 1:2]) ** 2
    return _spread((weight * resolution).sum(0, keepdim=True), scale)


def _confidence(high: Tensor, belief: Tensor, looks: Tensor) -> Float32[Tensor, "1 1 H W"]:
    """Turn the expected error into (0, 1].

    Errors are a share of the contrast around a texel, and the share falls slowly with the photo px
    that looked at it and with the belief they earned. The exponents are a log-linear fit to the
    true errors of captures with a known answer; they are the same for all captures.
    """
    luma = _luma(high)
    contrast = blur((luma - blur(luma, 1.0)).abs(), 1.5) + 1e-4
    expected = contrast * (looks + 0.05) ** -0.33 * (1.0 + belief) ** -0.22
    return 1.0 / (1.0 + expected * CONFIDENCE_SLOPE)


def _luma(color: Float32[Tensor, "n 3 h w"]) -> Float32[Tensor, "n 1 h w"]:
    red, green, blue = LUMA_WEIGHTS
    return (color[:, :1] * red).add_(color[:, 1:2], alpha=green).add_(color[:, 2:], alpha=blue)


def _spread(low: Float32[Tensor, "n c h w"], scale: int) -> Float32[Tensor, "n c H W"]:
    return functional.interpolate(
        low, scale_factor=float(scale), mode="bilinear", align_corners=False
    )
