"""`texsr simulate --hard`: the seed decides the kind of capture, and what is typed wins over it."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.scene_files import write_scene
from tests.scenes import Shape, make_scene
from texsr.flows.cli import app
from texsr.pipeline.simulation import SimulateSettings


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    return write_scene(make_scene(Shape.CUBE, low_tx=64, cameras=[]), tmp_path / "o") / "mesh.obj"


def simulate(*words: object) -> dict:
    outcome = CliRunner().invoke(app, ["simulate", *map(str, words), "--json"])
    assert outcome.exit_code == 0, outcome.output
    return json.loads(outcome.stdout)


def test_hard_draws_the_settings_by_the_seed(mesh, tmp_path):
    made = simulate(mesh, "--out", tmp_path / "a", "--hard", "--seed", 5)
    drawn = SimulateSettings.drawn(np.random.default_rng(5))
    assert made["settings"] == asdict(drawn)
    photos = list((tmp_path / "a/capture/images").iterdir())
    assert len(photos) == drawn.num_photos + drawn.decoys
    again = simulate(mesh, "--out", tmp_path / "b", "--hard", "--seed", 5)
    assert again["settings"] == made["settings"]
    for photo in photos:
        assert (tmp_path / "b/capture/images" / photo.name).read_bytes() == photo.read_bytes()


def test_what_is_typed_wins_over_what_is_drawn(mesh, tmp_path):
    words = ["--photos", 2, "--px-per-texel", 0.5, "--scale", 2, "--cameras", "transforms"]
    hard = simulate(mesh, "--out", tmp_path / "hard", "--hard", *words)["settings"]
    asked = {"num_photos": 2, "px_per_texel": 0.5, "scale": 2, "cameras": "transforms"}
    drawn = asdict(SimulateSettings.drawn(np.random.default_rng(0)))
    assert hard == drawn | asked


def test_without_hard_the_defaults_stand(mesh, tmp_path):
    plain = simulate(mesh, "--out", tmp_path / "plain", "--photos", 2)["settings"]
    assert plain == asdict(SimulateSettings(num_photos=2))
