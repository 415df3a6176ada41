"""CiaoSR's head written out: sampled by grids, inner attention made for every group of points."""

import torch
from torch import Tensor
from torch.nn import functional

from texsr.models.ciaosr import Ciaosr, CrossScale, points_of

GROUP = 30_000  # the authors'


def inner(module: CrossScale, features: Tensor) -> Tensor:
    """The cross-scale attention as convolutions by the image's own patches; even sizes."""
    half = functional.interpolate(features, scale_factor=0.5, mode="bilinear")
    keys = functional.unfold(module.key(half), 3, padding=1)[0].T
    keys = keys.view(len(keys), -1, 3, 3)
    keys = keys / keys.flatten(1).norm(dim=1).clamp_min(1e-4)[:, None, None, None]
    scores = functional.conv2d(module.query(features), keys, padding=1)
    share = torch.softmax(10.0 * scores, dim=1)
    patches = functional.unfold(module.value(features), 6, stride=2, padding=2)[0].T
    patches = patches.view(len(patches), -1, 6, 6)
    return module.down(functional.conv_transpose2d(share, patches, stride=2, padding=2)) / 6.0


def sample(plane: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Take the nearest of a plane (1 c h w) at points: n c."""
    grid = torch.stack([x, y], dim=1)[None, None]
    return functional.grid_sample(plane, grid, mode="nearest", align_corners=False)[0, :, 0].T


def restore(network: Ciaosr, low: Tensor, height: int, width: int) -> Tensor:
    """Give what the network gives for one image (1 3 h w)."""
    h, w = low.shape[2:]
    head = network.head
    mean = torch.tensor([0.4488, 0.4371, 0.4040]).view(1, 3, 1, 1)
    features = network.trunk(low - mean)
    points = points_of(height, width)
    groups = []
    for start in range(0, len(points.y), GROUP):
        y, x, cell = points.part(start, start + GROUP)
        unfolded = functional.unfold(features, 3, padding=1).view(1, -1, h, w)
        both = torch.cat([unfolded, inner(head.inner, features)], dim=1)
        rows = torch.arange(h).float().add(0.5).mul(2 / h).sub(1)
        columns = torch.arange(w).float().add(0.5).mul(2 / w).sub(1)
        centres = torch.stack([rows[:, None].expand(h, w), columns.expand(h, w)])[None]
        query = sample(unfolded, y, x)
        scores, values = [], []
        for vy in (-1, 1):
            for vx in (-1, 1):
                at_y = (y + vy * (1 - cell[0]) / max(1, h - 1) + 1e-6).clamp(-1 + 1e-6, 1 - 1e-6)
                at_x = (x + vx * (1 - cell[1]) / max(1, w - 1) + 1e-6).clamp(-1 + 1e-6, 1 - 1e-6)
                centre = sample(centres, at_y, at_x)
                told = torch.stack(
                    [
                        (y - centre[:, 0]) * h,
                        (x - centre[:, 1]) * w,
                        torch.full_like(y, cell[0] * h),
                        torch.full_like(y, cell[1] * w),
                    ],
                    dim=1,
                )
                key, value = sample(unfolded, at_y, at_x), sample(both, at_y, at_x)
                scores.append((query * key * head.key(torch.cat([key, told], 1))).sum(1))
                values.append(value * head.value(torch.cat([value, told], 1)))
        share = torch.softmax(torch.stack(scores), dim=0)[..., None]
        color = head.color((share * torch.stack(values)).sum(0))
        grid = torch.stack([x, y], dim=1)[None, None]
        base = functional.grid_sample(low, grid, padding_mode="border", align_corners=False)
        groups.append(color.T + base[0, :, 0])
    return torch.cat(groups, dim=1).view(1, 3, height, width)
