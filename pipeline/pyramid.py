"""A photo at several resolutions, sampled at scattered pixels without aliasing."""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import final

import numpy as np
import torch
from jaxtyping import Bool, Float32, UInt8
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from texsr.pipeline.capture import Photo
from texsr.pipeline.spline import sample_spline

MIN_FINER = 1.15  # photo px per texel above which a photo is reduced before it is sampled


@final
class PhotoPyramid:
    """A photo and its halves. Level l has photo pixels of 2^l x 2^l."""

    def __init__(self, photo: Photo) -> None:
        self.valid: Bool[np.ndarray, "h w"] = photo.valid
        color = torch.from_numpy(_without_background(photo))
        self._levels: list[UInt8[Tensor, "3 h w"]] = [color.permute(2, 0, 1).contiguous()]
        self._lock = threading.Lock()

    @property
    def pixels(self) -> UInt8[Tensor, "3 h w"]:
        """The full photo, as stored; invalid pixels are like the nearest valid one."""
        return self._levels[0]

    @property
    def size_bytes(self) -> int:
        """Memory held, with all the levels that may come."""
        return int(self._levels[0].numel() * 4 / 3) + self.valid.nbytes

    def luma(self) -> Float32[np.ndarray, "h w"]:
        """Luma in [0, 1] of the full photo."""
        weights = torch.tensor([0.299, 0.587, 0.114]) / 255.0
        return torch.einsum("c,chw->hw", weights, self._levels[0].float()).numpy()

    def sample(
        self, px: Float32[Tensor, "n 2"], px_per_texel: Float32[Tensor, " n"]
    ) -> Float32[Tensor, "3 n"]:
        """Sample at pixels, by cubic splines; photos finer than the texels are averaged first.

        Args:
            px: (x, y) on the full photo; pixel (0, 0) is centred at (0.5, 0.5).
            px_per_texel: how many photo px a texel spans, per axis.
        """
        if len(px) == 0 or float(px_per_texel.max()) <= MIN_FINER:
            return self._at(0, px)
        # 0 up to MIN_FINER, then on a straight path to 1 at 2 px: what a texel gets depends on
        # itself alone.
        start = torch.log2(px_per_texel / MIN_FINER).clamp_min(0.0) / math.log2(2.0 / MIN_FINER)
        lod = torch.where(px_per_texel < 2.0, start, torch.log2(px_per_texel.clamp_min(1.0)))
        color = torch.zeros(3, len(px))
        for level in range(int(float(lod.max())) + 2):
            share = (1.0 - (lod - level).abs()).clamp_min(0.0)
            chosen = torch.nonzero(share > 0)[:, 0]
            if len(chosen) == len(px):
                color.addcmul_(self._at(level, px), share)
            elif len(chosen):
                color.index_add_(1, chosen, self._at(level, px[chosen]) * share[chosen])
        return color

    def _level(self, level: int) -> UInt8[Tensor, "3 h w"]:
        with self._lock:
            while len(self._levels) <= level and min(self._levels[-1].shape[1:]) > 1:
                finer = self._levels[-1].float()[None]
                half = functional.avg_pool2d(finer, 2, ceil_mode=True, count_include_pad=False)
                self._levels.append(half[0].round().to(torch.uint8))
        return self._levels[min(level, len(self._levels) - 1)]

    def _at(self, level: int, px: Float32[Tensor, "n 2"]) -> Float32[Tensor, "3 n"]:
        """Sample one level."""
        return sample_spline(self._level(level), px * (0.5**level))


def _without_background(photo: Photo) -> UInt8[np.ndarray, "h w 3"]:
    """Replace invalid pixels by the nearest valid one: no filter mixes background in."""
    if photo.valid.all() or not photo.valid.any():
        return np.array(photo.color)
    nearest = ndimage.distance_transform_edt(
        ~photo.valid, return_distances=False, return_indices=True
    )
    rows, columns = np.asarray(nearest)
    return photo.color[rows, columns]


@final
class PhotoStore:
    """Photos by view index, loaded when wanted; the least used go when the budget is spent."""

    def __init__(self, load: Callable[[int], Photo], *, budget_bytes: int) -> None:
        self._load, self._budget = load, budget_bytes
        self._held: OrderedDict[int, PhotoPyramid] = OrderedDict()
        self._lock = threading.Lock()

    def __getitem__(self, view_index: int) -> PhotoPyramid:
        with self._lock:
            if view_index in self._held:
                self._held.move_to_end(view_index)
                return self._held[view_index]
            pyramid = PhotoPyramid(self._load(view_index))
            self._held[view_index] = pyramid
            while len(self._held) > 1 and self._total() > self._budget:
                self._held.popitem(last=False)
            return pyramid

    def _total(self) -> int:
        return sum(pyramid.size_bytes for pyramid in self._held.values())
