"""Modulation says what lies around: wherever a tile is cut, and as a literal reading has it."""

import math

import pytest
import torch
from torch import Tensor, nn

from texsr.models.modulation import AROUND, CELL_TX, ModulatedBlock, SelfModulation
from texsr.models.single import SingleBranch
from texsr.models.smfanet import Smfanet

CHANNELS, CELLS = 4, 5


def shaken(module: nn.Module) -> nn.Module:
    """Give every parameter, those that start silent too, something to do."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return module.requires_grad_(False)


@pytest.fixture
def modulation() -> SelfModulation:
    made = shaken(SelfModulation(CHANNELS))
    assert isinstance(made, SelfModulation)
    return made


def plane(cells: int = CELLS, seed: int = 0) -> Tensor:
    side = cells * CELL_TX
    return torch.randn(1, CHANNELS, side, side, generator=torch.Generator().manual_seed(seed))


def literal(modulation: SelfModulation, x: Tensor) -> Tensor:
    """What each cell's gates say, one by one, before they are drawn out over its texels."""
    cells = x.shape[2] // CELL_TX
    peaks, variance = torch.zeros(2, CHANNELS, cells, cells)
    for i in range(cells):
        for j in range(cells):
            cell = x[0, :, i * CELL_TX : (i + 1) * CELL_TX, j * CELL_TX : (j + 1) * CELL_TX]
            peaks[:, i, j] = cell.amax((1, 2))
            rows, columns = (
                slice(max(0, k - AROUND) * CELL_TX, (k + AROUND + 1) * CELL_TX) for k in (i, j)
            )
            variance[:, i, j] = x[0, :, rows, columns].flatten(1).var(1, unbiased=False)
    told = torch.zeros(CHANNELS, cells, cells)
    around = torch.nn.functional.pad(peaks, (1, 1, 1, 1))
    for i in range(cells):
        for j in range(cells):
            seen = (around[:, i : i + 3, j : j + 3] * modulation.peaks.weight[:, 0]).sum((1, 2))
            share = modulation.variance[0, :, 0, 0] * variance[:, i, j]
            put = seen + modulation.peaks.bias + share
            mixed = modulation.mix.weight[:, :, 0, 0] @ put + modulation.mix.bias
            told[:, i, j] = mixed * 0.5 * (1 + torch.erf(mixed / math.sqrt(2)))
    return told


