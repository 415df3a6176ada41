"""Batches drawn from packs of tiles: crops, turns, and another choice of references every time."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import final

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional

from texsr.flows.training_data import DETAIL_STEP, PX_MAP, Pack, read_pack
from texsr.flows.training_faults import Faults, worsened
from texsr.models.alignment import Measured, assemble
from texsr.models.batches import Batch
from texsr.models.consensus import register, with_concord
from texsr.models.resample import enlarge_faithfully, reduce
from texsr.pipeline.errors import CaptureError

REFERENCE_COUNTS = (0, 1, 2, 3, 4, 6, 8)
COUNT_ODDS = (0.06, 0.08, 0.10, 0.12, 0.22, 0.20, 0.22)  # a run has the best few, not any few
AS_IN_A_RUN = 0.5  # of crops: those that see most, which packs have first


@final
class PackedTiles:
    """All tiles of some packs, drawn from with equal odds."""

    def __init__(
        self, paths: Sequence[Path], scale: int | None = None, faults: Faults | None = None
    ) -> None:
        """Map packs into memory.

        Args:
            paths: of packs.
            scale: what crops are wanted at, or half of what tiles are packed at; None: as packed.
            faults: that crops get as they are drawn; None: none.

        Raises:
            CaptureError: there is none.
        """
        self.packs, self.scale = [read_pack(path) for path in paths], scale
        self.faults = faults or Faults()
        self.places = [
            (number, index)
            for number, pack in enumerate(self.packs)
            for index in range(len(pack.low))
        ]
        if not self.places:
            raise CaptureError(
                "training data",
                found="no packed tiles",
                expected="folders with low.npy, truth.npy and the like",
                remedy="make some first: `texsr train` does when it is given scans and pictures",
            )

    def __len__(self) -> int:
        return len(self.places)

    def tile(self, number: int) -> Pack:
        """Give one tile."""
        pack, index = self.places[number]
        one = self.packs[pack]
        return Pack(**{name: np.asarray(getattr(one, name)[index]) for name in Pack.__slots__})

    @property
    def least_side_tx(self) -> int:
        """Of the smallest tiles, in low texels."""
        return min(min(pack.low.shape[1:3]) for pack in self.packs)

    def draw(self, rng: np.random.Generator, *, size: int, side_tx: int) -> Batch:
        """Draw a batch of crops, all with the same number of references."""
        count = int(rng.choice(REFERENCE_COUNTS, p=COUNT_ODDS))
        return self.crops(rng, size=size, count=count, side_tx=side_tx)

    def crops(self, rng: np.random.Generator, *, size: int, count: int, side_tx: int) -> Batch:
        """Draw a batch of crops with so many references."""
        tiles = [self.any_tile(rng) for _ in range(size)]
        crops = [cropped(tile, rng, count=count, side_tx=side_tx) for tile in tiles]
        fitting = (crop if self._fits(crop) else halved(crop) for crop in crops)
        return stack([worsened(crop, rng, self.faults) for crop in fitting])

    def any_tile(self, rng: np.random.Generator) -> Pack:
        """Draw a tile."""
        return self.tile(int(rng.integers(len(self))))

    def _fits(self, crop: Pack) -> bool:
        return self.scale in (None, len(crop.truth) // len(crop.low))


def cropped(tile: Pack, rng: np.random.Generator, *, count: int, side_tx: int) -> Pack:
    """Cut a crop out of a tile, turn and mirror it, and keep some of its references.

    References that see something go first; where there are too few, some see nothing. Half of the
    time those that see most are kept, as in a run, else any.
    """
    height, width = tile.low.shape[:2]
    scale = tile.truth.shape[0] // height
    y, x = (int(rng.integers(0, size - side_tx + 1)) for size in (height, width))
    low = slice(y, y + side_tx), slice(x, x + side_tx)
    high = tuple(slice(part.start * scale, part.stop * scale) for part in low)
    seeing = np.flatnonzero(tile.weight[(slice(None), *high)].any((1, 2)))
    blind = np.setdiff1d(np.arange(len(tile.trust)), seeing)
    sighted = seeing if rng.random() < AS_IN_A_RUN else rng.permutation(seeing)
    order = np.concatenate([sighted, blind])[:count].astype(np.intp)
    turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
    inks = rng.permutation(3)

    def turned(image: np.ndarray, axes: tuple[int, int]) -> np.ndarray:
        image = np.rot90(image, turns, axes)
        return np.ascontiguousarray(np.flip(image, axes[1]) if mirrored else image)

    return Pack(
        low=turned(tile.low[low][..., inks], (0, 1)),
        truth=turned(tile.truth[high][..., inks], (0, 1)),
        covered=turned(tile.covered[high], (0, 1)),
        detail=turned(tile.detail[(order, slice(None), *high)][:, inks], (2, 3)),
        weight=turned(tile.weight[(order, *high)], (1, 2)),
        maps=turned(tile.maps[(order, slice(None), *low)], (2, 3)),
        trust=tile.trust[order],
        crispness=tile.crispness,
    )


def halved(tile: Pack) -> Pack:
    """Give a tile at half its scale: as many low texels, half as many high ones along each axis."""
    scale = len(tile.truth) // len(tile.low)
    truth = _reduced(tile.truth, 2)
    maps = tile.maps.copy()
    maps[:, PX_MAP] *= 2  # photo px on a texel, which is larger
    return replace(
        tile,
        low=_reduced(truth, scale // 2),
        truth=truth,
        covered=tile.covered.reshape(len(truth), 2, -1, 2).min((1, 3)),
        detail=_in_fours(tile.detail, lambda planes: reduce(planes, 2).clamp(-127, 127)),
        weight=_in_fours(tile.weight, lambda planes: functional.avg_pool2d(planes, 2)),
        maps=maps,
    )


def _reduced(color: UInt8[np.ndarray, "H W 3"], factor: int) -> UInt8[np.ndarray, "h w 3"]:
    planes = torch.tensor(color).permute(2, 0, 1)[None].float()
    planes = torch.round(reduce(planes, factor).clamp(0.0, 255.0)).to(torch.uint8)
    return planes[0].permute(1, 2, 0).numpy()


def _in_fours(planes: np.ndarray, made: Callable[[Tensor], Tensor]) -> np.ndarray:
    """Make one of every four texels of whole numbers."""
    if not len(planes):  # no references
        return planes[..., ::2, ::2]
    found = made(torch.tensor(planes).float())
    return np.rint(found.numpy()).astype(planes.dtype)


def stack(tiles: Sequence[Pack]) -> Batch:
    """Make tensors of packed tiles of one size."""

    def tensor(name: str, step: float = 1.0) -> Tensor:
        stacked = np.stack([np.asarray(getattr(tile, name)) for tile in tiles])
        return torch.from_numpy(stacked).float().mul_(step)

    low = tensor("low", 1 / 255).permute(0, 3, 1, 2)
    truth = tensor("truth", 1 / 255).permute(0, 3, 1, 2)
    measured = Measured(
        tensor("detail", DETAIL_STEP), tensor("weight", 1 / 255), tensor("maps"), tensor("trust")
    )
    scale = truth.shape[2] // low.shape[2]
    base = enlarge_faithfully(low, scale)
    aligned = assemble(base, measured, tensor("crispness"))
    covered = (tensor("covered") > 127).float()[:, None]
    aligned = with_concord(register(aligned, scale), scale)
    return Batch(low, aligned, truth, covered)
