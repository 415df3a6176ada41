"""Calls that the benchmarks of speed time: of the network, of all of a tile, of its rivals."""

from collections.abc import Callable

import torch
from network_common import SCALE
from torch import Tensor

from texsr.models.ahead import unfolded
from texsr.models.alignment import align
from texsr.models.texsr_upscaler import TexsrUpscaler
from texsr.pipeline.references import Warped

NUM_REFERENCES = 4


def tile_input(height: int, width: int, seed: int = 0) -> tuple[Tensor, Warped]:
    """Draw a tile with four references that see most of it."""
    rng = torch.Generator().manual_seed(seed)
    big = NUM_REFERENCES, height * SCALE, width * SCALE
    weight = torch.rand(1, *big, generator=rng)
    weight = torch.where(weight > 0.2, weight, 0.0)
    color = torch.rand(1, big[0], 3, *big[1:], generator=rng) * (weight > 0)[:, :, None]
    prior = torch.rand(1, NUM_REFERENCES, 2, height, width, generator=rng)
    trust = torch.full((1, NUM_REFERENCES), 0.8)
    low = torch.rand(1, 3, height, width, generator=rng)
    return low, Warped(color=color, weight=weight, prior=prior, trust=trust)


def told_before(upscaler: TexsrUpscaler, height: int, width: int) -> Tensor:
    """Give what stands for all that was said of the atlas alone, before its tiles."""
    planes = upscaler.single_planes(SCALE)
    draw = torch.Generator().manual_seed(0)
    return torch.rand(1, planes, height * SCALE, width * SCALE, generator=draw)


def network_call(
    upscaler: TexsrUpscaler, *, again: bool
) -> Callable[[int, int], Callable[[], object]]:
    """Give the network, as a run asks it, on references already in the light of the atlas.

    Args:
        upscaler: the network.
        again: photos are coarse, and looked at twice where the network does so.
    """
    looks = (False, True) if again and SCALE in upscaler.network.config.looks_again else (False,)

    def at(height: int, width: int) -> Callable[[], object]:
        low, references = tile_input(height, width)
        aligned = align(low, references, SCALE)
        config = upscaler.network.config
        planes = told_before(upscaler, height, width)
        ahead = unfolded(planes, SCALE, width=config.width, turns=config.turns)

        def ask() -> None:
            begun = None
            for second in looks:
                asked = {"ahead": ahead, "again": second, "begun": begun}
                begun = upscaler.network.answered(low, aligned, SCALE, **asked).begun

        return ask

    return at


def whole_call(upscaler: TexsrUpscaler) -> Callable[[int, int], Callable[[], object]]:
    """Give all that happens to a tile."""

    def at(height: int, width: int) -> Callable[[], object]:
        low, references = tile_input(height, width)
        planes = told_before(upscaler, height, width)
        return lambda: upscaler(low, references, SCALE, planes)

    return at


def single_call(
    network: Callable[[Tensor], Tensor],
) -> Callable[[int, int], Callable[[], Tensor]]:
    """Give a network that looks at the atlas alone."""

    def at(height: int, width: int) -> Callable[[], Tensor]:
        low = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
        return lambda: network(low)

    return at
