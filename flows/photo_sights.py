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
from texsr.flows.workers import worked_off
from texsr.pipeline.references import Cropped, Sight
from texsr.pipeline.stages.superresolve import FindsPhotos, Upscaler
from texsr.pipeline.tile import Region, Tile, plan_tiles

PIECE_TX, OVERLAP_TX = 256, 48  # low texels; each is matched with all of every photo
REACH_TX = 2  # of a patch beyond its upper left texel
STAGE = "photos"


@final
class WholeSight:
    """Where a photo shows the part of a picture that it is for, as far as it was looked at."""

    def __init__(self, box: Region) -> None:
        """Take that part: 3 low texels or more along each axis."""
        self.box = box
        patches = box.height - REACH_TX, box.width - REACH_TX
        self._patch = torch.zeros(patches, dtype=torch.int64)
        self._similarity = torch.full(patches, -1.0)
        self._flow = torch.zeros(2, box.height, box.width)  # counted from the picture's corner
        self._share = torch.zeros(box.height, box.width)

    def asked(self, piece: Tile) -> Region:
        """Give where a piece, which is counted from the corner of the box, lies in the picture."""
        return replace(piece.padded, x=piece.padded.x + self.box.x, y=piece.padded.y + self.box.y)

    def add(self, piece: Tile, found: Any) -> None:
        """Add what was found of a piece: its `Sight`."""
        sides = self.box.height, self.box.width
        kept = [_kept(*one) for one in zip(piece.core.slices, sides, strict=True)]
        own = [
            slice(rows.start - all_of_it.start, rows.stop - all_of_it.start)
            for rows, all_of_it in zip(kept, piece.padded.slices, strict=True)
        ]
        self._patch[kept[0], kept[1]] = found.patch.cpu()[own[0], own[1]]
        self._similarity[kept[0], kept[1]] = found.similarity.cpu()[own[0], own[1]]
        down, across = (_ramp(*one) for one in zip(piece.padded.slices, sides, strict=True))
        share, (rows, columns) = down[:, None] * across, piece.padded.slices
        self._flow[:, rows, columns] += share * (found.flow.cpu() - _corner(self.asked(piece)))
        self._share[rows, columns] += share

    def over(self, region: Region) -> Sight:
        """Tell where the photo shows a tile; beyond the box it goes on as it ends, unlooked for."""
        rows, columns = (
            torch.arange(part.start, part.stop) for part in region.relative_to(self.box).slices
        )
        y, x = rows.clamp(0, self.box.height - 1), columns.clamp(0, self.box.width - 1)
        share = self._share[y][:, x]
        patches = self._similarity.shape
        p, q = rows[:-REACH_TX], columns[:-REACH_TX]
        there = ((p >= 0) & (p < patches[0]))[:, None] & ((q >= 0) & (q < patches[1]))
        p, q = p.clamp(0, patches[0] - 1), q.clamp(0, patches[1] - 1)
        return Sight(
            patch=self._patch[p][:, q],
            similarity=torch.where(there, self._similarity[p][:, q], -1.0),
            flow=self._flow[:, y][:, :, x] / share + _corner(region),
        )


@final
class PhotoSights:
    """Where photos show a picture."""

    def __init__(self, photos: Cropped, found: Sequence[WholeSight]) -> None:
        """Take photos, and where each shows it."""
        self.photos, self.found = photos, found

    def over(self, region: Region) -> Cropped:
        """Give the photos that are for some of a tile, with where they show it."""
        kept = self.photos.kept_over(region)
        sights = tuple(self.found[index].over(region) for index in kept)
        return replace(self.photos.of(kept), sights=sights)


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
    moved, whole = photos.to(device), Region(x=0, y=0, width=low_shape[1], height=low_shape[0])
    boxes = [photos.part_for(index, whole) for index in range(len(photos.photos))]
    found = [WholeSight(box) for box in boxes]
    jobs = [
        (index, piece)
        for index, box in enumerate(boxes)
        for piece in plan_tiles(box.height, box.width, size_tx=PIECE_TX, overlap_tx=OVERLAP_TX)
    ]

    def find(job: tuple[int, Tile]) -> Any:
        index, piece = job
        low = color(found[index].asked(piece))[None].to(device)
        return upscaler.sights(low, moved.of([index]), scale)[0]

    progress(STAGE, 0, len(jobs))
    for number, ((index, piece), sight) in enumerate(
        zip(jobs, worked_off(find, jobs), strict=True), 1
    ):
        found[index].add(piece, sight)
        progress(STAGE, number, len(jobs))
    return PhotoSights(photos, found)


def _kept(core: slice, side: int) -> slice:
    """Which patches along a side have their middle in a piece's core."""
    return slice(max(core.start - 1, 0), min(core.stop - 1, side - REACH_TX))


def _corner(region: Region) -> Float32[Tensor, "2 1 1"]:
    rows, columns = region.slices
    return torch.tensor([[[float(columns.start)]], [[float(rows.start)]]])


def _ramp(part: slice, side: int) -> Float32[Tensor, " n"]:
    """1 in the middle and at the ends of a side, falling to 0 at other ends."""
    count = part.stop - part.start
    steps = (torch.arange(count) + 0.5) / (2 * OVERLAP_TX)
    rising = torch.ones(count) if part.start == 0 else steps.clamp_max(1.0)
    falling = torch.ones(count) if part.stop == side else steps.flip(0).clamp_max(1.0)
    return rising * falling
