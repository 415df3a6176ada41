"""Training a second look: on photos seen again, and nothing else learns."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.scene_files import write_scene, write_truth
from tests.scenes import make_scene
from tests.training_jobs import PACK, RECIPE, SCALE, SIDE, TINY, changed, learning, tiles
from texsr.flows.second_sight import NOTE, second_sight
from texsr.flows.training_data import capture_tiles, write_pack
from texsr.flows.training_origins import Origin, write_origin
from texsr.flows.training_run import train
from texsr.flows.training_settings import Learns, Material
from texsr.models.checkpoint import digest_of, read_checkpoint
from texsr.models.implicit_head import HeadConfig
from texsr.models.learner import TrainingSettings
from texsr.pipeline.errors import SettingsError

OURS = Origin(name="ours", licence="CC0", source="here", use="a test")


@pytest.fixture
def trained(job) -> Path:
    train(job)
    return job.out / "last.safetensors"


def seen_again(folder: Path, start: Path, seed: int) -> Path:
    write_pack(tiles(2, seed), folder)
    made = {NOTE: digest_of(read_checkpoint(start))}
    write_origin(folder, OURS, {"made": made})
    return folder


@pytest.fixture
def again(job, trained, tmp_path):
    """A job whose packs were seen again with the answers of what it starts from."""
    pack = seen_again(tmp_path / "seen" / "one", trained, 3)
    check = seen_again(tmp_path / "watched" / "vase", trained, 4)
    material = Material(packs=(pack,), validation=(check,), start=trained)
    recipe = replace(
        RECIPE, config=None, learns=Learns.AGAIN, learning=TrainingSettings(steps=3, rate=1e-2)
    )
    return replace(job, out=tmp_path / "again", material=material, recipe=recipe)


def test_it_is_added_and_all_else_stays_to_the_bit(again, trained):
    train(again)
    ours, theirs = read_checkpoint(again.out / "last.safetensors"), read_checkpoint(trained)
    assert tuple(ours.config["looks_again"]) == (SCALE,)
    for name, weight in theirs.weights.items():
        assert torch.equal(ours.weights[name], weight)
    added = ours.weights.keys() - theirs.weights.keys()
    assert {name.partition(".")[0] for name in added} == {"again"}
    assert any(bool(ours.weights[name].any()) for name in added if "correction" in name)


def test_it_goes_on_from_one_that_is_there(again, tmp_path):
    train(again)
    start = again.out / "last.safetensors"
    pack = seen_again(tmp_path / "more" / "one", start, 5)
    material = Material(packs=(pack,), start=start)
    train(replace(again, out=tmp_path / "further", material=material))
    ours, theirs = (
        read_checkpoint(place / "last.safetensors") for place in (tmp_path / "further", again.out)
    )
    assert ours.config == theirs.config
    changed = {
        name.partition(".")[0]
        for name, weight in theirs.weights.items()
        if not torch.equal(ours.weights[name], weight)
    }
    assert changed == {"again"}


def test_packs_of_the_other_look_are_refused(again, packs, job, tmp_path):
    material = replace(again.material, packs=(packs,))
    with pytest.raises(SettingsError, match="as photographed"):
        train(replace(again, out=tmp_path / "first", material=material))
    with pytest.raises(SettingsError, match="seen again"):
        train(replace(job, out=tmp_path / "other", material=again.material))


@pytest.mark.parametrize("option", ["teacher", "lessons", "reciprocal"])
def test_what_it_would_not_heed_is_refused(again, option):
    heeded = {
        "teacher": replace(again, material=replace(again.material, teacher=again.material.start)),
        "lessons": learning(again, lessons=1),
        "reciprocal": learning(again, reciprocal_weight=0.5),
    }
    with pytest.raises(SettingsError, match=f"--{option}"):
        train(heeded[option])


def test_other_networks_have_none(again):
    with pytest.raises(SettingsError, match="Head"):
        train(changed(again, config=HeadConfig()))


def test_it_needs_a_network_that_answers_first(again):
    with pytest.raises(SettingsError, match="--learn again"):
        train(replace(again, material=replace(again.material, start=None)))


def test_tiles_of_a_capture_are_seen_again(trained, tmp_path):
    scene = make_scene(low_tx=2 * SIDE, scale=SCALE)
    root, truth = write_scene(scene, tmp_path / "capture"), tmp_path / "truth"
    write_truth(scene, truth)
    sight = second_sight(read_checkpoint(trained))
    asked = root, truth / "atlas.png", replace(PACK, tiles=4, references=TINY.max_references)
    first, second = (
        list(capture_tiles(*asked, np.random.default_rng(0), one)) for one in (None, sight)
    )
    for one, other in zip(first, second, strict=True):
        for name in ("low", "truth", "covered", "weight", "maps", "trust"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert (one.detail != other.detail).any()
        assert not other.detail[~np.repeat(other.weight[:, None] > 0, 3, axis=1)].any()
