"""What training refuses: material to validate on, recipes without sense, folders of others."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.training_jobs import (
    TINY,
    changed,
    tiles,
)
from texsr.flows.training_data import write_pack
from texsr.flows.training_run import train
from texsr.flows.training_settings import Learns, Material, Recipe
from texsr.models.learner import TrainingSettings
from texsr.models.masa import MasaConfig
from texsr.models.visual import VisualSettings
from texsr.pipeline.errors import CaptureError, OutputError, SettingsError


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
        (lambda job: changed(job, learns=Learns.BRANCH), "--learn"),
        (lambda job: changed(job, config=MasaConfig(width=8), learns=Learns.PHOTOS), "--learn"),
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
