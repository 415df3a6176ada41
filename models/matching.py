"""Which patch of some keys is most like each patch of a query, without the matrix of likenesses.

Patches are three by three sites of a map of features, likeness is their cosine, and the answer is
exact. It is the part-wise search of Pesavento, Volino, Hilton, "Attention-based Multi-Reference
Learning for Image Super-Resolution", ICCV 2021 (INPUTATT), and of the methods before it. Two things
are different here:

- Keys come in strips or parts, one after the other, and only the best so far is kept.
- The inner product of two patches is the sum of nine inner products of sites, along a diagonal of
  the table of sites against sites. That table is one ninth of the multiplications of a table of
  patches; it is made block by block, and summed along its diagonals, three rows and three columns,
  while it lies in the cache.

Products are summed in another order than patch by patch, so likenesses that are equal may differ
in their last bits. What differs by less than `TIE` is held to be equal: the lower index wins.
"""

from collections.abc import Iterator
from typing import NamedTuple, final

import torch
from jaxtyping import Float32, Int64
from torch import Tensor
from torch.nn import functional

SIDE = 3  # sites of a patch along each axis
REACH = SIDE - 1  # so many fewer patches than sites
TIE = 5e-7
LEAST_NORM = 1e-12
CPU_TILES = (32, 32), (16, 64)  # patches of the query, and of keys: their table stays in the cache
CUDA_TILES = (64, 64), (16, 256)


class Matches(NamedTuple):
    """The best matches of each patch of a query, best first.

    A patch is where its upper left site is: a map of h x w sites has (h - 2) x (w - 2) of them.
    """

    patch: Int64[Tensor, "n p q"]
    """Which patch of all that were looked at, counted in their order; -1: there were fewer."""
    similarity: Float32[Tensor, "n p q"]
    """Cosine, [-1, 1]; -inf where there is no match."""


@final
class RunningMatch:
    """Looks for the best matches of one query in keys that come one after the other."""

    def __init__(self, query: Float32[Tensor, "c h w"], *, count: int = 1) -> None:
        """Take the query, at least 3 x 3 sites, and how many matches to keep for each patch.

        No gradient passes through a choice: none is kept.
        """
        _check(query, "query")
        self.query = query = query.detach()
        self.strength = 1.0 / patch_norms(query)  # p q
        self.tiles = CUDA_TILES if query.is_cuda else CPU_TILES
        patches = tuple(self.strength.shape)
        self.similarity = query.new_full((count, *patches), -torch.inf)
        self.index = torch.full((count, *patches), -1, dtype=torch.int64, device=query.device)
        self.num_seen = 0
        self.scratch = _Scratch(query.device)

    @torch.no_grad()
    def look_at(
        self, keys: Float32[Tensor, "c h2 w2"], *, first: int | None = None, across: int = 0
    ) -> None:
        """Compare with all patches of further keys, at least 3 x 3 sites.

        Args:
            keys: a map, or a window of one.
            first: number of the upper left patch; None: they are counted on from those seen before.
            across: patches in a row of the whole map that they are a window of; 0: they are whole.
        """
        _check(keys, "keys")
        strength = 1.0 / patch_norms(keys)
        first = self.num_seen if first is None else first
        for rows, columns in _tiles(strength.shape, self.tiles[1]):
            sites = keys[:, rows.start : rows.stop + REACH, columns.start : columns.stop + REACH]
            numbers = _numbers(rows, columns, across or strength.shape[1], first, keys.device)
            for place in _tiles(self.strength.shape, self.tiles[0]):
                products = self._products(place, sites)
                self._keep(place, products.mul_(strength[rows, columns]).flatten(2), numbers)
        self.num_seen += strength.numel()

    def found(self) -> Matches:
        """Give the best of all that was looked at."""
        return Matches(self.index, self.similarity)

    def _products(
        self, place: tuple[slice, slice], sites: Float32[Tensor, "c r s"]
    ) -> Float32[Tensor, "p q r2 s2"]:
        """Inner products of the patches of a tile of the query with those of a tile of keys."""
        rows, columns = place
        asking = self.query[:, rows.start : rows.stop + REACH, columns.start : columns.stop + REACH]
        sizes = (*asking.shape[1:], *sites.shape[1:])
        table = self.scratch("table", (sizes[0] * sizes[1], sizes[2] * sizes[3]))
        torch.mm(asking.flatten(1).T, sites.flatten(1), out=table)
        table = table.view(sizes)
        p, q, r, s = (size - REACH for size in sizes)
        across = self.scratch("across", (sizes[0], q, sizes[2], s))
        torch.add(table[:, :q, :, :s], table[:, 1 : q + 1, :, 1 : s + 1], out=across)
        across.add_(table[:, 2:, :, 2:])
        both = self.scratch("both", (p, q, r, s))
        torch.add(across[:p, :, :r], across[1 : p + 1, :, 1 : r + 1], out=both)
        return both.add_(across[2:, :, 2:])

    def _keep(
        self,
        place: tuple[slice, slice],
        products: Float32[Tensor, "p q m"],
        numbers: Int64[Tensor, " m"],
    ) -> None:
        """Keep what is better than what was kept, and the lower number of what is as good."""
        strength = self.strength[place]
        kept, index = self.similarity[(slice(None), *place)], self.index[(slice(None), *place)]
        better = products.amax(2) * strength >= kept[-1] - TIE
        if not bool(better.any()):
            return
        offered = products[better] * strength[better][:, None]  # i m
        best, at = _first_best(offered, len(kept))
        found = torch.where(best > -torch.inf, numbers[at], -1)
        values = torch.cat([kept[:, better].T, best], dim=1)
        named = torch.cat([index[:, better].T, found], dim=1)
        order = named.argsort(dim=1)  # so that the first of equals is the lower
        values, named = values.gather(1, order), named.gather(1, order)
        best, at = _first_best(values, len(kept))
        kept[:, better], index[:, better] = best.T, named.gather(1, at).T


