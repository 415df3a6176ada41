"""Training: the same bits however often it is stopped, what it leaves, and what it refuses."""

import json
import os
import signal
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner

from tests.scenes import Shape, make_surface
from texsr.flows import training_packs, training_state, training_validation
from texsr.flows.cli_train import train as train_command
from texsr.flows.model_card import write_card
from texsr.flows.training_bars import TrainingBars
from texsr.flows.training_batches import PackedTiles, cropped
from texsr.flows.training_data import Pack, PackSettings, read_pack, write_pack
from texsr.flows.training_drawing import Drawer, ahead
from texsr.flows.training_leaks import same_layout, uv_layout
from texsr.flows.training_log import read_log
from texsr.flows.training_origins import Origin, origin_of, pack_note, pack_origin, write_origin
from texsr.flows.training_outcome import Ending, TrainOutcome
from texsr.flows.training_run import train
from texsr.flows.training_settings import Material, Recipe, Sitting, TrainJob
from texsr.flows.training_state import read_state, write_state
from texsr.models.architectures import build_network, load_upscaler
from texsr.models.checkpoint import read_checkpoint
from texsr.models.smfanet import Smfanet
from texsr.models.texsr import Texsr, TexsrConfig
from texsr.models.training import Trainer, TrainingSettings, own_reference
from texsr.models.vgg import VggTrunk, read_vgg
from texsr.models.visual import VisualJudge, VisualSettings
from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.errors import CaptureError, OutputError, SettingsError

TINY = TexsrConfig(width=8, prior_blocks=1, fusion_blocks=1, reference_width=6)
SIDE, SCALE = 16, 4
PACK = PackSettings(tiles=2, side_tx=SIDE, references=2, scale=SCALE)
RECIPE = Recipe(
    config=TINY,
    learning=TrainingSettings(steps=4),
    batch=2,
    side_tx=SIDE,
    validate_every=2,
    pack=PACK,
    rounds=1,
)
SITTING = Sitting(device="cpu", threads=1)


def tiles(count: int, seed: int, references: int = 4) -> list[Pack]:
    """Tiles of smooth noise, whose references nearly tell the detail."""
    rng = np.random.default_rng(seed)
    high = SIDE * SCALE

    def one() -> Pack:
        low = rng.integers(40, 200, (SIDE, SIDE, 3), dtype=np.uint8)
        truth = low.repeat(SCALE, 0).repeat(SCALE, 1) + rng.integers(0, 30, (high, high, 3))
        return Pack(
            low=low,
            truth=truth.astype(np.uint8),
            covered=np.full((high, high), 255, np.uint8),
            detail=rng.integers(-9, 9, (references, 3, high, high)).astype(np.int8),
            weight=np.full((references, high, high), 255, np.uint8),
            maps=np.ones((references, 5, SIDE, SIDE), np.float16),
            trust=np.ones(references, np.float32),
            crispness=np.asarray(0.2, np.float32),
        )

    return [one() for _ in range(count)]


@pytest.fixture
def packs(tmp_path) -> Path:
    """A folder of two packs to learn from."""
    for index in range(2):
        write_pack(tiles(2, index), tmp_path / "packs" / f"p{index}")
    return tmp_path / "packs"


@pytest.fixture
def job(tmp_path, packs) -> TrainJob:
    """A job of four steps with one capture to validate on."""
    write_pack(tiles(2, 9), tmp_path / "check" / "vase")
    material = Material(packs=(packs,), validation=(tmp_path / "check" / "vase",))
    return TrainJob(out=tmp_path / "run", material=material, recipe=RECIPE, sitting=SITTING)


def changed(job: TrainJob, **recipe: object) -> TrainJob:
    return replace(job, recipe=replace(job.recipe, **recipe))


def learning(job: TrainJob, **settings: object) -> TrainJob:
    return changed(job, learning=replace(job.recipe.learning, **settings))


def timeless(path: Path) -> list[dict]:
    return [{k: v for k, v in line.items() if k != "seconds"} for line in read_log(path)]


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
    one, other = (Trainer(Texsr(TINY), RECIPE.learning) for _ in range(2))
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
    found = training_validation.validate(Texsr(TINY).eval(), [one], "cpu", lambda *_: None)
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
        trainer = Trainer(Texsr(TINY), TrainingSettings(steps=9, reciprocal_weight=weight))
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
    before = {name: w.clone() for name, w in judge.critic.state_dict().items()}
    high = (drawn.batch.truth * 0.5).requires_grad_()
    losses = judge(high, drawn.batch)
    assert any(not torch.equal(w, before[name]) for name, w in judge.critic.state_dict().items())
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


