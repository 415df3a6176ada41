"""Matching from coarse to fine: a block of sites first, then each site near where that was found.

Source: Lu, Li, Tao, Lu, Jia, "MASA-SR: Matching Acceleration and Spatial Adaptation for
Reference-Based Image Super-Resolution", CVPR 2021. Exhaustive matching gains 0.06 dB over it, they
say, for ten times the multiplications of the whole network.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float32, Int64
from torch import Tensor
from torch.nn import functional

from texsr.models.matching import LEAST_NORM, REACH, match
from texsr.models.nearby import NearMatch, likeness
from texsr.models.transfer import Wanted

BLOCK_SITES = 8  # of the low image
DILATIONS = (1, 2, 3)
SPREAD = 1.5  # of a reference block beside its share of the reference


class Found(NamedTuple):
    """Where the sites of a low image were found in a reduced reference."""

    row: Int64[Tensor, "h w"]
    column: Int64[Tensor, "h w"]


Search = Callable[[Float32[Tensor, "c h w"], Float32[Tensor, "c h2 w2"]], Found]
"""Matches features of a low image with those of a reduced reference."""


@torch.no_grad()
def find(query: Float32[Tensor, "c h w"], keys: Float32[Tensor, "c h2 w2"]) -> Found:
    """Match every site: its block first, then itself near where the block was found.

    Args:
        query: of the low image, a whole number of blocks.
        keys: of the reduced reference.
    """
    height, width = query.shape[1:]
    down, across = height // BLOCK_SITES, width // BLOCK_SITES
    around = _ringed(query)
    hits = _find_blocks(around, keys, down, across)
    sides = [_side(keys.shape[1], down), _side(keys.shape[2], across)]
    rows, columns = (
        torch.zeros(height, width, dtype=torch.int64, device=query.device) for _ in "yx"
    )
    for index, hit in enumerate(hits.tolist()):
        y, x = (part * BLOCK_SITES for part in divmod(index, across))
        row, column = divmod(hit, keys.shape[2])
        top = min(max(0, row - sides[0] // 2 - 1), keys.shape[1] - sides[0] - 2)
        left = min(max(0, column - sides[1] // 2 - 1), keys.shape[2] - sides[1] - 2)
        near = keys[:, top : top + sides[0] + 2, left : left + sides[1] + 2]
        own = around[:, y : y + BLOCK_SITES + 2, x : x + BLOCK_SITES + 2]
        best = match(own, near)
        place = slice(y, y + BLOCK_SITES), slice(x, x + BLOCK_SITES)
        rows[place] = top + 1 + best.patch[0] // sides[1]
        columns[place] = left + 1 + best.patch[0] % sides[1]
    return Found(rows, columns)


@torch.no_grad()
def find_anywhere(query: Float32[Tensor, "c h w"], keys: Float32[Tensor, "c h2 w2"]) -> Found:
    """Match every site with all of the reduced reference: what `find` is a shortcut for.

    Args:
        query: of the low image.
        keys: of the reduced reference.
    """
    around = _ringed(query)
    patch = match(around, keys).patch[0]
    across = keys.shape[2] - REACH
    return Found(1 + patch // across, 1 + patch % across)


def find_near(reach: int) -> Search:
    """Match every site near its own place, in a reference that lies where the low image does.

    Args:
        reach: how many sites away a match may be.
    """

    @torch.no_grad()
    def search(query: Float32[Tensor, "c h w"], keys: Float32[Tensor, "c h2 w2"]) -> Found:
        lack = [ours - theirs for ours, theirs in zip(query.shape[1:], keys.shape[1:], strict=True)]
        near = NearMatch(_ringed(query), reach)
        near.look_at(
            functional.pad(_ringed(keys)[None], (0, lack[1], 0, lack[0]), mode="replicate")[0]
        )
        patch = near.found().patch[0]
        row, column = patch // query.shape[2], patch % query.shape[2]
        return Found(row.clamp(1, keys.shape[1] - 2), column.clamp(1, keys.shape[2] - 2))

    return search


def similarity(
    query: Float32[Tensor, "c h w"], keys: Float32[Tensor, "c h2 w2"], found: Found
) -> Float32[Tensor, "h w"]:
    """Give the cosine of the patch around each site with the one found; it takes gradients."""
    around = _ringed(query)
    return likeness(around, keys, found.row - 1, found.column - 1)


def _ringed(features: Float32[Tensor, "c h w"]) -> Float32[Tensor, "c h2 w2"]:
    return functional.pad(features[None], (1, 1, 1, 1), mode="replicate")[0]


def _side(size: int, num_blocks: int) -> int:
    """Sites of a reference block along an axis, without the ring of one around it."""
    return min(size - 2, 2 * int(SPREAD * (size // (2 * num_blocks))) + 1)


def _find_blocks(
    around: Float32[Tensor, "c h w"], keys: Float32[Tensor, "c h2 w2"], down: int, across: int
) -> Int64[Tensor, " n"]:
    """Find the site of the keys that the centre of each block is most like, at all dilations."""
    total = keys.new_zeros(down * across, keys.shape[1] * keys.shape[2])
    centre = 1 + BLOCK_SITES // 2  # in a block with its margin of one
    for dilation in DILATIONS:
        first = centre - dilation
        taps = [first + step * dilation for step in range(3)]
        rows = (torch.arange(down)[:, None] * BLOCK_SITES + torch.tensor(taps)).flatten()
        columns = (torch.arange(across)[:, None] * BLOCK_SITES + torch.tensor(taps)).flatten()
        asked = around[:, rows][:, :, columns]  # c 3*down 3*across
        asked = asked.unflatten(2, (across, 3)).unflatten(1, (down, 3)).permute(1, 3, 0, 2, 4)
        asked = asked.flatten(0, 1)
        asked = asked / asked.flatten(1).norm(dim=1).clamp_min(LEAST_NORM)[:, None, None, None]
        products = functional.conv2d(keys[None], asked, padding=dilation, dilation=dilation)[0]
        square = keys.square().sum(0)[None, None]
        ones = torch.ones(1, 1, 3, 3, device=keys.device)
        norms = functional.conv2d(square, ones, padding=dilation, dilation=dilation).sqrt()
        total += (products / norms[0].clamp_min(LEAST_NORM)).flatten(1)
    return total.argmax(1)


def wanted_of(found: Found, where: Bool[Tensor, "h w"]) -> list[Wanted]:
    """Name the sites that make up the patches found; patches overlap within their block alone.

    Args:
        found: for all sites.
        where: they are wanted.
    """
    height, width = found.row.shape
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    y, x = y.to(found.row.device), x.to(found.row.device)
    wanted: list[Wanted] = []
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            inside = (_block_of(y) == _block_of(y + dy)) & (_block_of(x) == _block_of(x + dx))
            place = ((y + dy) * width + x + dx)[inside]
            row, column = (found.row + dy)[inside], (found.column + dx)[inside]
            asked = where.flatten()[place]
            wanted.append(Wanted(row[asked], column[asked], place[asked]))
    return wanted


def _block_of(site: Tensor) -> Tensor:
    return site.div(BLOCK_SITES, rounding_mode="floor")
