"""MASA-SR's matching and transfer written out: blocks unfolded, multiplied, gathered and folded."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from texsr.models.coarse_to_fine import BLOCK_SITES, DILATIONS, SPREAD
from texsr.models.masa import Masa
from texsr.models.resample import enlarge, reduce


class Placed(NamedTuple):
    """Blocks of a low image, and where each was found in the reduced reference."""

    blocks: Tensor  # n c 10 10: with a margin of one
    top: Tensor  # n: of the reference block
    left: Tensor


def place(query: Tensor, keys: Tensor, sides: tuple[int, int]) -> Placed:
    """Search coarsely: the centre of each block, at three dilations, by unfolding."""
    side = BLOCK_SITES + 2
    around = functional.pad(query[None], (1, 1, 1, 1), mode="replicate")
    blocks = functional.unfold(around, side, stride=BLOCK_SITES)[0].T  # n c*100
    blocks = blocks.view(len(blocks), len(query), side, side)
    total = torch.zeros(len(blocks), keys.shape[1] * keys.shape[2])
    for dilation in DILATIONS:
        centre = 1 + BLOCK_SITES // 2
        taps = [centre - dilation, centre, centre + dilation]
        asked = functional.normalize(blocks[:, :, taps][..., taps].flatten(1), dim=1)
        known = functional.unfold(keys[None], 3, padding=dilation, dilation=dilation)[0]
        total += asked @ functional.normalize(known, dim=0)
    best = total.argmax(1)
    row, column = best // keys.shape[2], best % keys.shape[2]
    top = (row - sides[0] // 2 - 1).clamp_min(0).clamp_max(keys.shape[1] - sides[0] - 2)
    left = (column - sides[1] // 2 - 1).clamp_min(0).clamp_max(keys.shape[2] - sides[1] - 2)
    return Placed(blocks, top, left)


def cut(features: Tensor, placed: Placed, sides: tuple[int, int], times: int) -> Tensor:
    """Cut the reference blocks out of one level, with a ring of one site."""
    height, width = ((side + 2) * times for side in sides)
    return torch.stack(
        [
            features[:, t * times : t * times + height, x * times : x * times + width]
            for t, x in zip(placed.top.tolist(), placed.left.tolist(), strict=True)
        ]
    )


def carry(network: Masa, query: Tensor, reference: Tensor) -> list[Tensor]:
    """Give what `Masa.carry` gives for one reference of whole sites, finest first."""
    reduced = reduce(reference[None], 4)
    keys = network.encoder(reduced)[0][0]
    height, width = query.shape[1:]
    num = height // BLOCK_SITES, width // BLOCK_SITES
    sides = tuple(
        min(size - 2, 2 * int(SPREAD * (size // (2 * count))) + 1)
        for size, count in zip(keys.shape[1:], num, strict=True)
    )
    placed = place(query, keys, sides)
    asked = functional.normalize(functional.unfold(placed.blocks, 3), dim=1)  # n 9c 64
    known = functional.normalize(functional.unfold(cut(keys, placed, sides, 1), 3), dim=1)
    similarity, index = (asked.transpose(1, 2) @ known).max(2)  # n 64
    weight = _joined(similarity[:, None].unflatten(2, (BLOCK_SITES, BLOCK_SITES)), num)
    levels: list[Tensor] = []
    for level, features in enumerate(network.encoder(reference[None])):
        times = 4 // 2**level
        near = cut(features[0], placed, sides, times)
        patches = functional.unfold(near, 3 * times, stride=times)
        patches = patches.gather(2, index[:, None].expand(-1, patches.shape[1], -1))
        size = (BLOCK_SITES * times,) * 2
        folding = {"kernel_size": 3 * times, "padding": times, "stride": times}
        total = functional.fold(patches, size, **folding)
        counts = functional.fold(torch.ones_like(patches), size, **folding)
        whole = _joined(total / counts, num)
        grown = functional.interpolate(weight[None], whole.shape[1:], mode="bilinear")[0]
        levels.append(whole * grown)
    return levels


def _joined(blocks: Tensor, num: tuple[int, int]) -> Tensor:
    """Put blocks (n c s s) together."""
    n, c, s, _ = blocks.shape
    assert n == num[0] * num[1]
    return blocks.view(*num, c, s, s).permute(2, 0, 3, 1, 4).reshape(c, num[0] * s, num[1] * s)


def restore(network: Masa, low: Tensor, reference: Tensor) -> Tensor:
    """Give what the network gives for one reference; all sizes are whole blocks."""
    levels = network.encoder(low[None])
    carried = carry(network, levels[0][0], reference)
    high = network.decoder(levels, [level[None] for level in carried])
    return (high + enlarge(low[None], 4))[0]