def test_nothing_is_learnt_from_what_is_validated_on(job, tmp_path, packs):
    with pytest.raises(SettingsError, match="--validate"):
        train(replace(job, material=replace(job.material, validation=(packs / "p0",))))
    barred = tmp_path / "shared" / "data" / "captures" / "real" / "p"
    write_pack(tiles(1, 0), barred)
    with pytest.raises(SettingsError, match="validation only"):
        train(replace(job, material=replace(job.material, packs=(barred,))))
    (packs / "p1" / "origin.json").write_text('{"validation_only": true}')
    with pytest.raises(SettingsError, match="validation only"):
        train(job)
    assert not (job.out / "state.safetensors").exists()


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda job: changed(job, visual=VisualSettings()), "--visual"),
        (lambda job: changed(job, side_tx=32), "--crop"),
        (lambda job: replace(job, material=Material()), "training data"),
        (lambda job: replace(job, material=Material(scans=(Path("nowhere"),))), "--scans"),
        (lambda job: changed(job, config=replace(TINY, scales=(2,))), "vase"),
    ],
)
def test_what_cannot_be_trained_is_told(job, change, where):
    with pytest.raises((SettingsError, CaptureError)) as told:
        train(change(job))
    assert where in told.value.where


@pytest.mark.parametrize(
    "settings", [{"batch": 0}, {"side_tx": 4}, {"seed": -1}, {"learning": TrainingSettings(rate=0)}]
)
def test_recipes_that_make_no_sense_are_refused(settings):
    with pytest.raises(SettingsError):
        Recipe(**settings)


def test_folders_of_others_are_left_alone(job):
    job.out.mkdir()
    (job.out / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError):
        train(job)
    assert [path.name for path in job.out.iterdir()] == ["thesis.txt"]


LAYOUTS = {"bowl": [9] * 256, "cup": [18, 0] * 128}


class Photographer:
    """Stands in for the simulation: counts its calls and gives tiny tiles."""

    def __init__(self) -> None:
        self.calls: list[Path] = []
        self.seeds: list[int] = []
        self.paints: list[Sequence[Path] | None] = []
        self.fails: set[str] = set()

    def __call__(
        self,
        mesh: Path,
        settings: PackSettings,
        rng: np.random.Generator,
        paint: Sequence[Path] | None,
    ) -> Sequence[Pack]:
        self.calls.append(mesh)
        self.paints.append(paint)
        if mesh.parent.name in self.fails:
            raise CaptureError(mesh, found="no UVs", expected="UVs", remedy="unwrap it")
        self.seeds.append(int(rng.integers(1 << 30)))
        return tiles(settings.tiles, len(self.seeds))


@pytest.fixture
def photographer(monkeypatch) -> Photographer:
    stand_in = Photographer()
    monkeypatch.setattr(training_packs, "simulated_tiles", stand_in)
    monkeypatch.setattr(training_packs, "read_textured_mesh", lambda mesh, root: mesh)
    monkeypatch.setattr(training_packs, "uv_layout", lambda mesh: LAYOUTS[mesh.parent.name])
    return stand_in


@pytest.fixture
def scans(tmp_path) -> Path:
    for name in ("bowl", "cup"):
        (tmp_path / "scans" / name).mkdir(parents=True)
        (tmp_path / "scans" / name / "mesh.obj").write_text("")
    note = "Source: my shelf\nLicence: CC0 1.0 (all of it)\n"
    (tmp_path / "scans" / "bowl" / "ATTRIBUTION.txt").write_text(note)
    return tmp_path / "scans"


def test_packs_are_made_once_with_seeds_of_their_own(job, photographer, scans, tmp_path):
    made = replace(changed(job, rounds=2), material=Material(scans=(scans,)))
    outcome = train(replace(made, sitting=replace(SITTING, minutes=1.0)))
    assert outcome.tiles == 2 * 2 * PACK.tiles
    assert [mesh.parent.name for mesh in photographer.calls] == ["bowl", "bowl", "cup", "cup"]
    assert len(set(photographer.seeds)) == 4
    packed = sorted(path.name for path in (made.out / "packs").iterdir())
    kinds = ("scan", 0), ("painted", 1)
    assert packed == sorted(
        f"{kind}_{name}_x4_{n:03d}" for name in ("bowl", "cup") for kind, n in kinds
    )
    assert photographer.paints == [None, [], None, []]
    assert pack_origin(made.out / "packs" / packed[0]) == Origin(
        name="bowl",
        licence="CC0 1.0 (all of it)",
        source="my shelf",
        use="photographed by simulation",
    )
    train(made)
    assert len(photographer.calls) == 4
    data = read_checkpoint(made.out / "last.safetensors").facts["data"]
    assert [(one["name"], one["licence"]) for one in data] == [
        ("bowl", "CC0 1.0 (all of it)"),
        ("cup", "not stated"),
    ]


