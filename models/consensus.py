"""A second registration: every reference against what all of them agree on.

Poses and atlas come from one program, whose errors are of the order of a photo pixel; registering
photos to the low atlas takes out what its coarse texels can show. What the references show together
is finer than any atlas: against their own fusion, made true to the atlas, each is registered once
more, by a displacement field that varies over a few low texels. That multi-frame super-resolution
wants its frames registered to its own result is known since Irani, Peleg, "Improving Resolution by
Image Registration", CVGIP 1991.

References move and their fusion becomes sharper, so this is done in rounds: windows are wide at
first, for what is left of a pose moves all of a tile alike and is told from noise best there.
Displacements are measured on luma at half the resolution: a third of the time, and steadier.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional

from texsr.models.alignment import CONCORD_CUE, Aligned, luma_of, spread
from texsr.models.displacement import displacement, slope_products
from texsr.models.fusion import weighed
from texsr.models.resample import enlarge, make_consistent, reduce
from texsr.models.smoothing import blur

LEAST_SHARE = 1e-3  # of the fusion, in which others can be told at all


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsensusSettings:
    """How references are registered to their fusion."""

    window_sigmas_tx: tuple[float, ...] = (3.0, 2.0)
    """Of the window in which a displacement is measured, in low texels, round by round. Windows end
    at three sigma; together they reach no further than tiles overlap, else tiles would show."""
    noise_floor: float = 1e-4
    """Mean squared slope per high texel, in a window, below which a displacement shrinks to
    nothing."""
    max_shift: float = 2.0
    """Longest displacement along an axis, in high texels."""
    concord_sigma_tx: float = 1.5
    """Of the window in which a reference is compared with the others, in low texels."""
    least_detail: float = 4e-6
    """Variance below which detail counts as none (half of 1/255, squared)."""


class _Luma(NamedTuple):
    """Base and references, each reference by itself, at `scale` texels per low texel."""

    low: Float32[Tensor, "b 1 h w"]
    base: Float32[Tensor, "b 1 P Q"]
    detail: Float32[Tensor, "b k P Q"]
    share: Float32[Tensor, "b k P Q"]  # in the fusion
    seen: Float32[Tensor, "b k P Q"]
    scale: int


def register(aligned: Aligned, scale: int, settings: ConsensusSettings | None = None) -> Aligned:
    """Move what each reference adds to where the fusion of all shows it.

    The fusion is made consistent with the atlas first: else all would drift together, and a single
    reference would have nothing to go by.

    Args:
        aligned: tiles with their references.
        scale: high texels per low texel.
        settings: how.
    """
    chosen = settings or ConsensusSettings()
    if aligned.detail.shape[1] == 0:
        return aligned
    luma = _luma(aligned, scale)
    coarser = scale // luma.scale
    floor, most = chosen.noise_floor * coarser**2, chosen.max_shift / coarser
    shifts = torch.zeros_like(aligned.shift)
    for number, window in enumerate(chosen.window_sigmas_tx):
        now = _moved_luma(luma, shifts) if number else luma
        shifts = (shifts + _displacements(now, window, floor)).clamp(-most, most)
    return _moved(aligned, shifts * coarser, scale)


def with_concord(
    aligned: Aligned, scale: int, settings: ConsensusSettings | None = None
) -> Aligned:
    """Fill in the cue that tells how far references agree beyond the atlas's band."""
    if aligned.detail.shape[1] == 0:
        return aligned
    cues = aligned.cues.clone()
    cues[:, :, CONCORD_CUE] = concord(aligned, scale, settings or ConsensusSettings())
    return aligned._replace(cues=cues)


def concord(
    aligned: Aligned, scale: int, settings: ConsensusSettings
) -> Float32[Tensor, "b k h w"]:
    """Tell how far the finest detail of each reference is that of the others, [0, 1].

    It is the correlation, in windows, of what lies beyond the atlas's band: fine print that the
    atlas does not hint at and noise look alike in one photo, but no two photos share their noise.
    0 where nobody else looks.
    """
    shares = weighed(aligned, scale).shares
    finest = torch.cat([_beyond(one, scale) for one in aligned.detail.unbind(1)], dim=1)
    total, backed = (shares * finest).sum(1, keepdim=True), shares.sum(1, keepdim=True)
    found: list[Tensor] = []
    for index in range(finest.shape[1]):
        own, share = finest[:, index : index + 1], shares[:, index : index + 1]
        left = backed - share
        others = torch.where(left > LEAST_SHARE, (total - share * own) / left, 0.0)
        others *= aligned.weight[:, index : index + 1] > 0
        xx, yy, xy = (
            blur(functional.avg_pool2d(one * other, scale), settings.concord_sigma_tx)
            for one, other in ((own, own), (others, others), (own, others))
        )
        floor = settings.least_detail
        found.append((xy / torch.sqrt((xx + floor) * (yy + floor))).clamp(0.0, 1.0))
    return torch.cat(found, dim=1)


