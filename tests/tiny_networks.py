"""The published networks at sizes that train and answer in no time."""

from dataclasses import asdict
from pathlib import Path

import torch

from texsr.flows.training_presets import Config
from texsr.models.amrsr import AmrsrConfig
from texsr.models.checkpoint import Checkpoint, write_checkpoint
from texsr.models.ciaosr import CiaosrConfig
from texsr.models.masa import MasaConfig
from texsr.models.networks import ARCHITECTURES, named_by
from texsr.models.rrsr import RrsrConfig

ONES = (1, 1, 1)
AMRSR = AmrsrConfig(width=8, content_blocks=1, fusion_blocks=ONES, trunk=(4, 6, 8), over_base=True)
MASA = MasaConfig(width=8, encoder_blocks=1, low_blocks=1, fusion_blocks=ONES)
RRSR = RrsrConfig(
    width=8,
    content_blocks=1,
    rounds=ONES,
    round_blocks=ONES,
    trunk=(4, 6, 8),
    extractor=(4, 6, 8),
    experts=2,
    groups=2,
)
CIAOSR = CiaosrConfig(width=4, blocks=1, hidden=8)
CONFIGS = {"amrsr": AMRSR, "masa": MASA, "rrsr": RRSR, "ciaosr": CIAOSR}


def write_random(config: Config, path: Path) -> Path:
    """Write a checkpoint of random weights."""
    name = named_by(config)
    torch.manual_seed(0)
    weights = ARCHITECTURES[name]().network(config).state_dict()
    write_checkpoint(
        path, Checkpoint(architecture=name, config=asdict(config), weights=weights, facts={})
    )
    return path