def test_a_scan_that_cannot_be_used_is_left_out_once(job, photographer, scans):
    photographer.fails = {"cup"}
    made = replace(job, material=Material(scans=(scans,)))
    assert train(replace(made, sitting=replace(SITTING, minutes=0.0))).tiles in (0, PACK.tiles)
    assert train(made).tiles == PACK.tiles
    assert photographer.calls.count(scans / "cup" / "mesh.obj") == 1
    note = json.loads((made.out / "packs" / "scan_cup_x4_000.left-out.json").read_text())
    assert note["found"] == "no UVs"


def test_time_may_be_up_before_all_packs_are_made(job, photographer, scans):
    made = replace(job, material=Material(scans=(scans,)), sitting=replace(SITTING, minutes=0.0))
    outcome = train(made)
    assert (outcome.status, outcome.step) == (Ending.PAUSED, 0)
    assert not (made.out / "state.safetensors").exists()


def test_leftovers_of_a_kill_are_cleared(job, photographer, scans):
    made = replace(job, material=Material(scans=(scans,)))
    train(made)
    half = made.out / "packs" / ".scan_cup_x4_000.12345.part"
    half.mkdir()
    (half / "low.npy").write_bytes(b"half")
    train(made)
    assert not half.exists()


def test_packs_of_pictures(job, tmp_path, rng):
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(rng.integers(0, 255, (420, 420, 3), dtype=np.uint8)).save(folder / "a.png")
    Image.fromarray(rng.integers(0, 255, (20, 20, 3), dtype=np.uint8)).save(folder / "small.png")
    made = replace(
        learning(changed(job, tiles_per_picture=1), steps=1), material=Material(pictures=(folder,))
    )
    assert train(made).tiles == 1
    pack = read_pack(made.out / "packs" / "pictures_pictures_x4_000")
    assert pack.low.shape == (1, SIDE, SIDE, 3)
    assert pack.detail.shape[1] == PACK.references
    (folder / "a.png").unlink()
    with pytest.raises(CaptureError, match="none as large"):
        train(replace(made, out=tmp_path / "other"))


def test_no_scan_of_a_validation_capture_is_learnt_from(job, photographer, scans, tmp_path):
    check = job.material.validation[0]
    mine = Origin(name="vase", licence="mine", source="mine", use="validation")
    write_origin(check, mine, {"layout": LAYOUTS["cup"], "validation_only": True})
    made = replace(job, material=replace(job.material, packs=(), scans=(scans,)))
    with pytest.raises(SettingsError, match="validation capture 'vase'") as told:
        train(made)
    assert told.value.where.endswith("cup/mesh.obj")
    train(replace(made, material=replace(made.material, scans=(scans / "bowl",))))
    packed = job.material.packs[0] / "p0"
    write_origin(packed, mine, {"layout": LAYOUTS["cup"]})
    with pytest.raises(SettingsError, match="validation capture 'vase'"):
        train(replace(job, out=tmp_path / "other"))
    with pytest.raises(SettingsError, match="validation only"):
        train(replace(job, material=Material(packs=(check,))))


def test_a_surface_is_known_again_by_its_layout(rng):
    mesh, charts = make_surface(Shape.SPHERE, subdivisions=16)
    surface = TexturedMesh(path=Path("a.obj"), mesh=mesh, charts=charts, atlases=())
    order = rng.permutation(len(mesh.faces))
    shuffled = replace(charts, uv_faces=charts.uv_faces[order], chart_id=charts.chart_id[order])
    rough = replace(mesh, vertices=mesh.vertices + rng.normal(0, 0.01, mesh.vertices.shape))
    other = replace(charts, uv=charts.uv**2)
    layout = uv_layout(surface)
    assert same_layout(layout, uv_layout(replace(surface, charts=shuffled, mesh=rough)))
    assert not same_layout(layout, uv_layout(replace(surface, charts=other)))
    assert not same_layout([12] + [0] * 255, [12] + [0] * 255)


def test_packs_keep_to_their_settings(tmp_path, photographer, scans, job):
    made = replace(job, material=Material(scans=(scans / "cup",)))
    train(replace(made, sitting=replace(SITTING, minutes=1.0)))
    (made.out / "state.safetensors").unlink()
    other = changed(made, pack=replace(PACK, tiles=1))
    assert train(other).tiles == 1
    assert len(photographer.calls) == 2


