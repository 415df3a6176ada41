"""A second registration: every reference against what all of them agree on.

Poses and atlas come from one program, whose errors are of the order of a photo pixel; registering
photos to the low atlas takes out what its coarse texels can show. What the references show together
is finer than any atlas: against their own fusion each is registered once more, by a displacement
field that varies over a few low texels (Lucas, Kanade, "An Iterative Image Registration Technique
with an Application to Stereo Vision", IJCAI 1981), and then they are fused again. That multi-frame
super-resolution wants the frames registered to its own result, alternating, is known since Irani,
Peleg, "Improving Resolution by Image Registration", CVGIP 1991.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional

from texsr.models.alignment import Aligned, luma_of, spread
from texsr.models.fusion import fuse
from texsr.models.resample import make_consistent
from texsr.models.smoothing import blur


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsensusSettings:
    """How references are registered to their fusion."""

    passes: int = 2
    """Times to register and fuse anew."""
    window_sigma_tx: float = 1.0
    """Of the window in which a displacement is measured, in low texels."""
    smooth_sigma: float = 0.7
    """Of the Gaussian that takes noise out of what is compared, in high texels."""
    noise_floor: float = 1e-4
    """Variance of the gradient, in a window, below which a displacement shrinks to nothing."""
    max_shift: float = 2.0
    """Longest displacement along an axis, in high texels."""


def register(
    low: Float32[Tensor, "b 3 h w"],
    aligned: Aligned,
    scale: int,
    settings: ConsensusSettings | None = None,
) -> Aligned:
    """Move what each reference adds to where the fusion of all shows it.

    A single reference is registered to the atlas through it: what the fusion is made consistent
    with.

    Args:
        low: the tiles, which the fusion is made consistent with: else all would drift together.
        aligned: tiles with their references.
        scale: high texels per low texel.
        settings: how.
    """
    chosen = settings or ConsensusSettings()
    if aligned.detail.shape[1] == 0:
        return aligned
    moved, shifts = aligned, None
    for _ in range(chosen.passes):
        target = luma_of(make_consistent(fuse(moved, scale), low, scale))
        target = blur(target, chosen.smooth_sigma)
        found = torch.stack(
            [
                _displacement(moved, index, target, scale, chosen)
                for index in range(aligned.detail.shape[1])
            ],
            dim=1,
        )
        shifts = found if shifts is None else shifts + found
        shifts = shifts.clamp(-chosen.max_shift, chosen.max_shift)
        moved = _moved(aligned, shifts, scale)
    return moved


def _displacement(
    aligned: Aligned, index: int, target: Tensor, scale: int, settings: ConsensusSettings
) -> Float32[Tensor, "b 2 h w"]:
    """Measure where a reference shows what the target shows: along x and y, in high texels."""
    seen = (aligned.weight[:, index : index + 1] > 0).float()
    photo = blur(luma_of(aligned.base + aligned.detail[:, index]), settings.smooth_sigma)
    padded = functional.pad(photo, (1, 1, 1, 1), mode="replicate")
    x = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]).mul_(seen)
    y = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]).mul_(seen)
    lack = target - photo
    pairs = (x, x), (y, y), (x, y), (x, lack), (y, lack)
    low = torch.cat([functional.avg_pool2d(one * other, scale) for one, other in pairs], dim=1)
    low = blur(low, settings.window_sigma_tx)
    xx, yy, xy, xd, yd = low.split(1, dim=1)
    floor = 4.0 * settings.noise_floor  # differences span two texels
    xx, yy = xx + floor, yy + floor
    along = torch.cat([yy * xd - xy * yd, xx * yd - xy * xd], dim=1)
    return 2.0 * along / (xx * yy - xy * xy)


def _moved(aligned: Aligned, shifts: Float32[Tensor, "b k 2 h w"], scale: int) -> Aligned:
    """Look up every reference where its displacement says, bicubically."""
    height, width = aligned.base.shape[2:]
    device = aligned.base.device
    rows = torch.arange(height, device=device).float()[:, None]
    columns = torch.arange(width, device=device).float()[None, :]
    details = torch.empty_like(aligned.detail)
    for index in range(aligned.detail.shape[1]):
        shift = spread(shifts[:, index], scale)
        x = (columns + shift[:, 0] + 0.5) * (2.0 / width) - 1.0
        y = (rows + shift[:, 1] + 0.5) * (2.0 / height) - 1.0
        photo = aligned.base + aligned.detail[:, index]
        looked = functional.grid_sample(
            photo, torch.stack([x, y], -1), "bicubic", "border", align_corners=False
        )
        seen = aligned.weight[:, index : index + 1] > 0
        torch.sub(looked, aligned.base, out=details[:, index]).mul_(seen)
    return aligned._replace(detail=details)
