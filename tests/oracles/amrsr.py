"""AMRSR's attention written out: all features at once, unfolded, compared and folded again."""

import torch
from torch import Tensor
from torch.nn import functional

from texsr.models.parts import Choice
from texsr.models.resample import enlarge, reduce


def swap(query: Tensor, keys: list[Tensor], values: list[list[Tensor]]) -> list[Tensor]:
    """INPUTATT: the swapped maps (c h w, finest first) of reference parts matched as one."""
    height, width = query.shape[1:]
    asked = functional.unfold(query[None], 3)[0]
    known = torch.cat([functional.unfold(one[None], 3)[0] for one in keys], dim=1)
    known = known / known.norm(dim=0, keepdim=True).clamp_min(1e-12)
    best = (known.T @ asked).argmax(0)
    levels = []
    for index, value in enumerate(zip(*values, strict=True)):
        block = 2 ** (len(values[0]) - 1 - index)
        unfolded = [functional.unfold(one[None], 3 * block, stride=block) for one in value]
        patches = torch.cat(unfolded, dim=2)[:, :, best]
        size = (height * block, width * block)
        total = functional.fold(patches, size, 3 * block, stride=block)
        counts = functional.fold(torch.ones_like(patches), size, 3 * block, stride=block)
        levels.append((total / counts)[0])
    return levels


def choose(query: Tensor, offered: list[list[Tensor]], vectors: int) -> list[Tensor]:
    """REFATT: at each place, for each group of channels, the most similar of some swapped maps."""
    height, width = query.shape[1:]
    chosen = [torch.zeros_like(level) for level in offered[0]]
    for group in range(vectors):
        for y in range(height):
            for x in range(width):
                around = slice(max(0, y - 1), y + 2), slice(max(0, x - 1), x + 2)
                scores = []
                for levels in offered:
                    a, b = (
                        plane.chunk(vectors)[group][(slice(None), *around)]
                        for plane in (query, levels[-1])
                    )
                    scores.append(float((a * b).sum() / (a.norm() * b.norm()).clamp_min(1e-12)))
                winner = offered[scores.index(max(scores))]
                for level, taken in zip(chosen, winner, strict=True):
                    block = level.shape[1] // height
                    rows = slice(y * block, (y + 1) * block)
                    columns = slice(x * block, (x + 1) * block)
                    part = level.chunk(vectors)[group]
                    part[:, rows, columns] = taken.chunk(vectors)[group][:, rows, columns]
    return chosen


def attend(
    trunk, low: Tensor, references: list[list[Tensor]], vectors: int, choice=Choice.LEVELS
) -> list[Tensor]:
    """Swapped maps for references given as lists of parts, each a picture of whole sites."""
    query = trunk(enlarge(low[None], 4))[-1][0]

    def swapped(parts: list[Tensor]) -> list[Tensor]:
        keys = [trunk(enlarge(reduce(part[None], 4), 4))[-1][0] for part in parts]
        return swap(query, keys, [[level[0] for level in trunk(part[None])] for part in parts])

    if choice is Choice.PARTS:
        return choose(query, [swapped([one]) for parts in references for one in parts], vectors)
    if choice is Choice.REFERENCES:
        return choose(query, [swapped(parts) for parts in references], vectors)
    of_references = [
        choose(query, [swapped([part]) for part in parts], vectors) for parts in references
    ]
    return choose(query, of_references, vectors)
