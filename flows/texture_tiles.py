"""Tiles of an atlas with a known answer, and crops of the photos that show them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import final

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, Int64, UInt8
from torch import Tensor

from texsr.flows.scene import Scene
from texsr.pipeline.camera import Camera
from texsr.pipeline.capture import Photo
from texsr.pipeline.color import to_integer
from texsr.pipeline.dataset import Rgb, TextureMapSettings, TilePixels
from texsr.pipeline.pyramid import PhotoPyramid
from texsr.pipeline.stages.load import load_photo
from texsr.pipeline.stages.rasterize import rasterize
from texsr.pipeline.stages.reference import box_around, crop, turned_crop
from texsr.pipeline.stages.visibility import SurfacePoints, footprints, look
from texsr.pipeline.tile import Region, plan_tiles
from texsr.pipeline.turn import fit_turn

MIN_SHOWS = 0.02  # of a tile's charted texels that a crop has to show
MIN_CROP_PX = 16
WORTH_AGAIN = 0.5  # what showing a texel once more is worth, each time
WINDOW_SLACK, WINDOW_SLACK_PX = 0.25, 8  # around what is seen: more than a crop takes
MOST_TILES = 2  # sides of a tile that a side of a turned crop has at most
PHOTO_BYTES = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChartSight:
    """What one view sees of one chart of a tile."""

    view_index: int
    point: Int64[np.ndarray, " n"]  # rows of the tile's surface points
    px: Float64[np.ndarray, "n 2"]
    value: Float32[np.ndarray, " n"]  # how well each is seen, (0, 1]


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
        usable = partial(self._unmasked, fewest=MIN_SHOWS * num_points)
        most = self.settings.max_references
        texel = self._texels(points)
        for sight in choose_sights(self._sights(points), num_points, most, usable):
            if self.settings.turned:
                color = self._turned(sight, texel[sight.point])
            else:
                color = self._as_photographed(sight, points.position[sight.point])
            stored = to_integer(color.permute(1, 2, 0).contiguous().numpy(), np.dtype(np.uint8))
            yield sight.view_index, len(sight.point) / num_points, stored

    def _texels(self, points: SurfacePoints) -> Float64[np.ndarray, "n 2"]:
        """Where points lie on the truth; (x, y)."""
        row, column = np.nonzero(points.texels.covered)
        region = points.texels.region
        return (np.stack([column + region.x, row + region.y], axis=1) + 0.5) * self.scale

    def _sights(self, points: SurfacePoints) -> list[ChartSight]:
        """Find what each view sees of each chart of a tile; photos and masks are not looked at."""
        chart = self.scene.capture.surface.charts.chart_id[points.face_id]
        sights: list[ChartSight] = []
        for index, camera in enumerate(self.scene.cameras):
            sight = look(points, camera, self.scene.caster)
            seen = np.flatnonzero(sight.seen)
            if len(seen) < MIN_SHOWS * len(chart):
                continue
            density = footprints(self.scene.mesh, points.face_id[seen], self.uv_areas_tx, camera)
            value = sight.cosine[seen] * np.minimum(density, np.float32(1.0))
            for own in np.unique(chart[seen]):
                of_chart = chart[seen] == own
                if of_chart.sum() >= MIN_SHOWS * len(chart):
                    row = seen[of_chart]
                    sights.append(
                        ChartSight(
                            view_index=index, point=row, px=sight.px[row], value=value[of_chart]
                        )
                    )
        return sights

    def _unmasked(self, sight: ChartSight, *, fewest: float) -> ChartSight | None:
        """Take off what lies on invalid pixels; None where too little is left for a reference."""
        valid = self._photo(sight.view_index).valid
        column, row = sight.px.astype(np.int64).T
        keep = valid[row, column]
        px = sight.px[keep]
        if len(px) < max(fewest, 1) or float(np.ptp(px, axis=0).min()) < MIN_CROP_PX:
            return None
        return ChartSight(
            view_index=sight.view_index, point=sight.point[keep], px=px, value=sight.value[keep]
        )

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
        turn = fit_turn(sight.px, texel)
        most_tx = MOST_TILES * self.settings.low_tile_tx * self.scale
        box = box_around(turn.applied(sight.px), most_tx)
        window = _window(turn.undone(box.corners), self.scene.cameras[sight.view_index])
        near = PhotoPyramid(self._within(sight.view_index, window))
        return turned_crop(near, turn.counted_from(window.x, window.y), box)

    def _within(self, view_index: int, window: Region) -> Photo:
        photo = self._photo(view_index)
        return Photo(color=photo.color[window.slices], valid=photo.valid[window.slices])


def choose_sights(
    sights: list[ChartSight],
    num_points: int,
    most: int,
    usable: Callable[[ChartSight], ChartSight | None],
) -> list[ChartSight]:
    """Choose what shows most of a tile; each time a texel is shown, showing it again is worth less.

    Args:
        sights: all there are.
        num_points: charted texels of the tile.
        most: how many to choose.
        usable: asked of a sight when its turn comes: what is left of it, or None.
    """
    want = np.ones(num_points, np.float32)
    free, chosen = list(sights), list[ChartSight]()
    while free and len(chosen) < most:
        best = max(
            range(len(free)), key=lambda i: float((free[i].value * want[free[i].point]).sum())
        )
        left = usable(free.pop(best))
        if left is not None:
            want[left.point] *= np.float32(WORTH_AGAIN)
            chosen.append(left)
    return chosen


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
