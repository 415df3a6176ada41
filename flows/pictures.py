"""Pictures without a surface, made larger tile by tile, alone or with photos nothing aligns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, UInt8, UInt16
from torch import Tensor

from texsr.flows.new_atlas import size_at
from texsr.flows.photo_sights import find_photos_ahead
from texsr.flows.photo_stances import LaidPhotos, as_they_are, lay_photos
from texsr.flows.progress import Progress, silent
from texsr.flows.single_plane import answer_without_references
from texsr.pipeline.capture import Photo
from texsr.pipeline.color import to_float, to_integer
from texsr.pipeline.high_plane import HighPlane
from texsr.pipeline.reduction import resized
from texsr.pipeline.references import Cropped
from texsr.pipeline.resample import resize
from texsr.pipeline.stages.plan import on_grid
from texsr.pipeline.stages.superresolve import (
    Upscaler,
    check_matches_photos,
    made_reduced,
    native_scale,
    superresolve,
)
from texsr.pipeline.tile import Region, plan_tiles

Stored = UInt8[np.ndarray, "_ _ _"] | UInt16[np.ndarray, "_ _ _"]

TILE_TX = 128  # low texels
COLOURS = (3, 4)  # channels of what is no grey
WITH_ALPHA = (2, 4)


def enlarge_picture(
    low: Stored,
    upscaler: Upscaler,
    scale: float,
    device: str,
    *,
    references: Cropped | None = None,
    tile_tx: int = TILE_TX,
    progress: Progress = silent,
) -> Stored:
    """Make a picture larger; alpha is enlarged bicubically, grey stays grey.

    Args:
        low: 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha; sRGB-encoded.
        upscaler: with `matches_photos` where there are references.
        scale: of the result, from 1.5 to what the upscaler does.
        device: where it works.
        references: photos that show what the picture shows, as `references_for` gives them.
        tile_tx: side of a tile in low texels, without what is around it; up to a multiple of 8.
        progress: told stage, done and total.

    Raises:
        SettingsError: the upscaler does not go as far.
    """
    made_scale = native_scale(upscaler, scale)
    size = low.shape[0], low.shape[1]
    made = made_scale if made_reduced(upscaler, scale) else scale
    num_color = _num_color(low)
    work = _Work(
        planes=_planes(low),
        references=references,
        upscaler=upscaler,
        scale=made_scale,
        device=device,
        plane=HighPlane(low_shape=size, shape=size_at(size, made)),
        progress=progress,
    )
    high = np.empty((*work.plane.shape, num_color), low.dtype)
    for part, texels in work.answers(on_grid(tile_tx)):
        kept = texels if num_color == 3 else texels.mean(axis=2, keepdims=True)
        high[part.slices] = to_integer(kept, low.dtype)
    height, width = size_at(size, scale)
    high = resized(high, height=height, width=width)
    if low.shape[2] not in WITH_ALPHA:
        return high
    alpha = resize(to_float(low[..., -1:]), height=height, width=width)
    return np.concatenate([high, to_integer(alpha, low.dtype)], axis=2)


def references_for(
    low: Stored,
    photos: Sequence[Photo],
    upscaler: Upscaler,
    scale: float,
    *,
    as_given: bool = False,
    progress: Progress = silent,
) -> LaidPhotos | None:
    """Make photos into what `enlarge_picture` takes: laid as the picture lies.

    Args:
        low: the picture, as there.
        photos: of any sizes.
        upscaler: with `matches_photos`.
        scale: of the result.
        as_given: how they lie is not looked for.
        progress: told stage, done and total.

    Returns:
        None: there are no photos.

    Raises:
        SettingsError: the upscaler does not go as far, or cannot take such photos.
    """
    if not photos:
        return None
    check_matches_photos(
        upscaler,
        "--reference",
        found=f"{len(photos)} photos that nothing aligns,",
        remedy="leave --reference out",
    )
    if as_given:
        return as_they_are(photos)
    return lay_photos(_planes(low), photos, native_scale(upscaler, scale), progress)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Work:
    """What the tiles of a picture share."""

    planes: Float32[Tensor, "3 h w"]
    references: Cropped | None
    upscaler: Upscaler
    scale: int  # one of the upscaler's own
    device: str
    plane: HighPlane
    progress: Progress

    def low(self, region: Region) -> Float32[Tensor, "3 h w"]:
        """Give a part of the picture."""
        return self.planes[(slice(None), *region.slices)].contiguous()

    def _photos(self, region: Region) -> Cropped | None:
        """Give the photos that are for some of a region."""
        if self.references is None:
            return None
        return self.references.of(self.references.kept_over(region))

    def answers(self, size_tx: int) -> Iterator[tuple[Region, Float32[np.ndarray, "H W 3"]]]:
        """Give tile after tile: where it belongs, and its texels."""
        upscaler, scale, shape = self.upscaler, self.scale, self.plane.low_shape
        single = answer_without_references(
            upscaler, shape, self.low, scale, self.device, progress=self.progress
        )
        sights = find_photos_ahead(
            upscaler, self.references, shape, self.low, scale, self.device, self.progress
        )
        tiles = list(plan_tiles(*shape, size_tx=size_tx, overlap_tx=upscaler.overlap_tx))
        for number, tile in enumerate(tiles):
            self.progress("superresolve", number, len(tiles))
            low, texels = self.low(tile.padded), self.plane.texels(tile.padded)
            known = None if single is None else single.over(tile.padded)
            references = self._photos(tile.padded) if sights is None else sights.over(tile.padded)
            answer, _, _ = superresolve(
                low, references, upscaler, scale, self.device, texels, known
            )
            core = self.plane.over(tile.core)
            inner = core.relative_to(self.plane.over(tile.padded))
            yield core, answer.permute(1, 2, 0).numpy()[inner.slices]
        self.progress("superresolve", len(tiles), len(tiles))


def _num_color(low: Stored) -> int:
    return 3 if low.shape[2] in COLOURS else 1


def _planes(low: Stored) -> Float32[Tensor, "3 h w"]:
    color = torch.from_numpy(to_float(low[..., : _num_color(low)]))
    return color.permute(2, 0, 1).expand(3, -1, -1)
