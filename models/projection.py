"""Weights-free fusion of warped references: detail from the photos, everything else from the atlas.

Where the photos are silent the answer is the image whose reduction is the low atlas (`enlarge_faithfully`). To
it each reference adds what it says beyond its own low frequencies, brought to the atlas's contrast by a local
gain. How far a reference is believed is measured where it can be checked: in the finest band that the low atlas
still holds. There, in windows of a few texels, the correlation of photo and atlas gives a signal-to-noise ratio,
and references are combined as independent measurements of the same detail (Wiener weights). Finally the
reduction of the result is made equal to the low atlas, and loosened where photos and atlas firmly disagree.

Photos are blurred or crisp relative to the atlas, and which it is can be measured too: the gain that brings photo
to atlas is compared between two bands that the low atlas holds, and the trend carried on into the detail
(`Projection.fitted`).
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

LUMA_WEIGHTS = (0.299, 0.587, 0.114)
SEEN = 1e-3  # a weight below this says nothing


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


# A gain that grows as exp(c f^2) by this much from one band to the next grows by its tenth power from there to the
# detail: the bands lie near 0.18 and 0.35 cycles per low texel, detail near 1.
TREND_POWER = 10.0
CRISPNESS_RANGE = (-0.4, 0.8)
FINE_SIGMA_TX, COARSE_SIGMA_TX = 0.6, 1.2
EDGE_SIGMA_TX = 2.4


class _Agreement(NamedTuple):
    """How each reference agrees with the atlas, on low texels."""

    gain: Float32[Tensor, "k 1 h w"]
    snr: Float32[Tensor, "k 1 h w"]
    band: Float32[Tensor, "1 1 h w"]  # the atlas's own variance in the band compared


@final
class Projection:
    """Weights-free fusion of any number of warped references, in any order."""

    name = "projection"
    scales = (2, 3, 4, 6, 8)
    overlap_tx = 20
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
        return 120 + 44 * num_references

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
            return Upscaled(base, _confidence(nothing, self._texture(low), scale), nothing)
        seen = (references.weight > SEEN).float()
        agreement = self._agreement(low, references, scale)
        detail, belief = self._fuse(base, references, seen, agreement, scale)
        if self.settings.crispness:
            detail = detail + self.settings.crispness * (detail - _blur(detail, 1.0))
        high = make_consistent(base + detail, low, scale)
        evidence = belief / (1.0 + belief)
        return Upscaled(high, _confidence(belief, agreement.band, scale), evidence)

    def _texture(self, low: Tensor) -> Float32[Tensor, "1 1 h w"]:
        luma = _luma(low)
        band = luma - _blur(luma, self.settings.check_sigma_tx)
        return _blur(band * band, self.settings.window_sigma_tx)

    def _agreement(self, low: Tensor, references: "_One", scale: int) -> _Agreement:
        """Compare each reference with the atlas in the finest band that the atlas holds."""
        settings = self.settings
        photo, atlas, whole = _compared(low, references, scale)
        atlas = atlas.expand_as(photo)
        around = _blur(whole, settings.check_sigma_tx).clamp_min(1e-4)
        photo = (photo - _blur(photo * whole, settings.check_sigma_tx) / around) * whole
        atlas = (atlas - _blur(atlas * whole, settings.check_sigma_tx) / around) * whole
        count = _blur(whole, settings.window_sigma_tx).clamp_min(1e-3)
        pp, aa, pa = (
            _blur(product, settings.window_sigma_tx) / count
            for product in (photo * photo, atlas * atlas, photo * atlas)
        )
        floor = settings.noise_floor
        gain = ((pa + floor) / (pp + floor)).clamp(0.0, settings.max_gain)
        share = pa.clamp_min(0.0) ** 2 / ((pp + floor) * (aa + floor))
        share = share.clamp(0.0, 0.999)
        return _Agreement(gain, settings.optimism * share / (1.0 - share), self._texture(low))

    def _fuse(
        self,
        base: Tensor,
        references: "_One",
        seen: Tensor,
        agreement: _Agreement,
        scale: int,
    ) -> tuple[Float32[Tensor, "1 3 H W"], Float32[Tensor, "1 1 H W"]]:
        """Average what the references add to the base, each by its weight.

        Returns:
            The detail to add, and the summed weight behind it (the base counts 1).
        """
        weight = _relative_weight(references)
        total = torch.zeros_like(base)
        belief = torch.zeros_like(base[:, :1])
        share = functional.avg_pool2d(seen, scale)
        around = _blur(share, self.settings.detail_sigma_tx).clamp_min(1e-4)
        for k in range(len(weight)):
            gain = agreement.gain[k : k + 1]
            mask = seen[k : k + 1]
            flat = functional.avg_pool2d(references.color[k : k + 1] * mask, scale) * gain
            flat = flat - functional.avg_pool2d(base * mask, scale)
            flat = _blur(flat, self.settings.detail_sigma_tx) / around[k : k + 1]
            maps = _spread(torch.cat([gain, agreement.snr[k : k + 1], flat], dim=1), scale)
            added = references.color[k : k + 1] * maps[:, :1] - base - maps[:, 2:]
            believed = weight[k : k + 1] * maps[:, 1:2]
            total += added * believed
            belief += believed
        return total / (1.0 + belief), belief


class _One(NamedTuple):
    """The references of one tile, views first."""

    color: Float32[Tensor, "k 3 H W"]
    weight: Float32[Tensor, "k 1 H W"]
    prior: Float32[Tensor, "k 2 H W"]
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


def _compared(
    low: Tensor, references: _One, scale: int
) -> tuple[Float32[Tensor, "k 1 h w"], Float32[Tensor, "1 1 h w"], Float32[Tensor, "k 1 h w"]]:
    """Luma of the references reduced to low texels, luma of the atlas, and where the former is whole."""
    seen = (references.weight > SEEN).float()
    base = _luma(enlarge_faithfully(low, scale))
    photo = reduce(base + (_luma(references.color) - base) * seen, scale)
    return photo, _luma(low), (functional.avg_pool2d(seen, scale) > 0.9).float()


def _band_moments(low: Tensor, references: _One, scale: int) -> Float64[Tensor, "2 2"]:
    """Sums of photo * atlas and photo * photo, in the finest band and the one below."""
    photo, atlas, whole = _compared(low, references, scale)
    atlas = atlas.expand_as(photo)
    inside = (_blur(whole, EDGE_SIGMA_TX) > 0.98).double()
    moments: list[Tensor] = []
    for sigma in (FINE_SIGMA_TX, COARSE_SIGMA_TX):
        around = _blur(whole, sigma).clamp_min(1e-4)
        photo_below = _blur(photo * whole, sigma) / around
        atlas_below = _blur(atlas * whole, sigma) / around
        photo_band, atlas_band = (photo - photo_below) * inside, (atlas - atlas_below) * inside
        moments.append(torch.stack([(photo_band * atlas_band).sum(), (photo_band**2).sum()]))
        photo, atlas = photo_below, atlas_below
    return torch.stack(moments)


def _relative_weight(references: _One) -> Float32[Tensor, "k 1 H W"]:
    """Weight of a view at a texel from geometry alone: angle and resolution beside the other views'."""
    weight = references.weight * references.prior[:, :1] ** 2
    resolution = references.prior[:, 1:2] ** 2
    mean = (weight * resolution).sum(0, keepdim=True) / weight.sum(0, keepdim=True).clamp_min(1e-6)
    return weight * references.trust * resolution / mean.clamp_min(1e-6)


