"""Models that stand in for the shipped ones: they enlarge, and multiply by what was trained."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

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


@dataclass(frozen=True, slots=True, kw_only=True)
class TinyConfig:
    width: int
    gain: float = 1.0
    act: Literal["gelu", "relu"] = "gelu"
    norm: str | None = None
    residual: bool = True
    blocks: tuple[int, ...] = ()
    window: tuple[int, float] = (3, 0.5)

    def __post_init__(self) -> None:
        if self.width % 2:
            raise ValueError("width must be even")


class Tiny(nn.Module):
    def __init__(self, config: TinyConfig) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.rand(1, config.width, 1, 1))
        self.register_buffer("mean", torch.zeros(3))
        self.norm = nn.BatchNorm1d(1)


class TinyUpscaler:
    scales = (2, 4)
    overlap_tx = 0
    max_references: int | None = 0

    def __init__(self, network: Tiny, name: str) -> None:
        self.network, self.name = network, name

    def bytes_per_texel(self, num_references: int, scale: int) -> int:
        return 12

    def fitted(self, samples: object, scale: int) -> "TinyUpscaler":
        return self

    def __call__(self, low: Tensor, references: object, scale: int) -> Upscaled:
        high = enlarge(low, scale) * self.network.gain.mean()
        return Upscaled(high, high[:, :1], high[:, :1])


TINY = Architecture(config=TinyConfig, network=Tiny, upscaler=TinyUpscaler)


def made(weight: float = 0.5, **config: object) -> Checkpoint:
    settings = TinyConfig(**{"width": 4, **config})  # type: ignore[arg-type]
    network = Tiny(settings)
    nn.init.constant_(network.gain, weight)
    return Checkpoint(
        architecture="tiny", config=asdict(settings), weights=network.state_dict(), facts={}
    )
