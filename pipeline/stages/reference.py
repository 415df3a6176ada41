"""A photo brought to a tile: warped into its texels, or cropped around what it shows of it."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, Int64
from torch import Tensor
from torch.nn import functional

from texsr.pipeline.camera import Camera
from texsr.pipeline.fit import ViewFit
from texsr.pipeline.pyramid import PhotoPyramid
from texsr.pipeline.references import Reference

MIN_WEIGHT = 1e-3  # below this a view says nothing
CROP_MARGIN = 0.1  # of the longer side of what is seen


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
    low, high = px.min(axis=0), px.max(axis=0)
    margin = CROP_MARGIN * float((high - low).max()) + 2.0
    left, top = np.maximum(np.floor(low - margin), 0).astype(int)
    right = int(min(np.ceil(high[0] + margin), camera.width_px))
    bottom = int(min(np.ceil(high[1] + margin), camera.height_px))
    cut = color[:, top:bottom, left:right].clone()
    invalid = ~torch.from_numpy(photo.valid[top:bottom, left:right])
    if bool(invalid.any()) and not bool(invalid.all()):
        cut[:, invalid] = cut[:, ~invalid].mean(dim=1, keepdim=True)
    return cut
