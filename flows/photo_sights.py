"""Where photos show a whole picture, found before its tiles.

A photo is carried along a flow that is fitted to matches around; fitted tile by tile, it would not
quite be the same on both sides of where tiles meet. Found in large pieces first, it is the same
whatever the tiles are. From piece to piece one flow goes over into the other.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, final

import torch
from jaxtyping import Float32
from torch import Tensor

from texsr.flows.progress import Progress
from texsr.pipeline.references import Cropped, Sight
from texsr.pipeline.stages.superresolve import FindsPhotos, Upscaler
from texsr.pipeline.tile import Region, Tile, plan_tiles

PIECE_TX, OVERLAP_TX = 256, 48  # low texels; each is matched with all of every photo
REACH_TX = 2  # of a patch beyond its upper left texel
STAGE = "photos"


@final
class PhotoSights:
    """Where each of some photos shows a picture, as far as pieces of it were looked at."""

    def __init__(self, photos: Cropped, low_shape: tuple[int, int]) -> None:
        """Take the photos, and the size of the picture: 3 low texels or more along each axis."""
        self.photos, self.low_shape = photos, low_shape
        count, (height, width) = len(photos.photos), low_shape
        patches = count, height - REACH_TX, width - REACH_TX
        self._patch = torch.zeros(patches, dtype=torch.int64)
        self._similarity = torch.zeros(patches)
        self._flow = torch.zeros(count, 2, height, width)  # counted from the picture's corner
        self._share = torch.zeros(height, width)

    def add(self, piece: Tile, found: Sequence[Any]) -> None:
        """Add what an upscaler found of a piece: one `Sight` a photo."""
        whole, own = self._patches(piece)
        share = self._share_of(piece.padded)
        there = piece.padded.slices
        corner = _corner(piece.padded)
        for index, sight in enumerate(found):
            self._patch[(index, *whole)] = sight.patch.cpu()[own]
            self._similarity[(index, *whole)] = sight.similarity.cpu()[own]
            self._flow[(index, slice(None), *there)] += share * (sight.flow.cpu() - corner)
        self._share[there] += share

    def over(self, region: Region) -> Cropped:
        """Give the photos with where they show a tile."""
        rows, columns = region.slices
        patches = (
            slice(rows.start, rows.stop - REACH_TX),
            slice(columns.start, columns.stop - REACH_TX),
        )
        flow = self._flow[:, :, rows, columns] / self._share[rows, columns] + _corner(region)
        sights = (
            Sight(
                patch=self._patch[(index, *patches)],
                similarity=self._similarity[(index, *patches)],
                flow=flow[index],
            )
            for index in range(len(flow))
        )
        return replace(self.photos, sights=tuple(sights))

    def _patches(self, piece: Tile) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Which patches have their middle in a piece's core: of the picture, and of the piece."""
        whole, own = list[slice](), list[slice]()
        for core, padded, side in zip(
            piece.core.slices, piece.padded.slices, self.low_shape, strict=True
        ):
            first, last = max(core.start - 1, 0), min(core.stop - 1, side - REACH_TX)
            whole.append(slice(first, last))
            own.append(slice(first - padded.start, last - padded.start))
        return (whole[0], whole[1]), (own[0], own[1])

    def _share_of(self, padded: Region) -> Float32[Tensor, "h w"]:
        """Give the share of a piece in the flow: falling towards its neighbours, to nothing."""
        ramps = [
            _ramp(part, side) for part, side in zip(padded.slices, self.low_shape, strict=True)
        ]
        return ramps[0][:, None] * ramps[1][None]


def find_photos_ahead(
    upscaler: Upscaler,
    photos: Cropped | None,
    low_shape: tuple[int, int],
    color: Callable[[Region], Float32[Tensor, "3 h w"]],
    scale: int,
    device: str,
    progress: Progress,
) -> PhotoSights | None:
    """Let an upscaler find where photos show a picture; None: it finds them tile by tile, if any.

    Args:
        upscaler: to be asked.
        photos: to be found; None: there are none.
        low_shape: height and width of the picture, tx.
        color: gives the low texels of a region, sRGB-encoded, [0, 1].
        scale: of the tiles that will be asked for, one of the upscaler's.
        device: that it is on.
        progress: told of the pieces.
    """
    if photos is None or not isinstance(upscaler, FindsPhotos) or min(low_shape) <= REACH_TX:
        return None
    sights, moved = PhotoSights(photos, low_shape), photos.to(device)
    pieces = list(plan_tiles(*low_shape, size_tx=PIECE_TX, overlap_tx=OVERLAP_TX))
    for number, piece in enumerate(pieces):
        progress(STAGE, number, len(pieces))
        low = color(piece.padded)[None].to(device)
        sights.add(piece, upscaler.sights(low, moved, scale))
    progress(STAGE, len(pieces), len(pieces))
    return sights


def _corner(region: Region) -> Float32[Tensor, "2 1 1"]:
    rows, columns = region.slices
    return torch.tensor([[[float(columns.start)]], [[float(rows.start)]]])


def _ramp(part: slice, side: int) -> Float32[Tensor, " n"]:
    """1 in the middle and at the ends of the picture, falling to 0 at other ends."""
    count = part.stop - part.start
    steps = (torch.arange(count) + 0.5) / (2 * OVERLAP_TX)
    rising = torch.ones(count) if part.start == 0 else steps.clamp_max(1.0)
    falling = torch.ones(count) if part.stop == side else steps.flip(0).clamp_max(1.0)
    return rising * falling
