"""Tiles of a capture as a run prepares them, with references that can be edited."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float32, UInt8
from network_common import SCALE, Trial
from torch import Tensor

from texsr.flows.calibration import calibrate
from texsr.flows.progress import silent
from texsr.flows.scene import Scene
from texsr.flows.settings import RunSettings
from texsr.flows.tiles import TileInput, TileSource
from texsr.pipeline.color import to_integer
from texsr.pipeline.references import PhotoPart, Warped
from texsr.pipeline.stages.select import select
from texsr.pipeline.stages.superresolve import Upscaler, superresolve
from texsr.pipeline.tile import Region, Tile, plan_tiles

CORE_TX = 64
LEAST_SCORED = 0.5  # of a core
LEAST_SEEN = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """A prepared tile and the answer to its core."""

    low: Float32[Tensor, "1 3 h w"]
    references: Warped  # what sees most comes first
    inner: Region  # the core, in high texels of the tile
    truth: UInt8[np.ndarray, "_ _ c"]
    mask: Bool[np.ndarray, "_ _"]

    def stored(self, upscaler: Upscaler, references: Warped | None) -> UInt8[np.ndarray, "_ _ 3"]:
        """Super-resolve the tile and give its core as an atlas stores it."""
        color, _, _ = superresolve(self.low[0], references, upscaler, SCALE, "cpu")
        return to_integer(color.permute(1, 2, 0).numpy()[self.inner.slices], np.dtype(np.uint8))


def pieces_of(trial: Trial, upscaler: Upscaler, num_references: int, most: int) -> list[Piece]:
    """Prepare tiles spread over an atlas; whole ones, of one size, that photos see."""
    scene = Scene(trial.capture, RunSettings(), silent)
    calibration = calibrate(scene, 0)
    selection = select(calibration.views, calibration.covered, num_references)
    source = TileSource(scene, 0, SCALE, calibration, selection)
    overlap = upscaler.overlap_tx
    side = CORE_TX + 2 * overlap
    tiles = [
        tile
        for tile in plan_tiles(*source.low_shape, size_tx=CORE_TX, overlap_tx=overlap)
        if (tile.padded.width, tile.padded.height) == (side, side)
        and float(trial.mask[tile.core.scaled(SCALE).slices].mean()) >= LEAST_SCORED
    ]
    found: list[Piece] = []
    for tile in _spread(tiles):
        made = source.prepare(tile.padded)
        if made is not None and made.references is not None and _seen(made, tile) >= LEAST_SEEN:
            found.append(_piece(trial, tile, made, num_references))
        if len(found) == most:
            break
    return found


def fitted(upscaler: Upscaler, pieces: Sequence[Piece]) -> Upscaler:
    """Let an upscaler measure what it measures of a capture."""
    return upscaler.fitted(((piece.low, piece.references) for piece in pieces), SCALE)


def subset(references: Warped, order: list[int]) -> Warped:
    """Take some references, in this order; one may come twice."""
    return Warped(
        color=references.color[:, order],
        weight=references.weight[:, order],
        prior=references.prior[:, order],
        trust=references.trust[:, order],
        parts=tuple(references.parts[index] for index in order),
    )


def edited(
    references: Warped, color: Float32[Tensor, "b k 3 H W"], parts: Sequence[PhotoPart]
) -> Warped:
    """Put other colours where the references see, and other photos behind them."""
    seen = (references.weight > 0)[:, :, None]
    return replace(references, color=color * seen, parts=tuple(parts))


def as_photo(color: Float32[Tensor, "3 H W"]) -> PhotoPart:
    """Make a photo of texels: one pixel each."""
    rows, columns = torch.meshgrid(*(torch.arange(side) for side in color.shape[1:]), indexing="ij")
    px = torch.stack([columns, rows]).float() + 0.5
    return PhotoPart(pixels=(color * 255.0).round().to(torch.uint8), px=px)


def _spread(tiles: list[Tile]) -> list[Tile]:
    """Bring tiles into an order of which every start is spread over the atlas; always the same."""
    return [tiles[index] for index in np.random.default_rng(0).permutation(len(tiles))]


def _inner(tile: Tile) -> Region:
    return tile.core.relative_to(tile.padded).scaled(SCALE)


def _seen(made: TileInput, tile: Tile) -> float:
    return float(made.seen[_inner(tile).slices].mean())


def _piece(trial: Trial, tile: Tile, made: TileInput, num_references: int) -> Piece:
    references, core = made.references, tile.core.scaled(SCALE)
    assert references is not None
    seen = references.weight[0][(slice(None), *_inner(tile).slices)].mean((1, 2))
    order = torch.argsort(seen, descending=True, stable=True)[:num_references].tolist()
    return Piece(
        low=made.low[None],
        references=subset(references, order),
        inner=_inner(tile),
        truth=np.ascontiguousarray(trial.truth[core.slices][..., :3]),
        mask=trial.mask[core.slices],
    )
