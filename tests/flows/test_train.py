"""Training: the same bits however often it is stopped, what it leaves, and what it refuses."""

import os
import signal
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from tests.training_jobs import (
    RECIPE,
    SCALE,
    SIDE,
    SITTING,
    TINY,
    changed,
    learning,
    tiles,
    timeless,
)
from texsr.flows import training_state, training_validation
from texsr.flows.model_card import write_card
from texsr.flows.training_batches import PackedTiles
from texsr.flows.training_data import read_pack, write_pack
from texsr.flows.training_drawing import Drawer, ahead
from texsr.flows.training_log import read_log
from texsr.flows.training_outcome import Ending
from texsr.flows.training_run import train
from texsr.flows.training_state import read_state, write_state
from texsr.models.architectures import load_upscaler
from texsr.models.checkpoint import read_checkpoint
from texsr.models.texsr import Texsr
from texsr.models.texsr_learner import TexsrLearner
from texsr.models.training import Trainer
from texsr.pipeline.errors import OutputError


def test_stopping_after_every_step_changes_no_bit(job, tmp_path):
    whole = train(replace(job, out=tmp_path / "whole"))
    for step in range(1, 5):
        now = train(replace(job, sitting=replace(SITTING, minutes=0.0)))
        assert now.step == step
        assert now.status is (Ending.DONE if step == 4 else Ending.PAUSED)
    assert whole.status is Ending.DONE
    for name in ("last.safetensors", "best.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (job.out / name).read_bytes()
    assert timeless(tmp_path / "whole" / "log.jsonl") == timeless(job.out / "log.jsonl")
    ours, theirs = (
        read_state(place / "state.safetensors")["trainer"] for place in (job.out, whole.out)
    )
    one, other = (Trainer(TexsrLearner(Texsr(TINY), RECIPE.learning)) for _ in range(2))
    for trainer, state in ((one, ours), (other, theirs)):
        trainer.resume(state)
    for name, value in one.averaged.items():
        assert torch.equal(value, other.averaged[name])
    for index, moments in one.optimiser.state_dict()["state"].items():
        for name, value in moments.items():
            assert torch.equal(value, other.optimiser.state_dict()["state"][index][name])


def test_a_finished_training_says_so_again(job):
    first = train(job)
    again = train(job)
    assert again.as_json() | {"seconds": 0} == first.as_json() | {"seconds": 0}
    assert again.step == 4


def test_what_it_leaves(job):
    outcome = train(job)
    lines = read_log(job.out / "log.jsonl")
    assert [line["step"] for line in lines if "validation" in line] == [2, 4]
    (last,) = (line for line in lines if "rate" in line)
    assert {"step", "l1", "single", "alone", "doubt", "rate", "seconds", "skipped"} == set(last)
    assert list(outcome.validation["vase"]) == ["0", "1", "4"]
    sheet = np.asarray(Image.open(job.out / "validation" / "0000004_vase.png"))
    high = SIDE * SCALE
    assert sheet.shape == (2 * high + 4, 3 * high + 8, 3)
    truth = read_pack(job.material.validation[0]).truth
    np.testing.assert_array_equal(sheet[:high, -high:], truth[0])
    drawn = ElementTree.parse(job.out / "loss.svg").getroot()
    assert any("vase" in (text.text or "") for text in drawn.iter())
    assert outcome.checkpoints == tuple(
        job.out / name for name in ("last.safetensors", "best.safetensors")
    )
    assert not list(job.out.rglob("*.part"))


def test_checkpoints_hold_averaged_weights_and_what_a_card_needs(job, tmp_path):
    train(job)
    checkpoint = read_checkpoint(job.out / "last.safetensors")
    averaged = read_state(job.out / "state.safetensors")["trainer"]["averaged"]
    for name, weight in checkpoint.weights.items():
        torch.testing.assert_close(weight, averaged[name], atol=1e-3, rtol=1e-3)
    assert 4 in load_upscaler(job.out / "best.safetensors").scales
    facts = checkpoint.facts
    assert [one["name"] for one in facts["data"]] == ["p0", "p1"]
    assert facts["recipe"]["steps taken"] == 4
    assert facts["validation"]["step"] == 4
    assert not facts["may_invent"]
    write_card(job.out / "last.safetensors", {}, tmp_path / "card.md")


def test_the_best_is_that_of_the_best_mean(job):
    outcome = train(job)
    checked = [line for line in read_log(job.out / "log.jsonl") if "mean" in line]
    best = max(checked, key=lambda line: line["mean"])
    assert (outcome.best_db, outcome.best_step) == (best["mean"], best["step"])
    assert read_checkpoint(job.out / "best.safetensors").facts["validation"]["step"] == best["step"]


def test_an_untrained_network_validates_as_projection_does_better_with_true_references(tmp_path):
    """References that hold the whole detail have to help, and so does a border that is left out."""
    from texsr.models.resample import enlarge_faithfully, reduce

    torch.manual_seed(0)
    truth = torch.rand(1, 3, 64, 64)
    truth = (truth * 255).round() / 255
    low = (reduce(truth, SCALE) * 255).round().clamp(0, 255)
    detail = ((truth - enlarge_faithfully(low / 255, SCALE)) / (0.5 / 127)).round().clamp(-127, 127)
    made = replace(
        tiles(1, 0, references=1)[0],
        low=low[0].permute(1, 2, 0).numpy().astype(np.uint8),
        truth=(truth[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8),
        detail=detail.numpy().astype(np.int8),
        maps=np.full((1, 5, SIDE, SIDE), 50.0, np.float16),
        crispness=np.asarray(0.0, np.float32),
    )
    write_pack([made], tmp_path / "one")
    one = training_validation.ValidationSet(
        name="one", tiles=PackedTiles([tmp_path / "one"]), scale=SCALE
    )
    learner = TexsrLearner(Texsr(TINY).eval(), RECIPE.learning)
    answer = partial(learner.answer, learner.network)
    found = training_validation.validate(answer, [one], "cpu", lambda *_: None)
    assert found.psnr_y["one"][1] > found.psnr_y["one"][0] + 5
    assert found.psnr_y["one"][4] == found.psnr_y["one"][1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_between_two_steps(job, number):
    def kill(step: int, steps: int, losses: object) -> None:
        if step == 3:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    outcome = train(job, told=kill)
    assert (outcome.status, outcome.step) == (Ending.STOPPED, 3)
    assert signal.getsignal(number) is before
    assert train(job).step == 4


def test_a_kill_while_the_state_is_written_leaves_the_old_one(job, monkeypatch):
    paused = replace(job, sitting=replace(SITTING, minutes=0.0))
    train(paused)
    state = job.out / "state.safetensors"
    before = state.read_bytes()

    def die(descriptor: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training_state.os, "fsync", die)
        with pytest.raises(KeyboardInterrupt):
            train(paused)
    assert state.read_bytes() == before
    assert train(paused).step == 2


def test_log_lines_after_the_state_are_taken_back(job):
    train(replace(job, sitting=replace(SITTING, minutes=0.0)))
    with (job.out / "log.jsonl").open("a") as file:
        file.write('{"step": 3, "l1": 1.0, "rate": 0.1}\n{"step": 3, "l')
    train(job)
    assert [line["step"] for line in read_log(job.out / "log.jsonl")] == [2, 4, 4]


def test_a_loss_that_is_not_finite_is_skipped_and_counted(job, tmp_path):
    bad = tiles(2, 5)
    bad = [replace(tile, maps=np.full_like(tile.maps, np.nan)) for tile in bad]
    write_pack(bad, tmp_path / "bad" / "p")
    train(replace(job, material=replace(job.material, packs=(tmp_path / "bad",))))
    (last,) = (line for line in read_log(job.out / "log.jsonl") if "rate" in line)
    assert 0 < last["skipped"] < 4
    for weight in read_checkpoint(job.out / "last.safetensors").weights.values():
        assert bool(torch.isfinite(weight).all())


def test_batches_alternate_and_depend_on_seed_and_step_alone(packs):
    pools = {SCALE: PackedTiles(sorted(packs.iterdir()))}
    draw = Drawer(pools, RECIPE)
    ours = list(ahead(draw, range(6), workers=0))
    theirs = list(ahead(draw, range(6), workers=3))
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one.batch.truth, other.batch.truth)
        assert torch.equal(one.batch.aligned.detail, other.batch.aligned.detail)
    assert all(one.batch.aligned.detail.shape[1] == 0 for one in ours[1::2])
    counts = [
        Drawer(pools, replace(RECIPE, seed=s))(0).batch.aligned.detail.shape[1] for s in range(8)
    ]
    assert max(counts) > 0
    assert not torch.equal(
        ours[0].batch.truth, Drawer(pools, replace(RECIPE, seed=1))(0).batch.truth
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda job: learning(job, steps=9), r"recipe\.learning\.steps 4, not 9"),
        (lambda job: changed(job, batch=3), r"recipe\.batch 2, not 3"),
        (lambda job: changed(job, config=replace(TINY, width=16)), r"width 8, not 16"),
    ],
)
def test_a_state_of_another_training_is_refused(job, change, said):
    train(replace(job, sitting=replace(SITTING, minutes=0.0)))
    with pytest.raises(OutputError, match=said):
        train(change(job))


def test_other_packs_are_another_training(job, packs):
    train(replace(job, sitting=replace(SITTING, minutes=0.0)))
    write_pack(tiles(2, 3), packs / "p2")
    with pytest.raises(OutputError, match=r"packs\.p2"):
        train(job)


@pytest.mark.parametrize("content", [b"", b"not safetensors", b"\x80\x04pickle"])
def test_a_broken_state_is_refused(job, content):
    train(replace(job, sitting=replace(SITTING, minutes=0.0)))
    (job.out / "state.safetensors").write_bytes(content)
    with pytest.raises(OutputError, match="cannot be gone on from"):
        train(job)


def test_states_come_back_as_they_were(tmp_path):
    state = {
        "numbers": {0: torch.arange(3), 7: [1.5, None, True, "text"]},
        "view": torch.ones(4, 3).T,
        "empty": {},
    }
    write_state(tmp_path / "s", state)
    back = read_state(tmp_path / "s")
    assert list(back["numbers"]) == [0, 7]
    assert torch.equal(back["numbers"][0], torch.arange(3))
    assert back["numbers"][7] == [1.5, None, True, "text"]
    assert torch.equal(back["view"], state["view"])
    assert back["empty"] == {}
