"""The published networks in a run, from files of untrained weights."""

from dataclasses import asdict

import pytest

from texsr.flows.model_table import model_table
from texsr.flows.settings import RunSettings
from texsr.flows.sharpen import sharpen
from texsr.models.checkpoint import Checkpoint, write_checkpoint
from texsr.models.networks import ARCHITECTURES
from texsr.pipeline.stages.load import load_capture

TRUNK = {"trunk": (4, 8, 8)}
PUBLISHED = {
    "amrsr": {"width": 8, "content_blocks": 1, "fusion_blocks": (1, 1, 1), **TRUNK},
    "masa": {"width": 8, "encoder_blocks": 1, "low_blocks": 1, "fusion_blocks": (1, 1, 1)},
    "rrsr": {
        "width": 8,
        "content_blocks": 1,
        "round_blocks": (1, 1, 1),
        "groups": 4,
        **TRUNK,
    },
    "ciaosr": {"width": 8, "blocks": 1, "hidden": 16},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_networks_run_from_their_files(capture, tmp_path, name):
    made = ARCHITECTURES[name]()
    config = made.config(**PUBLISHED[name])
    file = tmp_path / f"{name}.safetensors"
    network = made.network(config)
    write_checkpoint(
        file,
        Checkpoint(
            architecture=name, config=asdict(config), weights=network.state_dict(), facts={}
        ),
    )
    row = next(one for one in model_table([file]).rows if one.name == str(file))
    assert row.parameters == sum(weight.numel() for weight in network.parameters())
    work = tmp_path / "work"
    work.mkdir()
    scale = 3 if name == "ciaosr" else 4
    settings = RunSettings(model=str(file), device="cpu", scale=scale)
    done = sharpen(load_capture(capture), settings, work)
    assert done.textures[0].shape[:2] == (16 * scale, 16 * scale)
    assert row.references == (0 if name == "ciaosr" else 4)