def test_what_cells_say_is_what_a_literal_reading_says(modulation):
    x = plane()
    said = modulation.gates(x)
    assert said.shape == x.shape
    # A cell's middle lies between two texels, whose mean is what the cell itself says, nearly all.
    middle = slice(CELL_TX // 2 - 1, None, CELL_TX), slice(CELL_TX // 2, None, CELL_TX)
    found = torch.stack([said[0, :, rows, columns] for rows in middle for columns in middle]).mean(
        0
    )
    expected, inner = literal(modulation, x), slice(1, -1)
    own = 15 / 16
    along = [(-1, (1 - own) / 2), (0, own), (1, (1 - own) / 2)]
    drawn = torch.zeros(CHANNELS, CELLS - 2, CELLS - 2)
    for i, row_share in along:
        for j, column_share in along:
            part = expected[:, 1 + i : CELLS - 1 + i, 1 + j : CELLS - 1 + j]
            drawn = drawn + row_share * column_share * part
    torch.testing.assert_close(found[:, inner, inner], drawn, rtol=1e-4, atol=1e-4)


def test_a_stripe_next_door_changes_what_a_cell_says(modulation):
    x = plane()
    other = x.clone()
    other[..., 3 * CELL_TX : 4 * CELL_TX] *= 5.0
    there = slice(2 * CELL_TX, 3 * CELL_TX)
    assert (modulation.gates(x) - modulation.gates(other))[..., there, there].abs().max() > 0.05


def test_a_block_moves_with_its_input_by_cells():
    block = shaken(ModulatedBlock(CHANNELS))
    x = plane(15)
    reach = (AROUND + 3) * CELL_TX
    moved = block(x[..., CELL_TX:, CELL_TX:])
    inside = (..., slice(reach - CELL_TX, -reach), slice(reach - CELL_TX, -reach))
    torch.testing.assert_close(moved[inside], block(x)[..., reach:-reach, reach:-reach])


def test_a_block_says_nothing_at_the_start():
    x = plane()
    assert torch.equal(ModulatedBlock(CHANNELS)(x), x)


def test_what_blocks_in_a_row_add_is_bounded_whatever_they_are_given():
    blocks = shaken(nn.Sequential(*(ModulatedBlock(CHANNELS) for _ in range(6))))
    small, large = plane(), 1e4 * plane()
    added = [float((blocks(one) - one).abs().max()) for one in (small, large)]
    assert added[1] < 10 * added[0]


@pytest.mark.parametrize("size", [(1, 1), (5, 17), (8, 16)])
def test_any_size_is_answered(size):
    branch = shaken(SingleBranch(2, width=6, blocks=2))
    low = torch.rand(1, 3, *size)
    told = branch(low)
    assert told.shape == (1, 3, 2 * size[0], 2 * size[1])
    height, width = (-side % CELL_TX for side in size)
    whole = branch(torch.nn.functional.pad(low, (0, width, 0, height), mode="replicate"))
    assert torch.equal(told, whole[..., : told.shape[2], : told.shape[3]])


def as_taught(block: nn.Module, teacher: nn.Module) -> None:
    """Give a block the weights by which it says the same as a block of the teacher."""
    ours, theirs = dict(block.named_modules()), dict(teacher.named_modules())
    width = ours["modulation.out"].out_channels
    lead = theirs["smfa.linear_0"]
    wide = theirs["smfa.lde.conv_0.1"].weight[:, :, 0, 0]
    deep, offset = theirs["smfa.lde.conv_0.0"].weight, theirs["smfa.lde.conv_0.0"].bias
    spread = torch.zeros(2 * width, width, 3, 3)
    for made in range(2 * width):
        spread[made, made // 2] = deep[made, 0]
    part = theirs["pcfn.conv_1"].in_channels
    gain = theirs["smfa.dw_conv"]
    alpha = teacher.smfa.alpha
    pairs = {
        "modulation.plain": (lead.weight[:width], lead.bias[:width]),
        "modulation.gated": (lead.weight[width:], lead.bias[width:]),
        "modulation.near": (
            torch.einsum("om,mikl->oikl", wide, spread),
            wide @ offset + theirs["smfa.lde.conv_0.1"].bias,
        ),
        "modulation.peaks": (gain.weight * alpha.view(-1, 1, 1, 1), gain.bias * alpha.flatten()),
        "mixing.first": tuple(p[:part] for p in theirs["pcfn.conv_0"].parameters()),
        "mixing.rest": tuple(p[part:] for p in theirs["pcfn.conv_0"].parameters()),
        "mixing.first_out": (
            theirs["pcfn.conv_2"].weight[:, :part],
            theirs["pcfn.conv_2"].bias,
        ),
        "mixing.rest_out": (theirs["pcfn.conv_2"].weight[:, part:],),
        **{
            name: tuple(theirs[other].parameters())
            for name, other in {
                "modulation.mix": "smfa.linear_1",
                "modulation.detail": "smfa.lde.conv_1",
                "modulation.out": "smfa.linear_2",
                "mixing.near": "pcfn.conv_1",
            }.items()
        },
    }
    for name, values in pairs.items():
        for parameter, value in zip(ours[name].parameters(), values, strict=True):
            parameter.copy_(value)
    ours["modulation"].variance.copy_(teacher.smfa.belt)


def test_it_can_say_all_that_a_teachers_block_says():
    """So that nothing but time stands between a lesson and its end."""
    teacher = shaken(Smfanet(4, width=CHANNELS * 2, num_blocks=1, local=True))
    block = shaken(ModulatedBlock(CHANNELS * 2))
    as_taught(block, teacher.feats[0])
    x = torch.cat([plane(), plane(seed=1)], dim=1)
    torch.testing.assert_close(block(x), teacher.feats[0](x), rtol=1e-4, atol=1e-4)


def test_as_published_a_teacher_looks_at_all_of_an_input():
    local, whole = (shaken(Smfanet(4, width=8, num_blocks=1, local=one)) for one in (True, False))
    low = torch.rand(1, 3, 80, 80, generator=torch.Generator().manual_seed(0))
    other = low.clone()
    other[..., 72:, 72:] = 0.0
    far = (..., slice(0, 32), slice(0, 32))
    assert torch.equal(local(low)[far], local(other)[far])
    assert not torch.equal(whole(low)[far], whole(other)[far])
