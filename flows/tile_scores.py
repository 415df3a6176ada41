"""Tiles of texture maps restored and scored, map by map.

PSNR-Y and SSIM-Y on the mask by the rules of `measure`. Inside a map squared errors and
similarities are added up over its tiles; over maps the plain mean is taken.
"""

from collections.abc import Callable, Iterable, Sequence
from statistics import fmean
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from texsr.pipeline.color import to_float, to_integer
from texsr.pipeline.dataset import Rgb, TilePixels
from texsr.pipeline.resample import resize
from texsr.pipeline.stages.measure import Score, measure

Enlarge = Callable[[TilePixels], Rgb]
Tile = TypeVar("Tile")
PEAK = 255.0  # of Y


def spread(tiles: Sequence[Tile], most: int | None) -> list[Tile]:
    """Take at most so many tiles, evenly apart, the first and the last among them; None: all.

    Of one alone the middle is taken.
    """
    if most is None or len(tiles) <= most:
        return list(tiles)
    if most == 1:
        return [tiles[len(tiles) // 2]]
    return [tiles[round(index * (len(tiles) - 1) / (most - 1))] for index in range(most)]


def planes(stored: Rgb) -> Float32[Tensor, "3 h w"]:
    """Give stored pixels as planes in [0, 1]."""
    return torch.from_numpy(to_float(stored)).permute(2, 0, 1).contiguous()


def stored_like(high: Float32[Tensor, "3 H W"], truth: Rgb) -> Rgb:
    """Give an answer in the depth of its truth."""
    return to_integer(high.permute(1, 2, 0).contiguous().cpu().numpy(), truth.dtype)


def bicubic(pixels: TilePixels) -> Rgb:
    """Enlarge a low tile to the size of its truth, as Pillow does."""
    height, width = pixels.truth.shape[:2]
    high = resize(to_float(pixels.low), height=height, width=width)
    return to_integer(high, pixels.truth.dtype)


def score_tiles(enlarge: Enlarge, tiles: Iterable[TilePixels]) -> Score:
    """Score what enlarges on the tiles of one map together.

    Raises:
        CaptureError: an answer is not as large as its truth, or a mask is empty.
    """
    found: list[tuple[Score, int]] = []
    for pixels in tiles:
        with torch.inference_mode():
            scores = measure(enlarge(pixels), pixels.truth, pixels.mask)
        found.append((scores.result, scores.num_texels))
    return pooled(found)


def pooled(scores: Sequence[tuple[Score, int]]) -> Score:
    """Put the scores of tiles together, each with how many texels it was taken on."""
    count = sum(num for _, num in scores)
    squared = sum(PEAK**2 * 10 ** (-score.psnr_y / 10) * num for score, num in scores)
    psnr = 10 * np.log10(PEAK**2 * count / squared) if squared else float("inf")
    return Score(psnr_y=float(psnr), ssim_y=sum(one.ssim_y * num for one, num in scores) / count)


def averaged(scores: Sequence[Score]) -> Score:
    """Give the plain mean."""
    return Score(
        psnr_y=fmean(one.psnr_y for one in scores), ssim_y=fmean(one.ssim_y for one in scores)
    )