def test_origins_without_words_of_their_own(tmp_path):
    (tmp_path / "set" / "capture").mkdir(parents=True)
    assert origin_of(tmp_path / "set", name="a", use="u").licence == "not stated"
    (tmp_path / "set" / "dataset.json").write_text('{"licence": "CC BY 4.0"}')
    assert origin_of(tmp_path / "set", name="a", use="u").licence == "CC BY 4.0"
    note = "zebra: github somebody/zebra, BSD 2-Clause (file LICENSE)\npink: MIT, too\n"
    (tmp_path / "set" / "capture" / "ATTRIBUTION").write_text(note)
    found = origin_of(tmp_path / "set", name="a", use="u")
    assert found.licence == "BSD 2-Clause, MIT"
    assert found.source.startswith("zebra: github somebody/zebra")
    write_origin(tmp_path / "set", found, {"made": {"seed": 0}})
    assert pack_note(tmp_path / "set", "made") == {"seed": 0}
    assert pack_origin(tmp_path / "set") == found
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "README.md").write_text("# Weights\nCC BY 4.0, as CC BY-SA 4.0 is not")
    found = origin_of(tmp_path / "weights", name="w", use="u")
    assert (found.licence, found.source[:7]) == ("CC BY 4.0, CC BY-SA 4.0", "Weights")


def command(*words: object, code: int = 0):
    import typer

    app = typer.Typer(rich_markup_mode=None)
    app.command()(train_command)
    outcome = CliRunner().invoke(app, [str(word) for word in words])
    assert outcome.exit_code == code, outcome.output
    return outcome


@pytest.fixture
def small_preset(monkeypatch) -> None:
    from texsr.flows import training_settings

    monkeypatch.setitem(training_settings.PRESETS, training_settings.Preset.QUALITY, TINY)


@pytest.mark.usefixtures("small_preset")
def test_the_command_trains_and_answers(job, packs, tmp_path):
    check = tmp_path / "check" / "vase"
    words = ["--out", job.out, "--packs", packs, "--validate", check, "--preset", "quality"]
    words += ["--steps", 2, "--batch", 2, "--crop", SIDE, "--device", "cpu", "--threads", 1]
    words += ["--reciprocal"]
    facts = json.loads(command(*words, "--json").stdout)
    assert (facts["status"], facts["step"], facts["exit_code"]) == ("done", 2, 0)
    said = command(*words).stdout
    assert "2 steps on 4 tiles" in said
    assert "vase: PSNR-Y by references" in said
    assert str(job.out / "best.safetensors") in said
    wrong = json.loads(command(*words, "--steps", 3, "--json", code=2).stdout)
    assert wrong["error"] == "OutputError"
    recipe = json.loads((job.out / "training.json").read_text())["recipe"]
    assert recipe["learning"]["reciprocal_weight"] == 0.6


def test_help_has_examples_and_bad_words_exit_2(tmp_path):
    said = command("--help").stdout
    assert said.count("texsr train --out") == 6
    facts = command("--out", tmp_path / "r", "--preset", "huge", "--json", code=2).stdout
    assert json.loads(facts)["where"] == "--preset"


def test_bars_show_losses_and_what_is_left():
    from io import StringIO

    from rich.console import Console

    text = StringIO()
    with TrainingBars(Console(file=text, force_terminal=True, width=160)) as bars:
        bars.progress("packs", 1, 2)
        bars.losses(3, 10, {"l1": 0.02, "doubt": -1.5})
    assert "packs" in text.getvalue()
    assert "3/10" in text.getvalue()
    assert "l1 0.020  doubt -1.500" in text.getvalue()


def test_the_flow_does_what_the_plain_call_does(job, monkeypatch):
    """Without a server: the flow's body, its task called as a function."""
    from texsr.flows import train as flows

    told: list[dict] = []
    monkeypatch.setattr(flows, "learn", flows.learn.fn)
    monkeypatch.setattr(flows, "_tell", told.append)
    facts = flows.train_network.fn(job.out, job.material, recipe=job.recipe, sitting=SITTING)
    assert facts["status"] == "done"
    assert told == [facts]
    assert isinstance(flows.decode(TrainOutcome, facts), TrainOutcome)
    assert flows.decode(TrainOutcome, facts).as_json() == facts


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_mixed_precision_on_a_gpu_learns_the_same(job, tmp_path):
    ours = train(job)
    theirs = train(replace(job, out=tmp_path / "gpu", sitting=replace(SITTING, device="cuda")))
    assert theirs.losses["l1"] == pytest.approx(ours.losses["l1"], rel=0.05)


def test_checkpoints_can_be_built_again(job):
    train(job)
    path = job.out / "last.safetensors"
    assert build_network(read_checkpoint(path), path).config == TINY
