"""Lessons: the trunk of the single-image branch learns a teacher's blocks one by one.

A teacher's answers alone teach slowly: whatever is wrong with an answer has to be traced back
through all blocks at once. Here each block is given what the teacher's block of the same number is
given, and learns what that one adds to it: the hints of Romero et al., "FitNets: Hints for Thin
Deep Nets", ICLR 2015, one for every block. What leads into the trunk and out of it is linear, and
is found at the end by least squares. Blocks that are right one by one are not yet right in a row,
since each meets the errors of those before it: learning from answers comes after.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional

from texsr.models.port import Port, entering
from texsr.models.smfanet import Smfanet
from texsr.models.texsr import Texsr

BORDER_TX = 4  # left out: the two pad differently
RIDGE = 0.03  # of the mean variance: blocks in a row err, and small weights do not add to that


class Lesson(NamedTuple):
    """What a teacher makes of tiles on the way."""

    given: list[Float32[Tensor, "b c h w"]]  # to each of its blocks, and at last by the last one
    detail: Float32[Tensor, "b 3 H W"]  # its answer, less the base


@torch.no_grad()
def ask(teacher: Smfanet, low: Float32[Tensor, "b 3 h w"], base: Tensor) -> Lesson:
    """Let a teacher work on tiles, and keep what it does."""
    given = teacher.inner(low)
    return Lesson(given, teacher.to_img(given[-1] + given[0]) - base)


def unlearnt(network: Texsr, lesson: Lesson) -> Float32[Tensor, ""]:
    """Give the share of what the blocks should add that they do not: 1 at first, 0 at last.

    Args:
        network: as wide as the teacher, with as many blocks in its single-image trunk.
        lesson: to be learnt.
    """
    pairs = zip(network.prior, lesson.given[:-1], lesson.given[1:], strict=True)
    shares = [_share(_inner(block(x) - x), _inner(after - x)) for block, x, after in pairs]
    return torch.stack(shares).mean()


@torch.no_grad()
def settle_ends(
    network: Texsr, lesson: Lesson, low: Tensor, base: Tensor, *, ridge: float = RIDGE
) -> None:
    """Set what leads into the trunk, and what leads out of it to the answer, by least squares.

    Args:
        network: whose trunk has learnt.
        lesson: of these tiles; they should be many more texels than a kernel has weights.
        low: sRGB-encoded, [0, 1].
        base: the faithful enlargement of `low`.
        ridge: what weights cost, as a share of the mean variance of what they weigh.
    """
    port = network.ports[str(base.shape[2] // low.shape[2])]
    assert isinstance(port, Port)
    _fit(port.entry, entering(low, base, port.scale), lesson.given[0], ridge)
    entered = port.enter(low, base)
    _fit(port.proposal, network.prior(entered) + entered, port.fold(lesson.detail), ridge)


def fits(network: Texsr, teacher: Smfanet) -> bool:
    """Tell whether a trunk is of a teacher's width and number of blocks."""
    theirs = teacher.to_feat.out_channels, len(teacher.feats)
    return (network.config.width, network.config.prior_blocks) == theirs


def _share(found: Tensor, wanted: Tensor) -> Float32[Tensor, ""]:
    return (found - wanted).pow(2).mean() / wanted.pow(2).mean()


def _inner(plane: Tensor) -> Tensor:
    return functional.pad(plane, (-BORDER_TX,) * 4)


def _fit(conv: nn.Conv2d, given: Float32[Tensor, "b c h w"], wanted: Tensor, ridge: float) -> None:
    """Set a convolution of three by three so that it comes nearest to what is wanted."""
    patches = functional.unfold(functional.pad(given, (1 - BORDER_TX,) * 4), 3)
    rows = patches.transpose(1, 2).flatten(0, 1).double()
    rows = torch.cat([rows, torch.ones_like(rows[:, :1])], dim=1)
    answers = _inner(wanted).flatten(2).transpose(1, 2).flatten(0, 1).double()
    square = rows.T @ rows
    square.diagonal().add_(ridge * square.diagonal().mean())
    found = torch.linalg.solve(square, rows.T @ answers).T.float()
    conv.weight.copy_(found[:, :-1].reshape(conv.weight.shape))
    assert conv.bias is not None
    conv.bias.copy_(found[:, -1])
