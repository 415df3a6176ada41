"""Training of networks over pictures: what they learn from, their lessons, and what they refuse."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.pictures import picture
from tests.texture_maps import write_texture_maps
from tests.tiny_networks import AMRSR, CIAOSR, MASA, RRSR
from tests.training_jobs import SCALE, SIDE, SITTING, changed, learning
from texsr.flows.picture_batches import draw_pictures, resized_truth, turned
from texsr.flows.picture_examples import Example, PackedExamples, SceneExamples, scenes_of
from texsr.flows.training_batches import PackedTiles
from texsr.flows.training_learner import network_of
from texsr.flows.training_log import read_log
from texsr.flows.training_outcome import Ending
from texsr.flows.training_run import train
from texsr.flows.training_settings import TrainJob
from texsr.models.architectures import load_upscaler
from texsr.models.checkpoint import read_checkpoint
from texsr.models.learner import TrainingSettings
from texsr.models.picture_learner import PictureLearner
from texsr.models.resample import reduce
from texsr.models.restoring import REACH_TX
from texsr.models.training import Trainer
from texsr.models.vgg import VggTrunk
from texsr.models.visual import VisualSettings
from texsr.pipeline.errors import SettingsError


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two scenes of a truth and two references each."""
    place = tmp_path / "scenes"
    place.mkdir()
    for scene in range(2):
        for number, (height, width) in enumerate(((70, 81), (64, 72), (40, 90))):
            color = picture(10 * scene + number, height, width).permute(1, 2, 0).numpy()
            Image.fromarray((color * 255).astype(np.uint8)).save(place / f"{scene}_{number}.png")
    return place


@pytest.fixture
def texture_maps(tmp_path) -> Path:
    """One map of one tile, half of it inside the mask."""
    return write_texture_maps(tmp_path / "maps")


@pytest.fixture
def vgg(tmp_path) -> Path:
    torch.manual_seed(0)
    weights = {name.removeprefix("layers."): w for name, w in VggTrunk().state_dict().items()}
    save_file(weights, tmp_path / "vgg.safetensors")
    return tmp_path / "vgg.safetensors"


def with_sets(job: TrainJob, *sets: Path, **material: object) -> TrainJob:
    return replace(job, material=replace(job.material, packs=(), sets=sets, **material))


@pytest.mark.parametrize("config", [AMRSR, MASA, RRSR, CIAOSR], ids=lambda c: type(c).__name__)
def test_each_trains_to_the_same_bits_however_often_it_is_stopped(job, config, folder, tmp_path):
    job = changed(job, config=config)
    job = replace(job, material=replace(job.material, sets=(folder,)))
    whole = train(replace(job, out=tmp_path / "whole"))
    assert whole.status is Ending.DONE
    assert whole.tiles == 4 + 2
    assert set(whole.validation["vase"]) == {"0", "1", "4"}
    paused = replace(job, sitting=replace(SITTING, minutes=0.0))
    assert [train(paused).status for _ in range(4)][-1] is Ending.DONE
    ours, theirs = (place / "last.safetensors" for place in (job.out, whole.out))
    assert ours.read_bytes() == theirs.read_bytes()
    upscaler = load_upscaler(ours)
    low = picture(3, 12, 9)[None]
    assert upscaler(low, None, SCALE).high.shape == (1, 3, 48, 36)
    facts = read_checkpoint(ours).facts
    assert "not the weights" in facts["limits"][0]
    assert [one["name"] for one in facts["data"]][-1] == "scenes"


def test_a_fine_tune_goes_on_from_a_checkpoint_of_the_same_kind(job, tmp_path):
    first = changed(job, config=MASA)
    train(first)
    start = replace(job.material, start=first.out / "last.safetensors")
    second = train(replace(changed(job, config=None), out=tmp_path / "on", material=start))
    assert read_checkpoint(second.out / "last.safetensors").architecture == "masa"
    with pytest.raises(SettingsError, match=r"Masa \(not Ciaosr\)"):
        train(replace(changed(job, config=CIAOSR), out=tmp_path / "other", material=start))


def test_folders_give_crops_of_truths_and_whole_references(folder):
    scenes = SceneExamples(scenes_of(folder))
    assert scenes.least_side_tx == 70 // SCALE
    found = scenes.example(np.random.default_rng(0), count=4, side_tx=SIDE)
    assert found.low.shape == (SIDE, SIDE, 3)
    assert found.truth.shape == (SIDE * SCALE, SIDE * SCALE, 3)
    assert {one.shape for one in found.references} == {(64, 72, 3), (40, 90, 3)}


def test_texture_maps_give_their_tiles_with_their_masks(texture_maps):
    scenes = SceneExamples(scenes_of(texture_maps))
    found = scenes.example(np.random.default_rng(0), count=1, side_tx=scenes.least_side_tx)
    assert found.covered.any()
    assert len(found.references) == 1
    assert found.truth.shape[0] == SCALE * found.low.shape[0]


def test_texture_maps_of_validation_captures_are_never_learnt_from(job, texture_maps):
    job = with_sets(changed(job, config=MASA), texture_maps)
    train(replace(job, material=replace(job.material, validation=())))
    (one,) = read_checkpoint(job.out / "last.safetensors").facts["data"]
    assert (one["name"], one["licence"], one["source"]) == ("maps", "CC0-1.0", "vase")
    manifest = texture_maps / "manifest.json"
    manifest.write_text(manifest.read_text().replace("false", "true", 1))
    with pytest.raises(SettingsError, match="validation only"):
        train(replace(job, out=job.out.with_name("other")))


