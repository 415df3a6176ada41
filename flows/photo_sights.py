"""Where photos show a whole picture, found before its tiles.

A photo is carried along a flow that is fitted to matches around; fitted tile by tile, it would not
quite be the same on both sides of where tiles meet. Found in large pieces first, it is the same
whatever the tiles are. From piece to piece one flow goes over into the other.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional

from texsr.flows.progress import Progress
from texsr.pipeline.references import Cropped, Sight
from texsr.pipeline.stages.superresolve import FindsPhotos, Upscaler
from texsr.pipeline.tile import Region, Tile, plan_tiles

PIECE_TX, OVERLAP_TX = 256, 48  # low texels; each is matched with all of every photo
REACH_TX = 2  # of a patch beyond its upper left texel
LEAST_SHARE = 1e-9  # where a photo was not looked for it has none
NOWHERE = np.zeros((1, 2))
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
        self._similarity = torch.full(patches, -1.0)
        self._flow = torch.zeros(count, 2, height, width)  # counted from the picture's corner
        self._share = torch.zeros(count, height, width)

    def add(self, index: int, piece: Tile, asked: Region, sight: Any) -> None:
        """Add a photo's `Sight` of a piece.

        Args:
            index: which photo.
            piece: for which it was looked for.
            asked: the part of the padded piece that it was looked for in.
            sight: what was found there.
        """
        whole, own = self._patches(piece.core, asked)
        self._patch[(index, *whole)] = sight.patch.cpu()[own]
        self._similarity[(index, *whole)] = sight.similarity.cpu()[own]
        share, there = self._share_of(piece.padded), piece.padded.slices
        flow = _extended(sight.flow.cpu() - _corner(asked), asked.relative_to(piece.padded), share)
        self._flow[(index, slice(None), *there)] += share * flow
        self._share[(index, *there)] += share

    def over(self, region: Region) -> Cropped:
        """Give the photos that are for some of a tile, with where they show it."""
        rows, columns = region.slices
        patches = (
            slice(rows.start, rows.stop - REACH_TX),
            slice(columns.start, columns.stop - REACH_TX),
        )
        kept = self.photos.kept_over(region)
        sights = (
            Sight(
                patch=self._patch[(index, *patches)],
                similarity=self._similarity[(index, *patches)],
                flow=self._flow[index, :, rows, columns]
                / self._share[index, rows, columns].clamp_min(LEAST_SHARE)
                + _corner(region),
            )
            for index in kept
        )
        return replace(self.photos.of(kept), sights=tuple(sights))

    def _patches(
        self, core: Region, asked: Region
    ) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Which of the patches asked for have their middle in a piece's core: of the picture, and
        of what was asked."""
        whole, own = list[slice](), list[slice]()
        for kept, seen, side in zip(core.slices, asked.slices, self.low_shape, strict=True):
            first = max(kept.start - 1, seen.start, 0)
            last = min(kept.stop - 1, seen.stop - REACH_TX, side - REACH_TX)
            whole.append(slice(first, max(first, last)))
            own.append(slice(first - seen.start, max(first, last) - seen.start))
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
        progress: told of the pieces, photo by photo.
    """
    if photos is None or not isinstance(upscaler, FindsPhotos) or min(low_shape) <= REACH_TX:
        return None
    sights, moved = PhotoSights(photos, low_shape), photos.to(device)
    pieces = list(plan_tiles(*low_shape, size_tx=PIECE_TX, overlap_tx=OVERLAP_TX))
    num_asked = len(pieces) * len(photos.photos)
    for index in range(len(photos.photos)):
        alone = moved.of([index])
        for number, piece in enumerate(pieces, index * len(pieces)):
            progress(STAGE, number, num_asked)
            parts = photos.regions_of(index, piece.padded)
            asked = Region.around(np.concatenate([one.corners for one in parts] or [NOWHERE]))
            if min(asked.width, asked.height) > REACH_TX:
                low = color(asked)[None].to(device)
                sights.add(index, piece, asked, upscaler.sights(low, alone, scale)[0])
    progress(STAGE, num_asked, num_asked)
    return sights


def _extended(
    flow: Float32[Tensor, "2 h w"], inner: Region, like: Float32[Tensor, "p q"]
) -> Float32[Tensor, "2 p q"]:
    """Repeat a flow's border: it is asked for no further, but smoothed there."""
    height, width = like.shape
    right, bottom = width - inner.x - inner.width, height - inner.y - inner.height
    margins = (inner.x, right, inner.y, bottom)
    return functional.pad(flow[None], margins, mode="replicate")[0]


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