def _confidence(belief: Tensor, band: Tensor, scale: int) -> Float32[Tensor, "1 1 H W"]:
    """Expected error turned into (0, 1]: the detail that must be there, less what photos told of it."""
    expected = torch.sqrt((_spread(band, scale) + 1e-6) / (1.0 + belief))
    return 1.0 / (1.0 + expected * 40.0)


def _luma(color: Float32[Tensor, "n 3 h w"]) -> Float32[Tensor, "n 1 h w"]:
    red, green, blue = LUMA_WEIGHTS
    return color[:, :1] * red + color[:, 1:2] * green + color[:, 2:] * blue


def _spread(low: Float32[Tensor, "n c h w"], scale: int) -> Float32[Tensor, "n c H W"]:
    return functional.interpolate(
        low, scale_factor=float(scale), mode="bilinear", align_corners=False
    )


def _blur(plane: Float32[Tensor, "n c h w"], sigma: float) -> Float32[Tensor, "n c h w"]:
    """Blur by a Gaussian cut off at three sigma; the border is repeated."""
    reach = max(1, round(3 * sigma))
    offset = torch.arange(-reach, reach + 1, dtype=torch.float32, device=plane.device)
    taps = torch.exp(-offset * offset / (2 * sigma * sigma))
    taps = (taps / taps.sum()).view(1, 1, -1)
    n, c, h, w = plane.shape
    flat = plane.reshape(n * c, 1, h, w)
    flat = functional.pad(flat, (0, 0, reach, reach), mode="replicate")
    flat = functional.conv2d(flat, taps[..., None])
    flat = functional.pad(flat, (reach, reach, 0, 0), mode="replicate")
    return functional.conv2d(flat, taps[:, :, None]).reshape(n, c, h, w)
