"""Batches for heads: the truth at any scale up to twice that of the tiles.

Between the tiles' scale and twice that, low tiles are reduced once more: the truth of a tile has as
many more texels then, and its references show as much more. They stay in the light of the finer
tile, where a run would bring them to that of the coarser one; what is known of each is averaged.
"""

import numpy as np
import torch
from torch.nn import functional

from texsr.models.batches import Batch
from texsr.models.resample import enlarge_faithfully, reduce, resize

TWICE = 2
ODDS_BEYOND = 0.5  # of batches beyond the tiles' own scale


def at_any_scale(batch: Batch, rng: np.random.Generator, scale: int) -> tuple[Batch, int]:
    """Give a batch with its truth at a scale drawn from 1 to twice that of the tiles.

    Args:
        batch: tiles whose sides are even.
        rng: the same state gives the same scale.
        scale: of the tiles.

    Returns:
        The batch, and the scale of what is known of its references.
    """
    beyond = bool(rng.random() < ODDS_BEYOND)
    given, known = (coarsened(batch), TWICE * scale) if beyond else (batch, scale)
    share = float(rng.uniform(1.0 / TWICE if beyond else 1.0 / scale, 1.0))
    size = round(batch.truth.shape[2] * share), round(batch.truth.shape[3] * share)
    truth = resize(given.truth, size)
    covered = functional.interpolate(given.covered, size, mode="nearest")
    return given._replace(truth=truth.clamp(0.0, 1.0), covered=covered), known


def coarsened(batch: Batch) -> Batch:
    """Give the same truth and references over low tiles of half the size."""
    low = torch.round(reduce(batch.low, TWICE).clamp(0.0, 1.0) * 255.0) / 255.0
    old = batch.aligned
    base = enlarge_faithfully(low, batch.truth.shape[2] // low.shape[2])
    seen = (old.weight > 0)[:, :, None]
    belief, cues = (
        functional.avg_pool2d(one.flatten(0, 1), TWICE).unflatten(0, one.shape[:2])
        if one.shape[1]
        else one[..., ::TWICE, ::TWICE]
        for one in (old.belief[:, :, None], old.cues)
    )
    aligned = old._replace(
        base=base,
        detail=(old.detail + (old.base - base)[:, None]) * seen,
        belief=belief[:, :, 0],
        cues=cues,
    )
    return batch._replace(low=low, aligned=aligned)
