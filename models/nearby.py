"""Matching that does not look everywhere: near where it is known to be, or where neighbours look.

`NearMatch` is for keys that lie where the query does, as geometry has brought them there: each
patch is compared with all that are at most so many sites away, and that is exact.
`match_by_propagation` follows the embedded PatchMatch of Xia, Tian, Hang, Yang, Liao, Zhou,
"Coarse-to-Fine Embedded PatchMatch and Multi-Scale Dynamic Aggregation for Reference-based Super-
Resolution", AAAI 2022: random places at a coarse size, then at every size up to the full one what
neighbours near and far have found, and random places around. Its cost is in the number of sites,
not of pairs of them; what it finds is good, not always best.
"""

from collections.abc import Iterator
from typing import NamedTuple, final

import torch
from jaxtyping import Float32, Int64
from torch import Tensor
from torch.nn import functional

from texsr.models.matching import REACH, SIDE, TIE, Matches, patch_norms

COARSEST_SITES = 8  # on the shorter side
LAST_ROUNDS = 4  # at the full size; one at each other
NEIGHBOURS = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0))


class Places(NamedTuple):
    """Where each patch of a query is compared with keys, by upper left sites, and how alike."""

    row: Int64[Tensor, "p q"]
    column: Int64[Tensor, "p q"]
    similarity: Float32[Tensor, "p q"]


@final
class NearMatch:
    """Looks for the best match of each patch of a query near its own place in one map of keys after
    another: what `RunningMatch` does, within a window.
    """

    def __init__(self, query: Float32[Tensor, "c h w"], reach: int) -> None:
        """Take the query, at least 3 x 3 sites, and how many sites away a match may be.

        No gradient passes through a choice: none is kept.
        """
        self.query, self.reach = query.detach(), reach
        self.norms = patch_norms(self.query)
        self.similarity = torch.full_like(self.norms, -torch.inf)
        self.index = torch.full_like(self.norms, -1, dtype=torch.int64)
        self.num_seen = 0

    @torch.no_grad()
    def look_at(
        self, keys: Float32[Tensor, "c h w"], *, first: int | None = None, across: int = 0
    ) -> None:
        """Compare with further keys that lie where the query does.

        Args:
            keys: a whole map.
            first: number of the upper left patch; None: they are counted on from those seen before.
            across: by how much numbers grow from row to row; 0: by the patches of a row.
        """
        if keys.shape != self.query.shape:
            raise ValueError(
                f"keys: found {tuple(keys.shape)}; expected {tuple(self.query.shape)}, as the query"
            )
        first = self.num_seen if first is None else first
        rows, columns = self.norms.shape
        y, x = (torch.arange(side, device=keys.device) for side in (rows, columns))
        own = first + y[:, None] * (across or columns) + x
        norms = patch_norms(keys)
        for down in range(-min(self.reach, rows - 1), min(self.reach, rows - 1) + 1):
            for right in range(-min(self.reach, columns - 1), min(self.reach, columns - 1) + 1):
                moved = own + down * (across or columns) + right
                self._compare(keys, norms, (down, right), moved)
        self.num_seen += self.norms.numel()

    def found(self) -> Matches:
        """Give the best of all that was looked at."""
        return Matches(self.index[None], self.similarity[None])

    def _compare(
        self,
        keys: Tensor,
        norms: Float32[Tensor, "p q"],
        shift: tuple[int, int],
        numbers: Int64[Tensor, "p q"],
    ) -> None:
        """Compare every patch with the one so far down and right of it, where there is one."""
        here, there = (
            tuple(
                _overlap(side, sign * step) for side, step in zip(norms.shape, shift, strict=True)
            )
            for sign in (-1, 1)
        )
        asked, known = self.query[(slice(None), *_sites(here))], keys[(slice(None), *_sites(there))]
        inner = functional.avg_pool2d((asked * known).sum(0)[None], SIDE, stride=1)[0] * SIDE**2
        alike = inner / (self.norms[here] * norms[there])
        kept, index = self.similarity[here], self.index[here]
        better = alike > kept + TIE
        self.similarity[here] = torch.where(better, alike, kept)
        self.index[here] = torch.where(better, numbers[here], index)