def _beyond(detail: Float32[Tensor, "b 3 H W"], scale: int) -> Float32[Tensor, "b 1 H W"]:
    """Give the luma of what lies beyond the atlas's band."""
    luma = luma_of(detail)
    return luma - enlarge(reduce(luma, scale), scale)


def _luma(aligned: Aligned, scale: int) -> _Luma:
    coarser = 2 if scale % 2 == 0 and scale > 2 else 1
    detail = luma_of(aligned.detail.flatten(0, 1))[:, 0].unflatten(0, aligned.detail.shape[:2])
    seen = (aligned.weight > 0).float()
    base, detail, share, seen = (
        functional.avg_pool2d(plane, coarser) if coarser > 1 else plane
        for plane in (luma_of(aligned.base), detail, weighed(aligned, scale).shares, seen)
    )
    # What the base reduces to is the atlas, but for the way in which it was made coarser here.
    own_scale = scale // coarser
    return _Luma(reduce(base, own_scale), base, detail, share, seen, own_scale)


def _displacements(
    luma: _Luma, window_sigma_tx: float, noise_floor: float
) -> Float32[Tensor, "b k 2 h w"]:
    """Measure where each reference shows what the fusion shows: along x and y, in luma texels."""
    fused = luma.base + (luma.share * luma.detail).sum(1, keepdim=True)
    target = make_consistent(fused, luma.low, luma.scale)
    photo = luma.base + luma.detail
    padded = functional.pad(photo, (1, 1, 1, 1), mode="replicate")
    x = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]).mul_(luma.seen)
    y = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]).mul_(luma.seen)
    lack = target - photo
    means = tuple(
        blur(functional.avg_pool2d(product, luma.scale), window_sigma_tx)
        for product in slope_products(x, y, lack)
    )
    return 2.0 * displacement(means, 4.0 * noise_floor, axis=2)  # differences span two texels


def _grid(shift: Float32[Tensor, "n 2 h w"], scale: int) -> Float32[Tensor, "n P Q 2"]:
    """Give where to look, as `grid_sample` counts places."""
    shift = spread(shift, scale)
    height, width = shift.shape[2:]
    rows = torch.arange(height, device=shift.device).float()[:, None]
    columns = torch.arange(width, device=shift.device).float()[None, :]
    x = (columns + shift[:, 0] + 0.5) * (2.0 / width) - 1.0
    y = (rows + shift[:, 1] + 0.5) * (2.0 / height) - 1.0
    return torch.stack([x, y], dim=-1)


def _looked_up(
    planes: Float32[Tensor, "n c P Q"], shift: Float32[Tensor, "n 2 h w"], scale: int
) -> Float32[Tensor, "n c P Q"]:
    grid = _grid(shift, scale)
    return functional.grid_sample(planes, grid, "bicubic", "border", align_corners=False)


def _moved_luma(luma: _Luma, shifts: Float32[Tensor, "b k 2 h w"]) -> _Luma:
    """Move the luma of every reference, in its own texels."""
    photos = (luma.base + luma.detail).flatten(0, 1)[:, None]
    looked = _looked_up(photos, shifts.flatten(0, 1), luma.scale)[:, 0]
    detail = looked.unflatten(0, luma.detail.shape[:2]) - luma.base
    return luma._replace(detail=detail * (luma.seen > 0))


def _moved(aligned: Aligned, shifts: Float32[Tensor, "b k 2 h w"], scale: int) -> Aligned:
    """Move the colour of every reference, in high texels."""
    details = torch.empty_like(aligned.detail)
    for index in range(aligned.detail.shape[1]):
        looked = _looked_up(aligned.base + aligned.detail[:, index], shifts[:, index], scale)
        seen = aligned.weight[:, index : index + 1] > 0
        torch.sub(looked, aligned.base, out=details[:, index]).mul_(seen)
    return aligned._replace(detail=details, shift=aligned.shift + shifts)
