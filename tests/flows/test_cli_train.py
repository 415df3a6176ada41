"""`texsr train` from the command line, as a flow, and on a GPU."""

import json
from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from tests.training_jobs import (
    SIDE,
    SITTING,
    TINY,
)
from texsr.flows.cli_train import train as train_command
from texsr.flows.training_bars import TrainingBars
from texsr.flows.training_outcome import TrainOutcome
from texsr.flows.training_run import train
from texsr.models.architectures import build_network
from texsr.models.checkpoint import read_checkpoint


def command(*words: object, code: int = 0):
    import typer

    app = typer.Typer(rich_markup_mode=None)
    app.command()(train_command)
    outcome = CliRunner().invoke(app, [str(word) for word in words])
    assert outcome.exit_code == code, outcome.output
    return outcome


@pytest.fixture
def small_preset(monkeypatch) -> None:
    from texsr.flows import training_presets

    monkeypatch.setitem(training_presets.PRESETS, training_presets.Preset.QUALITY, TINY)


@pytest.mark.usefixtures("small_preset")
def test_the_command_trains_and_answers(job, packs, tmp_path):
    check = tmp_path / "check" / "vase"
    words = ["--out", job.out, "--packs", packs, "--validate", check, "--preset", "quality"]
    words += ["--steps", 2, "--batch", 2, "--crop", SIDE, "--device", "cpu", "--threads", 1]
    words += ["--reciprocal", "--rms", 0.5]
    facts = json.loads(command(*words, "--json").stdout)
    assert (facts["status"], facts["step"], facts["exit_code"]) == ("done", 2, 0)
    said = command(*words).stdout
    assert "2 steps on 4 tiles" in said
    assert "vase: PSNR-Y by references" in said
    assert str(job.out / "best.safetensors") in said
    wrong = json.loads(command(*words, "--steps", 3, "--json", code=2).stdout)
    assert wrong["error"] == "OutputError"
    recipe = json.loads((job.out / "training.json").read_text())["recipe"]
    assert (recipe["learning"]["reciprocal_weight"], recipe["learning"]["rms_share"]) == (0.6, 0.5)


def test_help_has_examples_and_bad_words_exit_2(tmp_path):
    said = command("--help").stdout
    assert said.count("texsr train --out") == 10
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


def test_mixed_precision_on_a_cpu_that_has_units_for_it_learns_the_same(job, tmp_path, monkeypatch):
    def able(yes: bool) -> None:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": yes}, raising=False)

    able(False)
    ours = train(job)
    able(True)
    theirs = train(replace(job, out=tmp_path / "half"))
    assert theirs.losses["l1"] != ours.losses["l1"]
    assert theirs.losses["l1"] == pytest.approx(ours.losses["l1"], rel=0.05)


def test_checkpoints_can_be_built_again(job):
    train(job)
    path = job.out / "last.safetensors"
    assert build_network(read_checkpoint(path), path).config == TINY