def match_by_propagation(
    query: Float32[Tensor, "c h w"],
    keys: Float32[Tensor, "c h2 w2"],
    generator: torch.Generator,
) -> Matches:
    """Find good matches at a cost in the number of sites."""
    sizes = list(_pyramid(query, keys))
    places: Places | None = None
    for level, (small_query, small_keys) in enumerate(reversed(sizes)):
        shape = tuple(side - REACH for side in small_query.shape[1:])
        if places is None:
            row, column = (
                torch.randint(0, side - REACH, shape, generator=generator).to(query.device)
                for side in small_keys.shape[1:]
            )
        else:
            row, column = (_enlarged(one, shape) for one in (places.row, places.column))
        places = _tried(small_query, small_keys, row, column)
        for _ in range(LAST_ROUNDS if level == len(sizes) - 1 else 1):
            places = _propagated(small_query, small_keys, places)
            places = _searched(small_query, small_keys, places, generator)
    assert places is not None
    return _matches(places, keys)


def likeness(
    query: Float32[Tensor, "c h w"],
    keys: Float32[Tensor, "c h2 w2"],
    row: Int64[Tensor, "p q"],
    column: Int64[Tensor, "p q"],
) -> Float32[Tensor, "p q"]:
    """Give the cosine of each patch of a query with one patch of keys."""
    rows, columns = row.shape
    total = torch.zeros_like(query[0, :rows, :columns])
    for dy in range(SIDE):
        for dx in range(SIDE):
            asked = query[:, dy : dy + rows, dx : dx + columns]
            total += (asked * keys[:, row + dy, column + dx]).sum(0)
    return total / (patch_norms(query) * patch_norms(keys)[row, column])


def _pyramid(query: Tensor, keys: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        yield query, keys
        if min(*query.shape[1:], *keys.shape[1:]) < 2 * COARSEST_SITES:
            return
        query, keys = (functional.avg_pool2d(one[None], 2)[0] for one in (query, keys))


def _propagated(query: Tensor, keys: Tensor, places: Places) -> Places:
    """Try what neighbours have found, the far ones first."""
    jump = 2 ** max(0, (max(places.row.shape) // 8).bit_length() - 1)
    while jump:
        for dy, dx in NEIGHBOURS:
            row, column = (
                _shifted(one, dy * jump, dx * jump) - step * jump
                for one, step in ((places.row, dy), (places.column, dx))
            )
            places = _better(places, _tried(query, keys, row, column))
        jump //= 2
    return places


def _searched(query: Tensor, keys: Tensor, places: Places, generator: torch.Generator) -> Places:
    """Try random places around, ever further away."""
    radius = 1
    while radius < max(keys.shape[1:]):
        row, column = (
            one + torch.randint(-radius, radius + 1, one.shape, generator=generator).to(one.device)
            for one in (places.row, places.column)
        )
        places = _better(places, _tried(query, keys, row, column))
        radius *= 2
    return places


def _tried(query: Tensor, keys: Tensor, row: Tensor, column: Tensor) -> Places:
    row, column = _inside(keys, row, column)
    return Places(row, column, likeness(query, keys, row, column))


def _overlap(size: int, shift: int) -> slice:
    """Say which of so many places have another one at a shift against them."""
    return slice(max(0, shift), size + min(0, shift))


def _sites(patches: tuple[slice, ...]) -> tuple[slice, ...]:
    return tuple(slice(part.start, part.stop + REACH) for part in patches)


def _inside(keys: Tensor, row: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
    last = [side - REACH - 1 for side in keys.shape[1:]]
    return row.clamp(0, last[0]), column.clamp(0, last[1])


def _better(best: Places, tried: Places) -> Places:
    better = tried.similarity > best.similarity + TIE
    return Places(*(torch.where(better, new, old) for new, old in zip(tried, best, strict=True)))


def _shifted(plane: Int64[Tensor, "p q"], down: int, right: int) -> Int64[Tensor, "p q"]:
    """Give what lies so far down and right of each place; at the border, the last."""
    rows, columns = (
        (torch.arange(size, device=plane.device) + by).clamp(0, size - 1)
        for size, by in zip(plane.shape, (down, right), strict=True)
    )
    return plane[rows][:, columns]


def _enlarged(plane: Int64[Tensor, "p q"], shape: tuple[int, ...]) -> Int64[Tensor, "p2 q2"]:
    """Carry places to twice the size."""
    rows, columns = (
        (torch.arange(size, device=plane.device) // 2).clamp_max(old - 1)
        for size, old in zip(shape, plane.shape, strict=True)
    )
    return 2 * plane[rows][:, columns]


def _matches(places: Places, keys: Tensor) -> Matches:
    patch = places.row * (keys.shape[2] - REACH) + places.column
    return Matches(patch[None], places.similarity[None])
