"""Tiles of an atlas with a known answer, and crops of the photos that show them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import final

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, UInt8
from torch import Tensor

from texsr.flows.chart_sights import (
    ChartSight,
    chart_sights,
    choose_sights,
    stood,
    texels_under,
    unmasked,
)
from texsr.flows.scene import Scene
from texsr.pipeline.camera import Camera
from texsr.pipeline.capture import Photo
from texsr.pipeline.color import to_integer
from texsr.pipeline.dataset import Rgb, TextureMapSettings, TilePixels
from texsr.pipeline.pyramid import PhotoPyramid
from texsr.pipeline.stages.load import load_photo
from texsr.pipeline.stages.rasterize import rasterize
from texsr.pipeline.stages.reference import crop, turned_crop
from texsr.pipeline.tile import Region, plan_tiles

WINDOW_SLACK, WINDOW_SLACK_PX = 0.25, 8  # around what is seen: more than a crop takes
PHOTO_BYTES = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CutTile:
    """A tile and where its references come from."""

    box: Region  # truth texels
    mask_share: float
    pixels: TilePixels
    views: tuple[str, ...]  # of the references
    shows: tuple[float, ...]  # share of the charted texels that each shows


@final
class TileCutter:
    """Cuts the tiles of a capture with one atlas and a truth."""

    def __init__(
        self, scene: Scene, truth: Rgb, mask: Bool[np.ndarray, "H W"], settings: TextureMapSettings
    ) -> None:
        """Take a capture, and the truth of its atlas: a whole number of times as large."""
        self.scene, self.truth, self.mask, self.settings = scene, truth, mask, settings
        self.atlas = scene.capture.surface.atlases[0]
        self.scale = truth.shape[0] // self.atlas.height_tx
        self.uv_areas_tx = scene.uv_areas * float(truth.shape[0] * truth.shape[1])
        self._photo = lru_cache(maxsize=_photos_held(scene.cameras))(self._load)

    def regions(self) -> list[Region]:
        """List the low regions of the tiles worth cutting: whole ones, inside the mask enough."""
        side = self.settings.low_tile_tx
        tiles = plan_tiles(self.atlas.height_tx, self.atlas.width_tx, size_tx=side, overlap_tx=0)
        return [
            tile.core
            for tile in tiles
            if tile.core.area == side * side
            and self._mask_share(tile.core) >= max(self.settings.min_mask_share, 1e-9)
        ]

    def cut(self, region: Region) -> CutTile:
        """Cut one tile, and the crops of photos that show most of it."""
        box = region.scaled(self.scale)
        low = to_integer(self.atlas.color(region), self.atlas.stored.dtype)
        chosen = list(self._crops(region))
        return CutTile(
            box=box,
            mask_share=self._mask_share(region),
            pixels=TilePixels(
                low=low,
                truth=np.ascontiguousarray(self.truth[box.slices]),
                mask=self.mask[box.slices],
                references=tuple(color for _, _, color in chosen),
            ),
            views=tuple(self.scene.capture.views[index].name for index, _, _ in chosen),
            shows=tuple(share for _, share, _ in chosen),
        )

    def _mask_share(self, region: Region) -> float:
        return float(self.mask[region.scaled(self.scale).slices].mean())

    def _load(self, view_index: int) -> Photo:
        capture = self.scene.capture
        return load_photo(capture.views[view_index], mask_erosion_px=capture.mask_erosion_px)

    def _crops(self, region: Region) -> Iterator[tuple[int, float, UInt8[np.ndarray, "_ _ 3"]]]:
        """Give view, share shown and pixels of each reference of a tile, the best first."""
        size = (self.atlas.height_tx, self.atlas.width_tx)
        points = self.scene.points(rasterize(self.scene.capture.surface, 0, size, region))
        num_points = len(points.position)
        usable = partial(self._unmasked, num_points=num_points)
        most = self.settings.max_references
        texel = texels_under(points, self.scale)
        everyone = range(len(self.scene.cameras))
        sights = chart_sights(self.scene, points, self.uv_areas_tx, everyone)
        for sight in choose_sights(sights, num_points, most, usable):
            if self.settings.turned:
                color = self._turned(sight, texel)
            else:
                color = self._as_photographed(sight, points.position[sight.point])
            stored = to_integer(color.permute(1, 2, 0).contiguous().numpy(), np.dtype(np.uint8))
            yield sight.view_index, len(sight.point) / num_points, stored

    def _unmasked(self, sight: ChartSight, num_points: int) -> ChartSight | None:
        return unmasked(sight, self._photo(sight.view_index).valid, num_points=num_points)

    def _as_photographed(
        self, sight: ChartSight, position: Float64[np.ndarray, "n 3"]
    ) -> Float32[Tensor, "3 _ _"]:
        """Cut a crop; only its surroundings are turned into floats, not the whole photo."""
        camera = self.scene.cameras[sight.view_index]
        window = _window(sight.px, camera)
        near = self._within(sight.view_index, window)
        color = torch.from_numpy(np.array(near.color)).permute(2, 0, 1).float() / 255.0
        cropped = camera.cropped(x=window.x, y=window.y, width=window.width, height=window.height)
        return crop(cropped, PhotoPyramid(near), position, color)

    def _turned(
        self, sight: ChartSight, texel: Float64[np.ndarray, "n 2"]
    ) -> Float32[Tensor, "3 _ _"]:
        """Cut a crop that stands as the tile does, a pixel a texel of the truth."""
        turn, box = stood(sight, texel, self.settings.low_tile_tx * self.scale)
        window = _window(turn.undone(box.corners), self.scene.cameras[sight.view_index])
        near = PhotoPyramid(self._within(sight.view_index, window))
        return turned_crop(near, turn.counted_from(window.x, window.y), box)

    def _within(self, view_index: int, window: Region) -> Photo:
        photo = self._photo(view_index)
        return Photo(color=photo.color[window.slices], valid=photo.valid[window.slices])


def _window(px: Float64[np.ndarray, "n 2"], camera: Camera) -> Region:
    low, high = px.min(axis=0), px.max(axis=0)
    slack = WINDOW_SLACK * float((high - low).max()) + WINDOW_SLACK_PX
    x, y = np.floor(low - slack).astype(int).tolist()
    right, bottom = np.ceil(high + slack).astype(int).tolist()
    frame = Region(x=0, y=0, width=camera.width_px, height=camera.height_px)
    return Region(x=x, y=y, width=right - x, height=bottom - y).intersected(frame)


def _photos_held(cameras: list[Camera]) -> int:
    """How many photos and masks fit the budget."""
    largest = max((camera.width_px * camera.height_px for camera in cameras), default=1)
    return max(1, PHOTO_BYTES // (4 * largest))
