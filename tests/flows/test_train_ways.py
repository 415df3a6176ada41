"""Ways to train: with a teacher, its lessons, reciprocal, for looks, from a checkpoint."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.training_jobs import RECIPE, SCALE, SIDE, SITTING, TINY, changed, learning, tiles
from texsr.flows.training_batches import PackedTiles, cropped, halved
from texsr.flows.training_data import write_pack
from texsr.flows.training_drawing import Drawer
from texsr.flows.training_log import read_log
from texsr.flows.training_outcome import Ending
from texsr.flows.training_run import train
from texsr.flows.training_settings import Learns, Material, TrainJob
from texsr.models.checkpoint import read_checkpoint
from texsr.models.learner import Made, TrainingSettings
from texsr.models.smfanet import Smfanet
from texsr.models.texsr import Texsr
from texsr.models.texsr_learner import TexsrLearner, own_reference
from texsr.models.training import Trainer
from texsr.models.vgg import VggTrunk, read_vgg
from texsr.models.visual import VisualJudge, VisualSettings
from texsr.pipeline.errors import SettingsError


def test_the_teacher_is_asked_where_there_are_no_references(job, tmp_path):
    torch.manual_seed(0)
    save_file(Smfanet(SCALE, width=8, num_blocks=12).state_dict(), tmp_path / "teacher.safetensors")
    taught = replace(job, material=replace(job.material, teacher=tmp_path / "teacher.safetensors"))
    assert train(taught).losses["teacher"] > 0
    data = read_checkpoint(taught.out / "last.safetensors").facts["data"]
    assert [one["use"] for one in data if "teacher" in one["name"]] == [
        "its answers were learnt from (teacher)"
    ]
    save_file(Smfanet(2, width=8).state_dict(), tmp_path / "teacher.safetensors")
    with pytest.raises(SettingsError, match="x2"):
        train(replace(taught, out=tmp_path / "other"))


def test_half_of_the_crops_keep_the_references_that_see_most():
    tile = tiles(1, seed=0, references=4)[0]
    tile = replace(tile, trust=np.arange(4, dtype=np.float32))
    rng = np.random.default_rng(0)
    kept = [cropped(tile, rng, count=2, side_tx=SIDE).trust.tolist() for _ in range(200)]
    first = kept.count([0.0, 1.0])
    # Of any two in any order one in twelve would be these.
    assert 85 <= first <= 135
    assert len({tuple(pair) for pair in kept}) == 12


def taught_job(job: TrainJob, place: Path) -> TrainJob:
    save_file(Smfanet(SCALE, width=8, num_blocks=12).state_dict(), place / "t.safetensors")
    learning = TrainingSettings(steps=4, lessons=3)
    recipe = replace(job.recipe, learning=learning, single_every=0)
    return replace(
        job, recipe=recipe, material=replace(job.material, teacher=place / "t.safetensors")
    )


def test_lessons_come_first_and_stopping_in_one_changes_no_bit(job, tmp_path):
    taught = taught_job(job, tmp_path)
    with pytest.raises(SettingsError, match="12 blocks, 8 wide"):
        train(taught)
    config = replace(TINY, prior_blocks=12)
    taught = replace(taught, recipe=replace(taught.recipe, config=config))
    whole = replace(taught, out=tmp_path / "whole")
    train(whole)
    paused = replace(taught, sitting=replace(SITTING, minutes=0.0))
    sittings = 1
    while train(paused).status is Ending.PAUSED:
        sittings += 1
    assert sittings == 4
    lines = read_log(taught.out / "log.jsonl")
    assert set().union(*lines) >= {"lesson", "l1"}
    one, other = (
        read_checkpoint(place / "last.safetensors").weights for place in (whole.out, taught.out)
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_lessons_want_a_teacher_and_steps_after_them(job):
    recipe = replace(job.recipe, learning=TrainingSettings(steps=4, lessons=3))
    with pytest.raises(SettingsError, match="no teacher"):
        train(replace(job, recipe=recipe))
    with pytest.raises(SettingsError, match="fewer than --steps"):
        replace(job.recipe, learning=TrainingSettings(steps=4, lessons=4))


def test_reciprocal_learning_changes_the_gradient(packs):
    batch = Drawer({SCALE: PackedTiles(sorted(packs.iterdir()))}, replace(RECIPE, single_every=0))
    drawn = next(one for one in map(batch, range(20)) if one.batch.aligned.detail.shape[1] > 1)
    weights = []
    for weight in (0.0, 0.6):
        torch.manual_seed(0)
        trainer = Trainer(
            TexsrLearner(Texsr(TINY), TrainingSettings(steps=9, reciprocal_weight=weight))
        )
        told = trainer.step(drawn.batch, SCALE)
        told = trainer.step(drawn.batch, SCALE)
        assert ("reciprocal" in told) is (weight > 0)
        weights.append(torch.cat([p.grad.flatten() for p in trainer.network.parameters()]))
    assert not torch.allclose(*weights)


def test_the_own_result_stands_for_the_first_reference_only_where_that_saw(packs):
    batch = Drawer({SCALE: PackedTiles(sorted(packs.iterdir()))}, replace(RECIPE, single_every=0))
    drawn = next(one for one in map(batch, range(20)) if one.batch.aligned.detail.shape[1] > 1)
    aligned = drawn.batch.aligned
    aligned.weight[:, 0, :8] = 0
    aligned = aligned._replace(crispness=torch.zeros_like(aligned.crispness))
    put = own_reference(aligned, drawn.batch.truth)
    assert not put.detail[:, 0, :, :8].any()
    added = drawn.batch.truth - aligned.base
    torch.testing.assert_close(put.detail[:, 0, :, 8:], added[:, :, 8:])
    assert torch.equal(put.detail[:, 1:], aligned.detail[:, 1:])


@pytest.fixture
def looks(job, tmp_path) -> TrainJob:
    """A fine-tune for looks of what a short training left."""
    train(learning(job, steps=1))
    torch.manual_seed(0)
    trunk = {name.removeprefix("layers."): w for name, w in VggTrunk().state_dict().items()}
    save_file(trunk, tmp_path / "vgg.safetensors")
    material = replace(
        job.material, start=job.out / "last.safetensors", vgg=tmp_path / "vgg.safetensors"
    )
    recipe = replace(RECIPE, config=None, learning=TrainingSettings(steps=2, rate=1e-4))
    recipe = replace(recipe, visual=VisualSettings())
    return replace(job, out=tmp_path / "looks", material=material, recipe=recipe)


def test_a_fine_tune_for_looks_is_kept_apart(looks, tmp_path):
    outcome = train(replace(looks, sitting=replace(SITTING, minutes=0.0)))
    assert outcome.step == 1
    outcome = train(looks)
    assert outcome.checkpoints == (looks.out / "visual.safetensors",)
    assert not (looks.out / "best.safetensors").exists()
    assert {"perceptual", "adversarial", "critic"} <= set(outcome.losses)
    facts = read_checkpoint(looks.out / "visual.safetensors").facts
    assert facts["may_invent"]
    assert "invent" in facts["about"]
    assert "invent" in facts["limits"][0]
    whole = train(replace(looks, out=tmp_path / "whole"))
    ours, theirs = (place / "visual.safetensors" for place in (looks.out, whole.out))
    assert ours.read_bytes() == theirs.read_bytes()


def test_the_critic_learns_and_reaches_the_network(packs):
    torch.manual_seed(0)
    drawn = Drawer({SCALE: PackedTiles(sorted(packs.iterdir()))}, RECIPE)(0)
    judge = VisualJudge(VggTrunk().requires_grad_(False), VisualSettings())
    before = {name: w.clone() for name, w in judge.critic.critic.state_dict().items()}
    high = (drawn.batch.truth * 0.5).requires_grad_()
    batch = drawn.batch
    losses = judge(Made(batch.aligned.base, high, batch.truth, batch.covered))
    assert any(
        not torch.equal(w, before[name]) for name, w in judge.critic.critic.state_dict().items()
    )
    for name in ("perceptual", "adversarial"):
        (gradient,) = torch.autograd.grad(losses[name], high, retain_graph=True)
        assert float(gradient.abs().max()) > 0
    assert not losses["critic"].requires_grad


def test_the_real_trunk_is_read_as_it_was_normalised(shared):
    """Its activations are 1 in the mean over photographs; a wrong order of colours shows."""
    trunk = read_vgg(shared / "weights" / "vgg" / "vgg_normalised_conv3_1.safetensors")
    photo = Image.open(shared / "train" / "photos_budgie_cc0" / "casa-mila.jpg").resize((240, 160))
    picture = torch.from_numpy(np.array(photo)).permute(2, 0, 1)[None].float() / 255
    means = [float(layer.mean()) for layer in trunk(picture)]
    assert means == pytest.approx([1, 1, 1], abs=0.35)
    assert [layer.shape[2] for layer in trunk(picture)] == [160, 80, 40]


def test_weights_that_are_no_trunk_are_refused(looks):
    save_file({"a": torch.zeros(1)}, looks.material.vgg)
    with pytest.raises(SettingsError, match="cannot be used"):
        train(looks)


def test_it_starts_from_a_checkpoint_and_carries_its_data_on(job, tmp_path):
    train(learning(job, steps=1))
    start = job.out / "last.safetensors"
    write_pack(tiles(2, 7), tmp_path / "other" / "q")
    material = Material(packs=(tmp_path / "other",), start=start)
    recipe = replace(RECIPE, config=None, learning=TrainingSettings(steps=1, rate=1e-9))
    second = replace(job, out=tmp_path / "second", material=material, recipe=recipe)
    train(second)
    ours, theirs = (read_checkpoint(place / "last.safetensors") for place in (second.out, job.out))
    for name, weight in ours.weights.items():
        torch.testing.assert_close(weight, theirs.weights[name], atol=1e-4, rtol=1e-3)
    assert [one["name"] for one in ours.facts["data"]] == ["p0", "p1", "q"]
    third = replace(second, out=tmp_path / "third", material=replace(job.material, start=start))
    train(third)
    data = read_checkpoint(third.out / "last.safetensors").facts["data"]
    assert [one["name"] for one in data] == ["p0", "p1"]
    with pytest.raises(SettingsError, match="width 8"):
        train(replace(changed(second, config=replace(TINY, width=16)), out=tmp_path / "fourth"))


def test_a_single_image_branch_is_added_and_learns_alone(job, tmp_path):
    save_file(Smfanet(SCALE, width=8).state_dict(), tmp_path / "teacher.safetensors")
    train(job)
    start = job.out / "last.safetensors"
    branched = replace(TINY, single_width=10, single_blocks=1, single_turns=2)
    material = replace(job.material, start=start, teacher=tmp_path / "teacher.safetensors")
    second = replace(changed(job, config=branched), out=tmp_path / "second", material=material)
    losses = train(second).losses
    assert losses["branch"] > 0
    assert losses["branch_teacher"] > 0
    assert "l1" not in losses
    ours, theirs = (read_checkpoint(one.out / "last.safetensors") for one in (second, job))
    added = {name for name in ours.weights if name not in theirs.weights}
    assert added
    assert all(name.startswith("single.") for name in added)
    assert all(torch.equal(ours.weights[name], theirs.weights[name]) for name in theirs.weights)
    wider = changed(second, config=replace(branched, single_width=12))
    other = replace(second.material, start=second.out / "last.safetensors")
    with pytest.raises(SettingsError, match="single_width"):
        train(replace(wider, out=tmp_path / "third", material=other))


@pytest.mark.parametrize("part", [Learns.BRANCH, Learns.PHOTOS])
def test_only_the_part_that_is_asked_for_learns(job, tmp_path, part):
    train(changed(job, config=replace(TINY, single_width=10, single_blocks=1)))
    start = job.out / "last.safetensors"
    recipe = replace(RECIPE, config=None, learns=part)
    material = replace(job.material, start=start)
    second = replace(job, out=tmp_path / "second", recipe=recipe, material=material)
    losses = train(second).losses
    assert ("branch" in losses) is (part is Learns.BRANCH)
    assert ("l1" in losses) is (part is Learns.PHOTOS)
    ours, theirs = (read_checkpoint(one.out / "last.safetensors") for one in (second, job))
    for of_branch in (True, False):
        names = [one for one in ours.weights if one.startswith("single.") is of_branch]
        same = [torch.equal(ours.weights[name], theirs.weights[name]) for name in names]
        assert all(same) is (of_branch is not (part is Learns.BRANCH))


def test_a_scale_without_tiles_is_told(job, tmp_path):
    recipe = replace(RECIPE, config=replace(TINY, scales=(3, 4)))
    with pytest.raises(SettingsError, match="no tiles to learn x3 from"):
        train(replace(job, recipe=recipe))


def test_halved_tiles_are_what_a_capture_at_half_the_scale_would_give():
    tile = tiles(1, seed=0)[0]
    even = np.arange(SIDE, dtype=np.uint8)[:, None, None] * np.uint8(8) + np.zeros(
        (SIDE, SIDE, 3), np.uint8
    )
    tile = replace(tile, truth=even.repeat(SCALE, 0).repeat(SCALE, 1))
    for place in ((0, 0), (2, 3), (5, 4), (7, 7)):  # each corner of a four
        tile.covered[place] = 0
    tile.weight[0, :2, :2] = [[255, 255], [255, 0]]
    made = halved(tile)
    assert made.truth.shape == (2 * SIDE, 2 * SIDE, 3)
    assert made.detail.shape == (4, 3, 2 * SIDE, 2 * SIDE)
    assert made.low.shape == tile.low.shape
    inner = slice(2, -2)
    np.testing.assert_allclose(made.low[inner].astype(int), even[inner], atol=1)
    holes = {(0, 0), (1, 1), (2, 2), (3, 3)}
    assert {tuple(place) for place in np.argwhere(made.covered == 0).tolist()} == holes
    assert made.weight[0, 0, 0] == 191
    assert (made.maps[:, 4] == 2).all()
    assert (made.maps[:, :4] == 1).all()
    assert halved(tiles(1, seed=0, references=0)[0]).detail.shape == (0, 3, 2 * SIDE, 2 * SIDE)
