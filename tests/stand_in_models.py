"""A model that stands in for the shipped ones: it enlarges, and multiplies by what was trained."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from texsr.models.checkpoint import Checkpoint, write_checkpoint
from texsr.models.networks import Architecture
from texsr.models.protocol import Upscaled
from texsr.models.resample import enlarge

FACTS: dict[str, Any] = {
    "about": "A stand-in that\nmultiplies.",
    "data": [
        {"name": "oak | bark", "licence": "CC0", "source": "https://a.example", "use": "patches"}
    ],
    "recipe": {"steps": 1000, "rate": 2.5e-4, "crop": [64, 64]},
    "commit": "0123abc",
    "limits": ["Only tested on jars.", "Multiplies."],
    "headline": "+1.31 dB over\nthe best of three",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorConfig:
    width: int = 4


class Factor(nn.Module):
    def __init__(self, config: FactorConfig) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(config.width))


class FactorUpscaler:
    scales = (2, 4)
    overlap_tx = 4
    max_references: int | None = 3

    def __init__(self, network: Factor, name: str) -> None:
        self.network, self.name = network, name

    def bytes_per_texel(self, num_references: int, scale: int) -> int:
        return 40

    def fitted(self, samples: object, scale: int) -> "FactorUpscaler":
        return self

    def __call__(self, low: Tensor, references: object, scale: int) -> Upscaled:
        high = enlarge(low, scale) * self.network.factor.mean()
        return Upscaled(high, high[:, :1].clamp(0, 1), high[:, :1].clamp(0, 1))


FACTOR = Architecture(config=FactorConfig, network=Factor, upscaler=FactorUpscaler)


def put_factor(home: Path, factor: float = 0.5, facts: dict[str, Any] = FACTS) -> Path:
    config = FactorConfig()
    weights = {"factor": torch.full((config.width,), factor)}
    checkpoint = Checkpoint(
        architecture="factor", config=asdict(config), weights=weights, facts=facts
    )
    write_checkpoint(home, checkpoint)
    return home
