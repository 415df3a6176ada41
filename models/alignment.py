"""References brought to the light of the atlas: what each adds to it, and how far to believe that.

Photos and atlas disagree in exposure, white balance and shading, and agree in detail. So what a
reference says is compared with the atlas where both hold it, in the finest band of the low atlas:
there a local gain brings it to the atlas's contrast, and its correlation with the atlas gives a
signal-to-noise ratio. Below that band the atlas alone speaks.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional

from texsr.models.protocol import WarpedReferences
from texsr.models.resample import enlarge_faithfully, reduce
from texsr.models.smoothing import blur

LUMA_WEIGHTS = (0.299, 0.587, 0.114)
WHOLE_SHARE = 0.9  # of a low texel seen: practically all of it
NUM_CUES = 9
GAIN_HEEDED = 0.19  # of departures from 1: a photo much darker is not much worse
SHARE_CUE, COSINE_CUE, PX_CUE, GAIN_CUE = 2, 3, 4, 5  # which are which
CONCORD_CUE = 8  # `consensus` finds it out


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentSettings:
    """How photo and atlas are compared. Lengths are in low texels."""

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


class TileReferences(NamedTuple):
    """The references of one tile, views first."""

    color: Float32[Tensor, "k 3 H W"]
    weight: Float32[Tensor, "k 1 H W"]
    prior: Float32[Tensor, "k 2 h w"]
    trust: Float32[Tensor, "k 1 1 1"]


class Agreement(NamedTuple):
    """How each reference agrees with the atlas, on low texels."""

    gain: Float32[Tensor, "k 1 h w"]
    snr: Float32[Tensor, "k 1 h w"]


class Compared(NamedTuple):
    """References and atlas side by side, on low texels."""

    photo: Float32[Tensor, "k 1 h w"]  # luma of the references, reduced
    atlas: Float32[Tensor, "k 1 h w"]  # luma of the atlas
    share: Float32[Tensor, "k 1 h w"]  # how much of a low texel is seen
    whole: Float32[Tensor, "k 1 h w"]  # 1 where practically all of it is


class Aligned(NamedTuple):
    """Tiles with their references in the light of the atlas; any number of them, 0 too."""

    base: Float32[Tensor, "b 3 H W"]  # the faithful enlargement of the atlas alone
    detail: Float32[Tensor, "b k 3 H W"]  # what each reference adds to the base; 0 where unseen
    weight: Float32[Tensor, "b k H W"]  # [0, 1], 0 = unseen
    belief: Float32[Tensor, "b k h w"]  # signal-to-noise ratio of that detail, >= 0
    cues: Float32[Tensor, "b k 9 h w"]  # see `_cues`
    crispness: Float32[Tensor, " b"]  # what the finest detail is multiplied by, less 1
    gain: Float32[Tensor, "b k h w"]  # by which a photo was brought to the atlas's contrast
    snr: Float32[Tensor, "b k h w"]  # of the band compared, whatever the view
    shift: Float32[Tensor, "b k 2 h w"]  # high texels (x, y) by which `detail` was moved


class Measured(NamedTuple):
    """What is measured of every reference of some tiles by itself, whatever the others are."""

    detail: Float32[Tensor, "b k 3 H W"]  # as in `Aligned`
    weight: Float32[Tensor, "b k H W"]
    maps: Float32[Tensor, "b k 5 h w"]  # gain, SNR, share seen, cosine, photo px per high texel
    trust: Float32[Tensor, "b k"]

    def chosen(self, order: list[int]) -> "Measured":
        """Take some of the references."""
        return Measured(*(part[:, order] for part in self))


def align(
    low: Float32[Tensor, "b 3 h w"],
    references: WarpedReferences | None,
    scale: int,
    *,
    crispness: float = 0.0,
    settings: AlignmentSettings | None = None,
) -> Aligned:
    """Bring the references of some tiles to the light of the atlas."""
    base = enlarge_faithfully(low, scale)
    if references is None or references.color.shape[1] == 0:
        return without_references(base, scale)
    measured = measure(low, base, references, settings or AlignmentSettings())
    return assemble(base, measured, torch.full((len(low),), crispness, device=low.device))


def without_references(base: Float32[Tensor, "b 3 H W"], scale: int) -> Aligned:
    """Give what `align` gives where nobody looks."""
    b, _, height, width = base.shape
    h, w = height // scale, width // scale
    return Aligned(
        base=base,
        detail=base.new_zeros(b, 0, 3, height, width),
        weight=base.new_zeros(b, 0, height, width),
        belief=base.new_zeros(b, 0, h, w),
        cues=base.new_zeros(b, 0, NUM_CUES, h, w),
        crispness=base.new_zeros(b),
        gain=base.new_zeros(b, 0, h, w),
        snr=base.new_zeros(b, 0, h, w),
        shift=base.new_zeros(b, 0, 2, h, w),
    )


def measure(
    low: Float32[Tensor, "b 3 h w"],
    base: Float32[Tensor, "b 3 H W"],
    references: WarpedReferences,
    settings: AlignmentSettings,
) -> Measured:
    """Measure each reference by itself."""
    tiles = [
        _measure_one(low[i : i + 1], base[i : i + 1], pick(references, i), settings)
        for i in range(len(low))
    ]
    if len(tiles) == 1:  # as in a run: no copy of all detail
        return Measured(*(part[None] for part in tiles[0]))
    return Measured(*(torch.stack(parts) for parts in zip(*tiles, strict=True)))


def assemble(
    base: Float32[Tensor, "b 3 H W"], measured: Measured, crispness: Float32[Tensor, " b"]
) -> Aligned:
    """Put references together that were measured one by one."""
    gain, snr, share, cosine, px = measured.maps.unbind(2)
    belief = snr * _standing(cosine, px, share, axis=1)
    return Aligned(
        base=base,
        detail=measured.detail,
        weight=measured.weight,
        belief=belief,
        cues=_cues(measured, belief, crispness),
        crispness=crispness,
        gain=gain,
        snr=snr,
        shift=torch.zeros_like(measured.maps[:, :, :2]),
    )


def _measure_one(
    low: Tensor, base: Tensor, references: TileReferences, settings: AlignmentSettings
) -> Measured:
    """Give the parts of `Measured` without their first axis."""
    scale = base.shape[2] // low.shape[2]
    compared = compare(low, base, references, scale)
    gain, snr = agree(compared, settings)
    flat = flat_part(base, references, compared.share, gain, settings.detail_sigma_tx)
    low_maps = torch.cat([gain, -flat], dim=1)
    detail = torch.empty_like(references.color)
    for index, color in enumerate(references.color):
        high = spread(low_maps[index : index + 1], scale)[0]
        torch.addcmul(high[1:], color, high[:1], out=detail[index])
        detail[index].sub_(base[0]).mul_(references.weight[index] > 0)
    return Measured(
        detail,
        references.weight[:, 0],
        torch.cat([gain, snr, compared.share, references.prior], dim=1),
        references.trust[:, 0, 0, 0],
    )


def _cues(
    measured: Measured, belief: Float32[Tensor, "b k h w"], crispness: Float32[Tensor, " b"]
) -> Float32[Tensor, "b k 9 h w"]:
    """What is known of each reference at a low texel, each of the order of one.

    Log belief, log SNR, share seen, cosine of the view angle, photo px per high texel, gain less
    one, within bounds; of the whole view its trust, of the whole capture its crispness; and room
    for how far its finest detail is that of the others, which `consensus.with_concord` finds out.
    """
    gain, snr, share, cosine, px = measured.maps.unbind(2)
    whole = (measured.trust[:, :, None, None], crispness[:, None, None, None])
    planes = [
        torch.log(belief + 1e-3) * 0.2,
        torch.log(snr + 1e-3) * 0.2,
        share,
        cosine,
        px.clamp_max(3.0),
        (gain - 1.0).clamp(-GAIN_HEEDED, GAIN_HEEDED),
        *(value.expand_as(snr) for value in whole),
        torch.zeros_like(snr),
    ]
    return torch.stack(planes, dim=2)


def in_any_light(aligned: Aligned) -> Aligned:
    """Leave out of the cues by how much photos were brought to the contrast of the atlas.

    What a network makes of it is that an answer shows how its photos were lit.
    """
    cues = aligned.cues.clone()
    cues[:, :, GAIN_CUE] = 0.0
    return aligned._replace(cues=cues)


def pick(references: WarpedReferences, index: int) -> TileReferences:
    """Take the references of one tile of a batch."""
    return TileReferences(
        references.color[index],
        references.weight[index][:, None],
        references.prior[index],
        references.trust[index][:, None, None, None],
    )


def compare(low: Tensor, base: Tensor, references: TileReferences, scale: int) -> Compared:
    """Reduce the references to the low texels; the base stands in where they see nothing."""
    seen = (references.weight > 0).float()
    share = functional.avg_pool2d(seen, scale)
    luma = luma_of(references.color)  # 0 where unseen
    photo = reduce(luma.addcmul_(luma_of(base), 1.0 - seen), scale)
    atlas = luma_of(low).expand_as(photo)
    return Compared(photo, atlas, share, (share > WHOLE_SHARE).float())


def agree(compared: Compared, settings: AlignmentSettings) -> Agreement:
    """Compare each reference with the atlas in the finest band that the atlas holds."""
    whole = compared.whole
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
    return Agreement(gain, settings.optimism * share / (1.0 - share))


def flat_part(
    base: Float32[Tensor, "1 3 H W"],
    references: TileReferences,
    share: Float32[Tensor, "k 1 h w"],
    gain: Float32[Tensor, "k 1 h w"],
    sigma: float,
) -> Float32[Tensor, "k 3 h w"]:
    """Give the low frequencies in which a reference, at its gain, departs from the base."""
    scale = base.shape[2] // share.shape[2]
    flat = functional.avg_pool2d(references.color, scale) * gain
    flat -= functional.avg_pool2d(base, scale) * share
    return blur(flat, sigma) / blur(share, sigma).clamp_min(1e-4)


def _standing(cosine: Tensor, px: Tensor, share: Tensor, *, axis: int) -> Tensor:
    """Weigh by geometry; the views lie along `axis`."""
    weight, resolution = cosine**2, px**2
    seen = weight * share
    total = (seen * resolution).sum(axis, keepdim=True)
    mean = total / seen.sum(axis, keepdim=True).clamp_min(1e-6)
    return weight * resolution / mean.clamp_min(1e-6)


def luma_of(color: Float32[Tensor, "n 3 h w"]) -> Float32[Tensor, "n 1 h w"]:
    """Give the luma (BT.601) of sRGB-encoded colour."""
    red, green, blue = LUMA_WEIGHTS
    return (color[:, :1] * red).add_(color[:, 1:2], alpha=green).add_(color[:, 2:], alpha=blue)


def spread(low: Float32[Tensor, "n c h w"], scale: int) -> Float32[Tensor, "n c H W"]:
    """Enlarge bilinearly: for maps that vary slowly."""
    return functional.interpolate(
        low, scale_factor=float(scale), mode="bilinear", align_corners=False
    )
