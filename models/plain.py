"""References as the default network is given them."""

from typing import NamedTuple

import torch
from jaxtyping import Float32
from torch import Tensor

from texsr.models.protocol import LocatedReferences, PhotoPart, WarpedReferences


class Plain(NamedTuple):
    """References as the network is given them."""

    color: Float32[Tensor, "b k 3 H W"]
    weight: Float32[Tensor, "b k H W"]
    prior: Float32[Tensor, "b k 2 h w"]
    trust: Float32[Tensor, "b k"]
    parts: tuple[PhotoPart, ...] = ()


def plain(references: WarpedReferences, *, geometry: bool) -> Plain:
    """Leave out references that repeat an earlier one: they say nothing new.

    Args:
        references: of tiles.
        geometry: heed view angle, resolution and feathering; otherwise every seen texel counts.
    """
    order = distinct(references)
    given = references.color, references.weight, references.prior, references.trust
    all_of_them = len(order) == len(references.color[0])
    color, weight, prior, trust = (part if all_of_them else part[:, order] for part in given)
    if not geometry:
        return Plain(color, (weight > 0).float(), torch.ones_like(prior), trust)
    parts = references.parts if isinstance(references, LocatedReferences) else ()
    located = tuple(parts[index] for index in order) if parts else ()
    return Plain(color, weight, prior, trust, located)


def distinct(references: WarpedReferences) -> list[int]:
    """Give the indices of references that are not copies of an earlier one, in every tile."""
    kept: list[int] = []
    for index in range(references.color.shape[1]):
        if not any(_same(references, index, other) for other in kept):
            kept.append(index)
    return kept


def _same(references: WarpedReferences, one: int, other: int) -> bool:
    return torch.equal(references.weight[:, one], references.weight[:, other]) and torch.equal(
        references.color[:, one], references.color[:, other]
    )
