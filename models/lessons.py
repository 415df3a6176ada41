"""Lessons: trunks that see one image learn a teacher's blocks one by one.

A teacher's answers alone teach slowly: whatever is wrong with an answer has to be traced back
through all blocks at once. Here each block is given what the teacher's block of the same number is
given, and learns what that one adds to it: the hints of Romero et al., "FitNets: Hints for Thin
Deep Nets", ICLR 2015, one for every block. What leads into the trunk and out of it is linear, and
is found at the end by least squares. Blocks that are right one by one are not yet right in a row,
since each meets the errors of those before it: learning from answers comes after.

The default network has two such trunks: its first one, and that of its single-image branch, whose
blocks have halves as the teacher's have, and learn half by half.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional

from texsr.models.least_squares import fit
from texsr.models.modulation import CELL_TX, ModulatedBlock
from texsr.models.port import Port, entering
from texsr.models.single import SingleBranch
from texsr.models.smfanet import Smfanet
from texsr.models.texels import to_channels
from texsr.models.texsr import Texsr

BORDER_TX = 4  # left out: the two pad differently
RIDGE = 0.03  # of the mean variance: blocks in a row err, and small weights do not add to that


class Pupil(NamedTuple):
    """A trunk that can be taught, with what leads in and out."""

    entry: nn.Conv2d
    blocks: nn.Sequential
    proposal: nn.Conv2d
    adds: bool  # to the enlargement that it is given; False: it answers from the image alone


class Lesson(NamedTuple):
    """What a teacher makes of tiles on the way, half a block at a time."""

    low: Float32[Tensor, "b 3 h w"]  # the tiles, in whole cells
    base: Float32[Tensor, "b 3 H W"]  # their faithful enlargement
    given: list[Float32[Tensor, "b c h w"]]  # to each half of its blocks, and by the last one
    detail: Float32[Tensor, "b 3 H W"]  # its answer, less the base


@torch.no_grad()
def ask(
    teacher: Smfanet, low: Float32[Tensor, "b 3 h w"], base: Float32[Tensor, "b 3 H W"]
) -> Lesson:
    """Let a teacher work on tiles, without what is over whole cells, and keep what it does.

    Args:
        teacher: to be asked.
        low: sRGB-encoded, [0, 1]; sides of a cell (`CELL_TX`) or more.
        base: its faithful enlargement, by the teacher's scale.
    """
    height, width = (side // CELL_TX * CELL_TX for side in low.shape[2:])
    scale = teacher.scale
    low, base = low[:, :, :height, :width], base[:, :, : height * scale, : width * scale]
    given = teacher.inner(low)
    return Lesson(low, base, given, teacher.to_img(given[-1] + given[0]) - base)


def pupils(network: Texsr, scale: int) -> list[Pupil]:
    """Give the trunks of a network that see one image, and are not held."""
    port = network.ports[str(scale)]
    assert isinstance(port, Port)
    found = [Pupil(port.entry, network.trunks_of(scale).prior, port.proposal, adds=True)]
    if network.single:
        branch = network.single[str(scale)]
        assert isinstance(branch, SingleBranch)
        found.append(Pupil(branch.entry, branch.trunk, branch.proposal, adds=False))
    return [one for one in found if all(p.requires_grad for p in one.blocks.parameters())]


def unlearnt(pupil: Pupil, lesson: Lesson) -> Float32[Tensor, ""]:
    """Give the share of what the blocks should add that they do not: 1 at first, 0 at last.

    Args:
        pupil: as wide as the teacher, with as many blocks.
        lesson: to be learnt.
    """
    given = lesson.given
    steps = zip(pupil.blocks, given[:-2:2], given[1::2], given[2::2], strict=True)
    shares = [_share(*pair) for step in steps for pair in _added(*step)]
    return torch.stack(shares).mean()


@torch.no_grad()
def settle_ends(pupil: Pupil, lesson: Lesson, *, ridge: float = RIDGE) -> None:
    """Set what leads into a trunk, and what leads out of it to the answer, by least squares.

    Args:
        pupil: whose blocks have learnt.
        lesson: whose tiles should be many more texels than a kernel has weights.
        ridge: what weights cost, as a share of the mean variance of what they weigh.
    """
    low, base = lesson.low, lesson.base
    scale = base.shape[2] // low.shape[2]
    told = entering(low, base, scale) if pupil.adds else low
    fit(pupil.entry, told, lesson.given[0], ridge=ridge, border_tx=BORDER_TX)
    entered = pupil.entry(told)
    answer = lesson.detail if pupil.adds else base + lesson.detail
    answer = to_channels(answer, scale)
    proposed = pupil.blocks(entered) + entered
    fit(pupil.proposal, proposed, answer, ridge=ridge, border_tx=BORDER_TX)


def fits(pupil: Pupil, teacher: Smfanet) -> bool:
    """Tell whether a trunk is of a teacher's width and number of blocks."""
    theirs = teacher.to_feat.out_channels, len(teacher.feats)
    return (pupil.entry.out_channels, len(pupil.blocks)) == theirs


def _added(
    block: nn.Module, x: Tensor, halfway: Tensor, after: Tensor
) -> list[tuple[Tensor, Tensor]]:
    """Give what a block adds to what it is given, and what it should; by halves, if it has them."""
    if isinstance(block, ModulatedBlock):
        halves = (block.modulation(x), halfway - x), (block.mixing(halfway), after - halfway)
        return [(_inner(found), _inner(wanted)) for found, wanted in halves]
    return [(_inner(block(x) - x), _inner(after - x))]


def _share(found: Tensor, wanted: Tensor) -> Float32[Tensor, ""]:
    return (found - wanted).pow(2).mean() / wanted.pow(2).mean()


def _inner(plane: Tensor) -> Tensor:
    return functional.pad(plane, (-BORDER_TX,) * 4)
