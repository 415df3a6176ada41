"""Pictures drawn for tests of networks."""

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor


def picture(seed: int, height: int, width: int) -> Float32[Tensor, "3 h w"]:
    """Draw noise, [0, 1]: no two places are alike."""
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(3, height, width, generator=rng)


def printed(seed: int, height: int, width: int, cell: int = 5) -> Float32[Tensor, "3 h w"]:
    """Draw edges at random places, as print has them; spots are about as large as a cell."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, height // cell + 2, width // cell + 2, generator=rng)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")[0]
    return 0.2 + 0.6 * (smooth > 0.5).float()


def most_alike_db(wanted: np.ndarray, crop: np.ndarray) -> float:
    """PSNR of what is wanted beside the most similar place of a crop; both 0 to 255, h w 3."""
    lack = [max(0, size - have) for size, have in zip(wanted.shape[:2], crop.shape, strict=False)]
    crop = np.pad(crop, ((0, lack[0]), (0, lack[1]), (0, 0)))
    places = np.lib.stride_tricks.sliding_window_view(crop, wanted.shape)
    least = min(float(((one - wanted) ** 2).mean()) for row in places for one in row[:, 0])
    return 10 * np.log10(255**2 / least)
