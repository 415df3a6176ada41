"""What photos would show if nothing had folded at their pixels, told from an answer.

A photo that is coarser than the texels shows fine print as coarse stripes: what lay beyond its
sampling has folded into what lies below. From the photo alone nothing tells, from an answer it
does: its own detail as such pixels blur it, and on top what the pixels say against the answer. If
the answer is right that is what a photo would have shown that samples as densely as the texels lie;
where it is wrong the photo still says so. Photos seen so are references as before, and can be mixed
anew: the learned counterpart of the back-projection that follows (`texsr.models.reprojection`).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float32
from torch import Tensor

from texsr.models.alignment import PX_CUE, Aligned, luma_of, spread
from texsr.models.smoothing import blur
from texsr.models.testimony import Witness, told

PIXEL_SIGMA_PX = 12**-0.5  # standard deviation of a pixel's square
SIGMAS = (0.0, 0.35, 0.6, 0.95, 1.5)  # high texels; blurs between them are mixed of two
LEAST_PX = 1e-3


def unaliased(
    high: Float32[Tensor, "1 3 H W"], aligned: Aligned, present: Sequence[Witness], scale: int
) -> Aligned:
    """Give a tile with what its references would add if nothing had folded.

    Args:
        high: the answer.
        aligned: the tile with its references, registered.
        present: its photos.
        scale: high texels per low texel.
    """
    luma, detail = luma_of(high)[0, 0], aligned.detail.clone()
    levels = [(blur(high, sigma) if sigma else high)[0] - aligned.base[0] for sigma in SIGMAS]
    for witness in present:
        said, index = told(luma, witness), witness.which
        px = spread(aligned.cues[:, index : index + 1, PX_CUE], scale)[0, 0]
        shown = _softened(levels, PIXEL_SIGMA_PX / px.clamp_min(LEAST_PX)) + said.off
        seen = aligned.weight[0, index] > 0
        detail[0, index] = torch.lerp(detail[0, index], shown, said.heard) * seen
    return aligned._replace(detail=detail)


def _softened(
    levels: Sequence[Float32[Tensor, "3 H W"]], sigma: Float32[Tensor, "H W"]
) -> Float32[Tensor, "3 H W"]:
    """Blur by another sigma at each texel: the variances of two blurs are mixed."""
    soft, variance = levels[0], sigma.square()
    for finer, coarser, level in zip(SIGMAS, SIGMAS[1:], levels[1:], strict=False):
        share = (variance - finer**2) / (coarser**2 - finer**2)
        soft = torch.lerp(soft, level, share.clamp(0.0, 1.0))
    return soft