def match(
    query: Float32[Tensor, "c h w"], keys: Float32[Tensor, "c h2 w2"], *, count: int = 1
) -> Matches:
    """Find the best matches of each patch of a query in one map of keys.

    Patches are counted row by row: `divmod(patch, w2 - 2)` is where a patch's upper left site is.
    """
    running = RunningMatch(query, count=count)
    running.look_at(keys)
    return running.found()


def patch_norms(features: Float32[Tensor, "c h w"]) -> Float32[Tensor, "p q"]:
    """Euclidean norm of each patch, at least 1e-12."""
    square = features.square().sum(0)[None, None]
    return (
        (functional.avg_pool2d(square, SIDE, stride=1) * SIDE**2).sqrt()[0, 0].clamp_min(LEAST_NORM)
    )


@final
class _Scratch:
    """Memory that is made once and used for one block after the other."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.held: dict[str, Tensor] = {}

    def __call__(self, name: str, shape: tuple[int, ...]) -> Tensor:
        size = torch.Size(shape).numel()
        if name not in self.held or self.held[name].numel() < size:
            self.held[name] = torch.empty(size, device=self.device)
        return self.held[name][:size].view(shape)


def _check(features: Tensor, what: str) -> None:
    if min(features.shape[1:]) < SIDE:
        raise ValueError(
            f"{what}: found {features.shape[1]} x {features.shape[2]} sites; "
            f"expected at least {SIDE} x {SIDE}"
        )


def _tiles(
    shape: tuple[int, ...] | torch.Size, tile: tuple[int, int]
) -> Iterator[tuple[slice, slice]]:
    for y in range(0, shape[0], tile[0]):
        for x in range(0, shape[1], tile[1]):
            yield (
                slice(y, min(y + tile[0], shape[0])),
                slice(x, min(x + tile[1], shape[1])),
            )


def _numbers(
    rows: slice, columns: slice, across: int, first: int, device: torch.device
) -> Int64[Tensor, " m"]:
    """Number the patches of a tile of keys."""
    y = torch.arange(rows.start, rows.stop, device=device)
    x = torch.arange(columns.start, columns.stop, device=device)
    return (first + y[:, None] * across + x).flatten()


def _first_best(
    values: Float32[Tensor, "i m"], count: int
) -> tuple[Float32[Tensor, "i n"], Int64[Tensor, "i n"]]:
    """Give the largest values of each row, and where they are: of equals the first."""
    best: list[Tensor] = []
    where: list[Tensor] = []
    for left in range(count, 0, -1):
        top = values.amax(1, keepdim=True)
        at = (values >= top - TIE).to(torch.uint8).argmax(1, keepdim=True)
        best.append(values.gather(1, at))
        where.append(at)
        if left > 1:
            values = values.scatter(1, at, -torch.inf)
    return torch.cat(best, 1), torch.cat(where, 1)
