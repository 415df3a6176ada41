"""A tiny default network, and a head on it, as files."""

from dataclasses import asdict, replace
from pathlib import Path

import torch

from texsr.models.architectures import build_network
from texsr.models.checkpoint import Checkpoint, digest_of, read_checkpoint, write_checkpoint
from texsr.models.implicit_head import HeadConfig, ImplicitHead
from texsr.models.texsr import Texsr, TexsrConfig

TINY = TexsrConfig(width=8, prior_blocks=1, fusion_blocks=1, reference_width=6, turns=2)


def write_model(path: Path, seed: int = 0, scales: tuple[int, ...] = TINY.scales) -> Path:
    """Write a default network of random weights, whose answer is not the enlargement alone."""
    torch.manual_seed(seed)
    config = replace(TINY, scales=scales)
    weights = Texsr(config).state_dict()
    for name in ("proposal", "correction"):
        weights[f"ports.4.{name}.weight"].normal_(0.0, 0.005)
    write_checkpoint(
        path, Checkpoint(architecture="texsr", config=asdict(config), weights=weights, facts={})
    )
    return path


def write_head(path: Path, model: Path, *, says: float = 0.0, seed: int = 0) -> Path:
    """Write a head for a model.

    Args:
        path: of the head.
        model: that it goes with.
        says: size of the last layer's weights; 0: as one begins.
        seed: of its weights.
    """
    torch.manual_seed(seed)
    config = HeadConfig(
        width=6,
        hidden=8,
        features=TINY.width,
        model=model.stem,
        sha256=digest_of(read_checkpoint(model)),
    )
    head = ImplicitHead(config)
    with torch.no_grad():
        head.head.color[-1].weight.normal_(0.0, 1.0).mul_(says)
    write_checkpoint(
        path,
        Checkpoint(
            architecture="ciao-head",
            config=asdict(config),
            weights=head.state_dict(),
            facts={"about": "A head.", "headline": "+0.1 dB"},
        ),
    )
    return path


def read_network(path: Path) -> torch.nn.Module:
    return build_network(read_checkpoint(path), path)
