"""Start to end with nothing stood in for: one command on a small capture with a known answer."""

import json

import pytest
from typer.testing import CliRunner

from tests.flows.conftest import contents
from tests.scene_cameras import orbit
from tests.scene_files import write_scene, write_truth
from tests.scenes import Shape, make_scene
from texsr.flows.cli import app


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """A cube in twelve sharp photos, and what its atlas should become."""
    scene = make_scene(Shape.CUBE, low_tx=48, cameras=orbit(12, size_px=192))
    root = tmp_path_factory.mktemp("trial")
    return write_scene(scene, root / "capture"), write_truth(scene, root / "truth")


def answer(*words: object) -> dict:
    outcome = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert outcome.exit_code == 0, outcome.output
    return json.loads(outcome.stdout)


def test_one_command_gains_over_bicubic_and_the_same_input_gives_the_same_bytes(trial, tmp_path):
    capture, truth = trial
    before = contents(capture)
    facts = answer("run", capture)
    assert facts["status"] == "done"
    assert facts["model"] == "fast"
    assert facts["share_photo_backed"] > 0.5
    assert {name: contents(capture)[name] for name in before} == before
    scores = answer("measure", capture / "texsr", "--truth", truth)
    assert scores["gain_db"] > 1.0
    assert answer("run", capture)["status"] == "fresh"
    answer("run", capture, "--out", tmp_path / "again")
    for name in ("mesh.obj", "atlas.png", "atlas.provenance.png"):
        assert (capture / "texsr" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_bicubic_uses_no_photo_and_says_so(trial, tmp_path):
    capture, _ = trial
    facts = answer("run", capture, "--model", "bicubic", "--out", tmp_path / "plain")
    assert facts["model"] == "bicubic"
    assert facts["share_photo_backed"] == 0
