"""Pictures drawn for tests of networks."""

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor


def picture(seed: int, height: int, width: int) -> Float32[Tensor, "3 h w"]:
    """Draw noise, [0, 1]: no two places are alike."""
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(3, height, width, generator=rng)


def most_alike_db(wanted: np.ndarray, crop: np.ndarray) -> float:
    """PSNR of what is wanted beside the most similar place of a crop; both 0 to 255, h w 3."""
    lack = [max(0, size - have) for size, have in zip(wanted.shape[:2], crop.shape, strict=False)]
    crop = np.pad(crop, ((0, lack[0]), (0, lack[1]), (0, 0)))
    places = np.lib.stride_tricks.sliding_window_view(crop, wanted.shape)
    least = min(float(((one - wanted) ** 2).mean()) for row in places for one in row[:, 0])
    return 10 * np.log10(255**2 / least)
