"""A photo brought to a tile: warped into its texels, or cropped around what it shows of it."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64
from torch import Tensor
from torch.nn import functional

from texsr.pipeline.camera import Camera
from texsr.pipeline.fit import ViewFit
from texsr.pipeline.pyramid import PhotoPyramid
from texsr.pipeline.references import Reference

CROP_MARGIN = 0.1  # of the longer side of what is seen


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeenTexels:
    """What one view sees of a tile, on its low texels."""

    weight: Float32[np.ndarray, "h w"]  # feathered, [0, 1]
    cosine: Float32[np.ndarray, "h w"]
    covered: Bool[np.ndarray, "h w"]


def spread(seen: SeenTexels, scale: int) -> tuple[Float32[Tensor, "H W"], Float32[Tensor, "H W"]]:
    """Bring weight and cosine to high texels: averages of the covered low texels around each.

    Returns:
        Weight, cosine.
    """
    covered = torch.from_numpy(seen.covered.astype(np.float32))
    planes = torch.stack(
        [
            torch.from_numpy(seen.weight) * covered,
            torch.from_numpy(seen.cosine) * covered,
            covered,
        ]
    )
    high = functional.interpolate(
        planes[None], scale_factor=float(scale), mode="bilinear", align_corners=False
    )[0]
    weight, cosine = high[:2] / high[2].clamp_min(1e-6)
    return weight.clamp(0.0, 1.0), cosine.clamp(0.0, 1.0)


def warp(
    view_index: int,
    camera: Camera,
    fit: ViewFit,
    photo: PhotoPyramid,
    position: Float64[np.ndarray, "n 3"],
    covered: Bool[Tensor, "H W"],
    px_per_texel: Float32[np.ndarray, " n"],
    weight: Float32[Tensor, "H W"],
    cosine: Float32[Tensor, "H W"],
) -> Reference:
    """Resample a photo into the texels of a tile.

    Args:
        view_index: which view this is.
        camera: its camera.
        fit: its residual shift.
        photo: its pixels.
        position: world positions of the covered texels, row-major.
        covered: which texels those are.
        px_per_texel: of the covered texels.
        weight: how much the view counts; nothing is sampled where it is 0.
        cosine: of the view angle.
    """
    flat_weight = weight[covered]
    chosen = torch.nonzero(flat_weight > 1e-3)[:, 0]
    rows = chosen.numpy()
    px, _ = camera.project(position[rows])
    sampled = photo.sample(fit.moved(px), px_per_texel[rows])
    texel = torch.nonzero(covered.reshape(-1))[:, 0]
    color = torch.zeros(covered.numel(), 3)
    color[texel[chosen]] = sampled
    resolution = torch.zeros(covered.numel())
    resolution[texel] = torch.from_numpy(px_per_texel)
    shape = covered.shape
    return Reference(
        view_index=view_index,
        color=color.T.reshape(3, *shape),
        weight=torch.where(covered & (weight > 1e-3), weight, 0.0),
        cosine=cosine,
        px_per_texel=resolution.reshape(shape),
    )


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
