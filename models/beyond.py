"""A scale beyond a network's own: asked at half of it, carried on with what photos hold there."""

from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional

from texsr.models.alignment import PX_CUE, Aligned, spread, without_references
from texsr.models.outcome import Answered, Outcome
from texsr.models.resample import enlarge_faithfully, reduce
from texsr.models.texsr import Texsr

BEYOND = 2  # times the largest native scale: what photos hold there is mixed as the network decided


def coarser(aligned: Aligned, factor: int) -> Aligned:
    """Give the same tiles at a scale `factor` times smaller."""
    b, k = aligned.detail.shape[:2]
    base = reduce(aligned.base, factor)
    if not k:
        return without_references(base, base.shape[2] // aligned.belief.shape[2])
    cues = aligned.cues.clone()
    cues[:, :, PX_CUE] *= factor  # photo px on a texel that is larger
    return aligned._replace(
        base=base,
        detail=reduce(aligned.detail.flatten(0, 1), factor).unflatten(0, (b, k)),
        weight=functional.avg_pool2d(aligned.weight, factor),
        cues=cues,
        shift=aligned.shift / factor,
    )


def finer(coarse: Outcome, aligned: Aligned, factor: int) -> Outcome:
    """Carry an answer to a scale `factor` times larger, with what photos hold beyond it.

    The attention of the coarse texels decides there too; nothing is invented.
    """
    b, k = aligned.detail.shape[:2]
    high = enlarge_faithfully(coarse.high, factor)
    alone = enlarge_faithfully(coarse.alone, factor)
    attention = aligned.weight  # no references: k = 0
    if k:
        attention = spread(coarse.attention, factor)
        detail = aligned.detail.flatten(0, 1)
        beyond = detail - enlarge_faithfully(reduce(detail, factor), factor)
        high = high + (attention[:, :, None] * beyond.unflatten(0, (b, k))).sum(1)
    return Outcome(high, alone, spread(coarse.error, factor), attention)


def answered_beyond(
    network: Texsr, low: Float32[Tensor, "b 3 h w"], aligned: Aligned, scale: int
) -> Answered:
    """Ask a network as a run does at the scale beyond its own: at half of it, then carried on."""
    return carried(network.answered(low, coarser(aligned, BEYOND), scale // BEYOND), aligned)


def carried(coarse: Answered, aligned: Aligned) -> Answered:
    """Carry all that a network answered to the scale beyond its own."""
    return coarse._replace(outcome=finer(coarse.outcome, aligned, BEYOND))
