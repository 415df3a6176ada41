"""What an upscaler answers for a whole atlas or picture without references, before its tiles.

Where it looks further than a tile reaches, its answer would tell where tiles meet. Made for large
pieces first, it is the same whatever the tiles are, and a tile's margin is not made over and over.
"""

from collections.abc import Callable
from pathlib import Path
from typing import final

import numpy as np
import torch
from jaxtyping import Float16, Float32
from torch import Tensor

from texsr.flows.memory import return_freed
from texsr.flows.progress import Progress
from texsr.pipeline.formats.images import drop_pages
from texsr.pipeline.stages.superresolve import SeesWhole, Upscaler
from texsr.pipeline.tile import Region, Tile, plan_tiles

PIECE_TX = 512  # side of a piece with all around it, low texels: one works on 0.8 GB at most
BYTES = 2  # of what is kept of a texel, a plane
STAGE = "single-image"

Room = Callable[[tuple[int, int, int]], Float16[np.ndarray, "H W n"]]
"""Gives where an answer of a shape is to be kept."""


@final
class SinglePlane:
    """An answer for a whole plane; half precision is good for 1/4096 of white."""

    def __init__(self, answer: Float16[np.ndarray, "H W n"], scale: int) -> None:
        """Take an answer, and how many of its texels lie along a low one."""
        self.answer, self.scale = answer, scale

    def over(self, region: Region) -> Float32[Tensor, "n H W"]:
        """Give the answer over a region of low texels."""
        part = self.answer[region.scaled(self.scale).slices]
        planes = torch.from_numpy(part.astype(np.float32)).permute(2, 0, 1).contiguous()
        drop_pages(part)
        return planes


def in_memory(shape: tuple[int, int, int]) -> Float16[np.ndarray, "H W n"]:
    """Keep an answer in memory."""
    return np.zeros(shape, np.float16)


def on_disk(path: Path) -> Room:
    """Keep an answer in a file, which may be removed when the tiles are done."""

    def room(shape: tuple[int, int, int]) -> np.memmap:
        return np.memmap(path, dtype=np.float16, mode="w+", shape=shape)

    return room


def bytes_per_texel(upscaler: Upscaler, scale: int) -> int:
    """Tell what is kept of a high texel of tiles at a scale."""
    own = upscaler.single_scale(scale) if isinstance(upscaler, SeesWhole) else None
    if own is None or not isinstance(upscaler, SeesWhole):
        return 0
    return BYTES * upscaler.single_planes(own) * own**2 // scale**2


def pieces_of(low_shape: tuple[int, int], overlap_tx: int) -> list[Tile]:
    """Cut a plane of low texels into the pieces that are asked about; one, where that will do."""
    whole = max(low_shape) <= PIECE_TX
    size = PIECE_TX if whole else PIECE_TX - 2 * overlap_tx
    return list(plan_tiles(*low_shape, size_tx=size, overlap_tx=overlap_tx))


def answer_without_references(
    upscaler: Upscaler,
    low_shape: tuple[int, int],
    color: Callable[[Region], Float32[Tensor, "3 h w"]],
    scale: int,
    device: str,
    *,
    room: Room = in_memory,
    of_use: Callable[[Region], bool] = lambda _: True,
    progress: Progress,
) -> SinglePlane | None:
    """Let an upscaler answer for a whole plane; None: it does all that it does tile by tile.

    Args:
        upscaler: to be asked.
        low_shape: height and width of the plane, tx.
        color: gives the low texels of a region, sRGB-encoded, [0, 1].
        scale: of the tiles that will be asked for, one of the upscaler's.
        device: that it is on.
        room: gives where the answer is kept; it holds zeros.
        of_use: whether anything of a region, with what is around it, is wanted.
        progress: told of the pieces.
    """
    if not isinstance(upscaler, SeesWhole):
        return None
    own = upscaler.single_scale(scale)
    if own is None:
        return None
    answer = room((low_shape[0] * own, low_shape[1] * own, upscaler.single_planes(own)))
    pieces = pieces_of(low_shape, upscaler.single_overlap_tx)

    for number, piece in enumerate(pieces):
        progress(STAGE, number, len(pieces))
        if of_use(piece.padded):
            low = color(piece.padded)[None].to(device)
            found = upscaler.single_answer(low, own)[0].permute(1, 2, 0).cpu().numpy()
            inner = piece.core.relative_to(piece.padded).scaled(own)
            part = answer[piece.core.scaled(own).slices]
            part[...] = found[inner.slices]
            drop_pages(part)
            return_freed()  # what comes next is of other sizes, and would lie scattered among these
    progress(STAGE, len(pieces), len(pieces))
    return SinglePlane(answer, own)
