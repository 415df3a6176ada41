"""RRSR's matching and deformable convolution written out, site by site and tap by tap."""

import math

import torch
from torch import Tensor
from torch.nn import functional


def flow_of_taps(query: Tensor, keys: Tensor) -> Tensor:
    """Match all patches by comparing all with all; the flow (9 2 h w) of each tap at each site."""
    height, width = query.shape[1:]
    across = keys.shape[2] - 2
    asked = functional.unfold(query[None], 3)[0]
    known = functional.unfold(keys[None], 3)[0]
    best = (functional.normalize(known, dim=0).T @ asked).argmax(0)
    flow = torch.zeros(9, 2, height, width)
    for y in range(height):
        for x in range(width):
            for tap in range(9):
                top, left = y - tap // 3, x - tap % 3  # of the patch in which the tap is this site
                if 0 <= top < height - 2 and 0 <= left < width - 2:
                    row, column = divmod(int(best[top * (width - 2) + left]), across)
                    flow[tap, :, y, x] = torch.tensor([row - top, column - left])
    return flow


def bilinear(plane: Tensor, y: float, x: float) -> Tensor:
    """Take a plane (c h w) at a point in sites; 0 outside."""
    total = torch.zeros(len(plane))
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            share = (1 - abs(y - row)) * (1 - abs(x - column))
            if 0 <= row < plane.shape[1] and 0 <= column < plane.shape[2]:
                total += share * plane[:, row, column]
    return total


def aggregate(reference: Tensor, offset: Tensor, weight: Tensor, kernel: Tensor) -> Tensor:
    """The modulated deformable convolution of one image.

    Args:
        reference: d h2 w2.
        offset: g 9 2 h w.
        weight: g 9 h w.
        kernel: o d 3 3.
    """
    groups, height, width = offset.shape[0], *offset.shape[3:]
    made = torch.zeros(len(kernel), height, width)
    per_group = len(reference) // groups
    for y in range(height):
        for x in range(width):
            for group in range(groups):
                part = slice(group * per_group, (group + 1) * per_group)
                for tap in range(9):
                    down, right = offset[group, tap, :, y, x].tolist()
                    at = y + tap // 3 - 1 + down, x + tap % 3 - 1 + right
                    taken = bilinear(reference[part], *at) * weight[group, tap, y, x]
                    made[:, y, x] += kernel[:, part, tap // 3, tap % 3] @ taken
    return made
