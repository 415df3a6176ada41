"""Training more scales than one: one is added, one of two learns."""

from dataclasses import replace

import pytest
import torch

from tests.training_jobs import RECIPE, TINY, tiles
from texsr.flows.training_batches import halved
from texsr.flows.training_data import write_pack
from texsr.flows.training_run import train
from texsr.models.architectures import build_network
from texsr.models.checkpoint import read_checkpoint
from texsr.models.learner import TrainingSettings
from texsr.models.scales import grown


def test_a_scale_is_added_and_all_else_stays_to_the_bit(job, tmp_path):
    train(job)
    start = job.out / "last.safetensors"
    material = replace(job.material, start=start)
    both = replace(TINY, scales=(2, 4))
    recipe = replace(RECIPE, config=both, learning=TrainingSettings(steps=3, rate=1e-2))
    second = replace(job, out=tmp_path / "second", material=material, recipe=recipe)
    train(second)
    ours, theirs = (read_checkpoint(place / "last.safetensors") for place in (second.out, job.out))
    assert tuple(ours.config["scales"]) == (2, 4)
    assert tuple(ours.config["own_trunks"]) == (2,)
    for name, weight in theirs.weights.items():
        assert torch.equal(ours.weights[name], weight)
    began = grown(build_network(theirs, start), replace(both, own_trunks=(2,))).state_dict()
    added = ours.weights.keys() - theirs.weights.keys()
    assert added
    assert any(not torch.equal(ours.weights[name], began[name].half()) for name in added)
    write_pack([halved(tile) for tile in tiles(2, 5)], tmp_path / "two" / "h")
    third = replace(
        second,
        out=tmp_path / "both",
        material=replace(material, packs=(*material.packs, tmp_path / "two")),
    )
    assert train(third).step == 3  # packs at a scale that is held are left aside


@pytest.mark.parametrize("asked", [2, 4])
def test_one_scale_of_two_learns_and_the_other_one_stays(job, tmp_path, asked):
    train(job)
    material = replace(job.material, start=job.out / "last.safetensors")
    recipe = replace(RECIPE, config=replace(TINY, scales=(2,)))  # the checkpoint's x4 is kept
    both = replace(job, out=tmp_path / "both", material=material, recipe=recipe)
    train(both)
    start = both.out / "last.safetensors"
    again = replace(
        both,
        out=tmp_path / "again",
        material=replace(material, start=start),
        recipe=replace(RECIPE, config=replace(TINY, scales=(asked,))),
    )
    train(again)
    ours, theirs = (read_checkpoint(one.out / "last.safetensors") for one in (again, both))
    assert ours.config == theirs.config
    changed = {
        name
        for name, weight in ours.weights.items()
        if not torch.equal(weight, theirs.weights[name])
    }
    assert changed
    assert all(name.startswith(("own.2.", "ports.2.")) == (asked == 2) for name in changed)
