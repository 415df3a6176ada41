"""Pictures without a surface, made larger tile by tile, alone or with photos nothing aligns."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float32, UInt8, UInt16
from torch import Tensor

from texsr.flows.new_atlas import size_at
from texsr.flows.progress import Progress, silent
from texsr.flows.single_plane import answer_without_references
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
    photos: Sequence[Float32[np.ndarray, "_ _ 3"]] = (),
    tile_tx: int = TILE_TX,
    progress: Progress = silent,
) -> Stored:
    """Make a picture larger; alpha is enlarged bicubically, grey stays grey.

    Args:
        low: 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha; sRGB-encoded.
        upscaler: with `matches_photos` where photos are given.
        scale: of the result, from 1.5 to what the upscaler does.
        device: where it works.
        photos: sRGB-encoded, [0, 1], of any sizes, that show what the picture shows.
        tile_tx: side of a tile in low texels, without what is around it; up to a multiple of 8.
        progress: told stage, done and total.

    Raises:
        SettingsError: the upscaler does not go as far, or cannot take such photos.
    """
    made_scale = native_scale(upscaler, scale)
    references = _references(photos, upscaler)
    wanted = size_at(low.shape[:2], scale)
    made = made_scale if made_reduced(upscaler, scale) else scale
    plane = HighPlane(low_shape=low.shape[:2], shape=size_at(low.shape[:2], made))
    num_color = 3 if low.shape[2] in COLOURS else 1
    planes = torch.from_numpy(to_float(low[..., :num_color])).permute(2, 0, 1)
    planes = planes.expand(3, -1, -1)

    def part_of(region: Region) -> Float32[Tensor, "3 h w"]:
        return planes[(slice(None), *region.slices)].contiguous()

    single = answer_without_references(
        upscaler, low.shape[:2], part_of, made_scale, device, progress=progress
    )
    high = np.empty((*plane.shape, num_color), low.dtype)
    size = on_grid(tile_tx)
    tiles = list(plan_tiles(*low.shape[:2], size_tx=size, overlap_tx=upscaler.overlap_tx))
    for number, tile in enumerate(tiles):
        progress("superresolve", number, len(tiles))
        answer, _, _ = superresolve(
            part_of(tile.padded),
            references,
            upscaler,
            made_scale,
            device,
            plane.texels(tile.padded),
            None if single is None else single.over(tile.padded),
        )
        core = plane.over(tile.core)
        inner = core.relative_to(plane.over(tile.padded))
        texels = answer.permute(1, 2, 0).numpy()[inner.slices]
        if num_color == 1:
            texels = texels.mean(axis=2, keepdims=True)
        high[core.slices] = to_integer(texels, low.dtype)
    progress("superresolve", len(tiles), len(tiles))
    height, width = wanted
    high = resized(high, height=height, width=width)
    if low.shape[2] not in WITH_ALPHA:
        return high
    alpha = resize(to_float(low[..., -1:]), height=height, width=width)
    return np.concatenate([high, to_integer(alpha, low.dtype)], axis=2)


def _references(
    photos: Sequence[Float32[np.ndarray, "_ _ 3"]], upscaler: Upscaler
) -> Cropped | None:
    if not photos:
        return None
    check_matches_photos(
        upscaler,
        "--reference",
        found=f"{len(photos)} photos that nothing aligns,",
        remedy="leave --reference out",
    )
    planes = [torch.from_numpy(one).permute(2, 0, 1).contiguous() for one in photos]
    return Cropped(photos=planes)
