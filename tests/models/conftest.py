"""Planes and tiles whose texels are known, a checkpoint, and an architecture of three weights."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.flat_tiles import HIGH
from tests.stand_in_models import TINY
from tests.textured_tiles import Tile, texture
from texsr.models.checkpoint import Checkpoint
from texsr.models.degradation import smooth_field
from texsr.models.networks import ARCHITECTURES


@pytest.fixture
def truth(rng) -> Tensor:
    """Grey, with detail down to a few texels."""
    field = smooth_field(rng, 1, (HIGH, HIGH), 2.0)[None]
    return (0.5 + 0.15 * field / field.std()).clamp(0.05, 0.95).expand(1, 3, HIGH, HIGH)


@pytest.fixture
def tiny(monkeypatch) -> None:
    """Know the stand-in architecture by name as long as the test runs."""
    monkeypatch.setitem(ARCHITECTURES, "tiny", lambda: TINY)


@pytest.fixture(scope="module")
def tile() -> Tile:
    return Tile(truth=texture())


@pytest.fixture
def checkpoint() -> Checkpoint:
    """Weights of every kind, and text of every kind about them."""
    draw = torch.Generator().manual_seed(5)
    return Checkpoint(
        architecture="tiny",
        config={"width": 4, "blocks": (1, (2, 3)), "gain": 0.1, "norm": None, "act": "gelu"},
        weights={
            "conv.weight": torch.randn(4, 3, 3, 3, generator=draw),
            "conv.bias": torch.randn(4, generator=draw) * 1e-6,
            "norm.count": torch.tensor(7),
            "mask": torch.tensor([True, False]),
            "empty": torch.zeros(0, 3),
        },
        facts={"commit": "abc", "figures": {"a": [1, 2.5]}, "note": "5 µm, “quoted” | \n end"},
    )


@pytest.fixture
def home(tmp_path) -> Path:
    """Where a checkpoint goes, in a folder that is yet to be made."""
    return tmp_path / "deep" / "model.safetensors"
