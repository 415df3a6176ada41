"""Gaussian windows over the planes of a tile."""

from functools import lru_cache

import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional

MATRIX_LIMIT = 384  # planes larger than this are blurred tap by tap


def blur(plane: Float[Tensor, "n c h w"], sigma: float) -> Float[Tensor, "n c h w"]:
    """Blur by a Gaussian cut off at three sigma; the border is repeated."""
    if max(plane.shape[2:]) > MATRIX_LIMIT:
        return _summed(_summed(plane, sigma, 2), sigma, 3)
    down = _blur_matrix(plane.shape[2], sigma).to(plane.device)
    across = _blur_matrix(plane.shape[3], sigma).to(plane.device)
    # Two dense products beat sums of shifted planes where planes are small.
    return down @ plane @ across.T


def blur_of_noise(plane: Float[Tensor, "n c h w"], sigma: float) -> Float[Tensor, "n c h w"]:
    """Blur by the same Gaussian, by as much stronger as white noise needs to keep its variance."""
    return blur(plane, sigma) / float(_taps(sigma).square().sum())


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # it is kept, and may be asked for again where gradients are wanted
def _blur_matrix(size: int, sigma: float) -> Float32[Tensor, "n n"]:
    taps = _taps(sigma)
    reach = len(taps) // 2
    matrix = torch.zeros(size, size)
    rows = torch.arange(size)
    for offset in range(-reach, reach + 1):
        columns = (rows + offset).clamp(0, size - 1)
        matrix.index_put_((rows, columns), taps[offset + reach].expand(size), accumulate=True)
    return matrix


def _taps(sigma: float) -> Float32[Tensor, " t"]:
    reach = max(1, round(3 * sigma))
    offset = torch.arange(-reach, reach + 1, dtype=torch.float32)
    taps = torch.exp(-offset * offset / (2 * sigma * sigma))
    return taps / taps.sum()


def _summed(plane: Float[Tensor, "n c h w"], sigma: float, dim: int) -> Tensor:
    """Blur along one axis by adding up shifted planes: convolutions of single channels are slow."""
    taps = _taps(sigma).tolist()
    reach, size = len(taps) // 2, plane.shape[dim]
    margins = (0, 0, reach, reach) if dim == 2 else (reach, reach, 0, 0)
    wide = functional.pad(plane, margins, mode="replicate")
    total = wide.narrow(dim, reach, size) * taps[reach]
    for start, tap in enumerate(taps[:reach]):
        for at in (start, 2 * reach - start):
            total.add_(wide.narrow(dim, at, size), alpha=tap)
    return total
