"""Pictures drawn for tests of networks."""

import torch
from jaxtyping import Float32
from torch import Tensor


def picture(seed: int, height: int, width: int) -> Float32[Tensor, "3 h w"]:
    """Draw noise, [0, 1]: no two places are alike."""
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(3, height, width, generator=rng)
