"""Weights-free fusion of aligned references: independent measurements of the same detail.

Each reference counts by its signal-to-noise ratio (Wiener weights), beside the base, which counts
one. As an attention that is a softmax whose logits are the logarithms of these ratios, with a
logit of 0 for "none": a network that starts from there starts as this fusion.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float32
from torch import Tensor

from texsr.models.alignment import Aligned, spread
from texsr.models.smoothing import blur

LEAST_BELIEF = 1e-6
UNSEEN_LOGIT = -math.inf


class Weighed(NamedTuple):
    """References weighed, before anything is learned of it."""

    logits: Float32[Tensor, "b k H W"]  # beside 0 for none; -inf where unseen
    shares: Float32[Tensor, "b k H W"]  # the softmax of them


def fuse(aligned: Aligned, scale: int) -> Float32[Tensor, "b 3 H W"]:
    """Average what the references add to the base, each by its weight, and add it."""
    if not aligned.detail.shape[1]:
        return aligned.base
    return aligned.base + mixed(aligned, weighed(aligned, scale).shares)


def mixed(aligned: Aligned, shares: Float32[Tensor, "b k H W"]) -> Float32[Tensor, "b 3 H W"]:
    """Mix what the references add, as crisp as the atlas would show it."""
    total = torch.zeros_like(aligned.base)
    for detail, share in zip(aligned.detail.unbind(1), shares.split(1, dim=1), strict=True):
        total = total.addcmul(detail, share)
    if not bool(aligned.crispness.any()):
        return total
    return total + aligned.crispness[:, None, None, None] * (total - blur(total, 1.0))


def belief_in(aligned: Aligned, scale: int) -> Float32[Tensor, "b 1 H W"]:
    """Sum the weights of the references; the base counts 1 beside them."""
    if not aligned.detail.shape[1]:
        return torch.zeros_like(aligned.base[:, :1])
    return (spread(aligned.belief, scale) * aligned.weight).sum(1, keepdim=True)


def weighed(aligned: Aligned, scale: int) -> Weighed:
    """Weigh the references of tiles by the belief they earned."""
    believed = spread(aligned.belief, scale) * aligned.weight
    logits = torch.log(believed + LEAST_BELIEF).masked_fill(aligned.weight <= 0, UNSEEN_LOGIT)
    return Weighed(logits, shares_of(logits))


def shares_of(logits: Float32[Tensor, "b k H W"]) -> Float32[Tensor, "b k H W"]:
    """Softmax over references and a silent "none", whose logit is 0 and share is left out."""
    top = logits.amax(1, keepdim=True).clamp_min(0.0)
    raised = torch.exp(logits - top)
    return raised / (raised.sum(1, keepdim=True) + torch.exp(-top))
