"""The likeness of all patches of a query to all patches of keys, one by one."""

import torch
from torch import Tensor


def similarities(query: Tensor, keys: Tensor) -> Tensor:
    """Cosines of every patch of three by three sites with every other (p*q x r*s), in float64."""

    def patches(features: Tensor) -> list[Tensor]:
        height, width = features.shape[1:]
        return [
            features[:, y : y + 3, x : x + 3].double().flatten()
            for y in range(height - 2)
            for x in range(width - 2)
        ]

    table = torch.zeros(len(patches(query)), len(patches(keys)), dtype=torch.float64)
    for i, one in enumerate(patches(query)):
        for j, other in enumerate(patches(keys)):
            norms = float(one.norm()) * float(other.norm())
            table[i, j] = 0.0 if norms == 0.0 else float(one @ other) / norms
    return table
