"""A photo brought to a tile: warped into its texels, or cropped around what it shows of it.

Crops are as photographed, or turned until they stand as the tile does.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, Int64
from torch import Tensor
from torch.nn import functional

from texsr.pipeline.camera import Camera
from texsr.pipeline.fit import ViewFit
from texsr.pipeline.pyramid import PhotoPyramid
from texsr.pipeline.references import PhotoPart, Reference
from texsr.pipeline.tile import Region
from texsr.pipeline.turn import Turn

MIN_WEIGHT = 1e-3  # below this a view says nothing
CROP_MARGIN = 0.1  # of the longer side of what is seen
PART_MARGIN_PX = 4  # texels are found up to two of them away from where they were thought to be


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TileSurface:
    """The surface under the covered high texels of a tile, in row-major order."""

    position: Float32[Tensor, "n 3"]  # world, relative to `origin`: single precision holds 1e-4 px
    origin: Float64[np.ndarray, " 3"]
    covered: Bool[Tensor, "H W"]
    texel: Int64[Tensor, " n"]  # flat indices of the covered texels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LowSight:
    """What one view sees of a tile, on its low texels; 0 where it sees nothing."""

    weight: Float32[np.ndarray, "h w"]  # feathered, [0, 1]
    cosine: Float32[np.ndarray, "h w"]
    px_per_texel: Float32[np.ndarray, "h w"]  # photo px per high texel
    covered: Bool[np.ndarray, "h w"]


def tile_surface(
    position: Float64[np.ndarray, "n 3"], covered: Bool[np.ndarray, "H W"]
) -> TileSurface:
    """Make the surface of a tile ready for many views."""
    origin = position.mean(axis=0)
    inside = torch.from_numpy(covered)
    return TileSurface(
        position=torch.from_numpy((position - origin).astype(np.float32)),
        origin=origin,
        covered=inside,
        texel=torch.nonzero(inside.reshape(-1))[:, 0],
    )


def warp(
    view_index: int,
    camera: Camera,
    fit: ViewFit,
    photo: PhotoPyramid,
    surface: TileSurface,
    sight: LowSight,
) -> Reference | None:
    """Resample a photo into the texels of a tile.

    Args:
        view_index: which view this is.
        camera: its camera.
        fit: its residual shift.
        photo: its pixels.
        surface: the high texels wanted.
        sight: what the view sees of the tile.

    Returns:
        None where it sees none of the high texels.
    """
    spread = _spread(sight, surface.covered.shape[0] // sight.weight.shape[0])
    flat = spread[:, surface.texel]
    chosen = torch.nonzero(flat[0] > MIN_WEIGHT)[:, 0]
    if len(chosen) == 0:
        return None
    px = _moved(_project(surface.position[chosen], surface.origin, camera), fit)
    texel = surface.texel[chosen]
    color = torch.zeros(3, surface.covered.numel())
    color[:, texel] = photo.sample(px, flat[1, chosen])
    weight = torch.zeros(surface.covered.numel())
    weight[texel] = flat[0, chosen]
    shape = surface.covered.shape
    prior = np.stack([sight.cosine, sight.px_per_texel])
    return Reference(
        view_index=view_index,
        color=color.reshape(3, *shape),
        weight=weight.reshape(shape),
        prior=torch.from_numpy(prior),
        part=_part(photo, px, texel, surface.covered),
    )


def _part(
    photo: PhotoPyramid, px: Float32[Tensor, "n 2"], texel: Tensor, covered: Bool[Tensor, "H W"]
) -> PhotoPart:
    """Cut out the pixels around those that texels lie on; nothing is copied."""
    height, width = photo.pixels.shape[1:]
    limits = torch.tensor([width, height])
    first = torch.minimum(px.amin(0).floor().long() - PART_MARGIN_PX, limits - 2).clamp_min(0)
    last = torch.minimum(px.amax(0).ceil().long() + PART_MARGIN_PX, limits)
    (left, top), (right, bottom) = first.tolist(), torch.maximum(last, first + 2).tolist()
    placed = torch.zeros(2, covered.numel())
    placed[:, texel] = (px - first).T
    return PhotoPart(
        pixels=photo.pixels[:, top:bottom, left:right], px=placed.reshape(2, *covered.shape)
    )


def _spread(sight: LowSight, scale: int) -> Float32[Tensor, "2 HW"]:
    """Weight and px per texel on high texels: averages over the seen low texels around each."""
    covered = sight.covered.astype(np.float32)
    seen = (sight.weight > 0).astype(np.float32)
    planes = torch.from_numpy(
        np.stack([sight.weight * covered, sight.px_per_texel * seen, covered, seen])
    )
    high = functional.interpolate(
        planes[None], scale_factor=float(scale), mode="bilinear", align_corners=False
    )[0]
    return (high[:2] / high[2:].clamp_min(1e-6)).reshape(2, -1)


def _project(
    position: Float32[Tensor, "n 3"], origin: Float64[np.ndarray, " 3"], camera: Camera
) -> Float32[Tensor, "n 2"]:
    """Project points that lie in front of the camera."""
    matrix = camera.px_from_world
    offset = matrix[:, :3] @ origin + matrix[:, 3]
    homogeneous = torch.addmm(
        torch.from_numpy(offset.astype(np.float32)),
        position,
        torch.from_numpy(np.ascontiguousarray(matrix[:, :3].T).astype(np.float32)),
    )
    return homogeneous[:, :2] / homogeneous[:, 2:]


def _moved(px: Float32[Tensor, "n 2"], fit: ViewFit) -> Float32[Tensor, "n 2"]:
    """`ViewFit.moved` for many points, bilinear on its grid."""
    rows, columns = fit.shift_px.shape[:2]
    size = torch.tensor([columns, rows], dtype=torch.float32) * fit.cell_px
    grid = px * (2.0 / size) - 1.0
    field = torch.from_numpy(fit.shift_px).permute(2, 0, 1)[None]
    shift = functional.grid_sample(
        field, grid[None, None], mode="bilinear", padding_mode="border", align_corners=False
    )
    return px + shift[0, :, 0].T


def crop(
    camera: Camera,
    photo: PhotoPyramid,
    position: Float64[np.ndarray, "n 3"],
    color: Float32[Tensor, "3 h w"],
) -> Float32[Tensor, "3 ch cw"]:
    """Cut from a photo the rectangle that shows some surface points, with a margin.

    For models that match without geometry.

    Args:
        camera: the view's.
        photo: its pixels; invalid ones become the mean colour, so that no background is matched.
        position: the points that the view sees, world.
        color: the photo's pixels.
    """
    px, _ = camera.project(position)
    frame = Region(x=0, y=0, width=camera.width_px, height=camera.height_px)
    rows, columns = box_around(px).intersected(frame).slices
    cut = color[:, rows, columns].clone()
    return without_invalid(cut, torch.from_numpy(photo.valid[rows, columns]))


def turned_crop(photo: PhotoPyramid, turn: Turn, box: Region) -> Float32[Tensor, "3 h w"]:
    """Resample a photo so that it stands as the tile does: one pixel of the crop is one texel.

    Perspective and curvature stay in. A photo finer than the texels is averaged first.

    Args:
        photo: its pixels; invalid ones, and what lies outside, become the mean colour.
        turn: from the photo's pixels to texels.
        box: the texels wanted; any part of the plane.
    """
    rows, columns = np.mgrid[0 : box.height, 0 : box.width]
    corner = np.array([box.x + 0.5, box.y + 0.5])
    px = turn.undone(np.stack([columns.ravel(), rows.ravel()], axis=1) + corner)
    finer = torch.full((box.area,), 1.0 / turn.tx_per_px)
    color = photo.sample(torch.from_numpy(px.astype(np.float32)), finer).clamp(0.0, 1.0)
    height, width = photo.valid.shape
    x, y = np.floor(px).astype(np.int64).T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    valid = np.zeros(box.area, bool)
    valid[inside] = photo.valid[y[inside], x[inside]]
    shape = box.height, box.width
    return without_invalid(color.reshape(3, *shape), torch.from_numpy(valid.reshape(shape)))


def box_around(points: Float64[np.ndarray, "n 2"], most: int | None = None) -> Region:
    """Give the box that a crop takes of some points: a tenth of its longer side more around.

    Args:
        points: (x, y).
        most: no side is longer; what is cut off lies farthest from the middle. None: no limit.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    margin = CROP_MARGIN * float((high - low).max()) + 2.0
    box = Region.around(np.stack([low - margin, high + margin]))
    if most is None:
        return box
    return Region(
        x=box.x + max(box.width - most, 0) // 2,
        y=box.y + max(box.height - most, 0) // 2,
        width=min(box.width, most),
        height=min(box.height, most),
    )


def without_invalid(
    color: Float32[Tensor, "3 h w"], valid: Bool[Tensor, "h w"]
) -> Float32[Tensor, "3 h w"]:
    """Give invalid pixels the mean colour of the others."""
    if bool(valid.all()) or not bool(valid.any()):
        return color
    return torch.where(valid, color, color[:, valid].mean(dim=1)[:, None, None])