def test_references_of_packed_tiles_are_cut_some_way_off(packs):
    source = PackedExamples(PackedTiles([packs / "p0"]))
    rng = np.random.default_rng(0)
    found = source.example(rng, count=2, side_tx=SIDE // 2)
    assert [one.shape for one in found.references] == 2 * [(2 * SIDE, 2 * SIDE, 3)]


def test_references_of_packed_tiles_may_lie_where_the_tile_does(packs):
    source = PackedExamples(PackedTiles([packs / "p0"]), REACH_TX)
    rng = np.random.default_rng(0)
    batch = draw_pictures([source], rng, size=2, side_tx=SIDE, alone=False)
    while not batch.num_references:
        batch = draw_pictures([source], rng, size=2, side_tx=SIDE, alone=False)
    assert batch.reach == REACH_TX
    for low, references in zip(batch.low, batch.references, strict=True):
        for one in references:
            assert float((reduce(one[None], SCALE)[0] - low).abs().mean()) < 0.03


def test_an_example_is_turned_as_a_whole():
    rng = np.random.default_rng(3)
    high = rng.integers(0, 255, (16, 24, 3), dtype=np.uint8)
    example = Example(low=high[::4, ::4], truth=high, covered=high[..., 0] > 99, references=[high])
    for seed in range(8):
        found = turned(example, np.random.default_rng(seed))
        assert np.array_equal(found.references[0], found.truth)
        assert np.array_equal(found.covered, found.truth[..., 0] > 99)
        assert sorted(found.low.ravel()) == sorted(example.low.ravel())


def test_truths_of_any_scale_are_reductions_of_the_truth(folder):
    rng = np.random.default_rng(0)
    sources = [SceneExamples(scenes_of(folder))]
    batch = draw_pictures(sources, rng, size=2, side_tx=SIDE, alone=True)
    assert batch.num_references == 0
    found = resized_truth(batch, rng)
    assert SIDE <= found.truth.shape[2] <= SIDE * SCALE
    assert found.covered.shape[2:] == found.truth.shape[2:]
    torch.testing.assert_close(found.truth.mean(), batch.truth.mean(), atol=5e-3, rtol=0)


def test_lessons_of_a_trunk_of_ours_come_before_the_steps(job, folder, vgg):
    job = with_sets(changed(job, config=AMRSR, validate_every=99), folder, vgg=vgg)
    job = learning(job, steps=101, lessons=100)
    train(replace(job, material=replace(job.material, validation=())))
    first, second = read_log(job.out / "log.jsonl")
    assert "lesson" in first
    assert "l1" not in first
    assert "l1" in second
    assert "lesson" not in second


def test_rrsr_learns_to_find_sharp_places_with_blurred_ones(job, folder):
    job = with_sets(changed(job, config=RRSR), folder)
    job = learning(job, steps=3, lessons=2)
    losses = train(job).losses
    assert "lesson" in losses
    assert losses.keys() & {"l1", "single"}


def test_amrsr_has_its_own_fine_tune_for_looks(job, folder, vgg, tmp_path):
    first = with_sets(changed(job, config=AMRSR), folder)
    train(learning(first, steps=2))
    start = {"start": first.out / "last.safetensors", "vgg": vgg}
    looks = with_sets(changed(job, config=None, visual=VisualSettings()), folder, **start)
    looks = replace(looks, out=tmp_path / "looks")
    outcome = train(looks)
    assert {"perceptual", "adversarial", "texture", "critic"} <= set(outcome.losses)
    facts = read_checkpoint(looks.out / "visual.safetensors").facts
    assert facts["may_invent"]
    again = replace(looks, out=tmp_path / "again")
    while train(replace(again, sitting=replace(SITTING, minutes=0.0))).status is Ending.PAUSED:
        pass
    ours, theirs = (place / "visual.safetensors" for place in (looks.out, again.out))
    assert ours.read_bytes() == theirs.read_bytes()


def test_results_have_to_serve_as_references_where_that_is_asked(folder):
    rng = np.random.default_rng(1)
    sources = [SceneExamples(scenes_of(folder))]
    batch = draw_pictures(sources, rng, size=1, side_tx=SIDE, alone=False)
    assert batch.num_references
    gradients = []
    for weight in (0.0, 0.6):
        torch.manual_seed(0)
        settings = TrainingSettings(steps=9, reciprocal_weight=weight)
        trainer = Trainer(PictureLearner(network_of(MASA), settings))
        told = trainer.step(batch, SCALE)
        assert ("reciprocal" in told) is (weight > 0)
        gradients.append(torch.cat([p.grad.flatten() for p in trainer.network.parameters()]))
    assert not torch.allclose(*gradients)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda job, place: with_sets(job, place), "--sets"),
        (lambda job, place: learning(changed(job, config=AMRSR), lessons=1), "--lessons"),
        (lambda job, place: learning(changed(job, config=MASA), lessons=1), "--lessons"),
        (
            lambda job, place: replace(
                changed(job, config=MASA), material=replace(job.material, teacher=place)
            ),
            "--teacher",
        ),
        (lambda job, place: with_sets(changed(job, config=MASA, side_tx=18), place), "--crop"),
    ],
)
def test_what_does_not_go_together_is_told(job, folder, change, where):
    with pytest.raises(SettingsError) as told:
        train(change(job, folder))
    assert told.value.where == where
