"""Checkpoints: what comes back, what it costs, and what is not written or not left half written."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from texsr.models.checkpoint import CheckpointError, read_checkpoint, write_checkpoint


def test_all_but_the_rounding_of_floats_comes_back(checkpoint, home):
    write_checkpoint(home, checkpoint)
    back = read_checkpoint(home)
    assert (back.architecture, back.config) == (checkpoint.architecture, checkpoint.config)
    assert back.facts == checkpoint.facts
    assert back.weights.keys() == checkpoint.weights.keys()
    assert back.num_parameters == checkpoint.num_parameters == 4 * 27 + 4
    for name, weight in checkpoint.weights.items():
        got = back.weights[name]
        assert (got.shape, got.dtype) == (weight.shape, weight.dtype)
        if weight.is_floating_point():
            bound = (weight.abs() * 2.0**-11).clamp_min(2.0**-25)
            assert bool(((got - weight).abs() <= bound).all()), name
        else:
            assert torch.equal(got, weight)


def test_a_second_round_loses_nothing_and_the_bytes_are_the_same(checkpoint, home):
    write_checkpoint(home, checkpoint)
    first = home.read_bytes()
    write_checkpoint(home, read_checkpoint(home))
    assert home.read_bytes() == first
    turned = dict(reversed(checkpoint.weights.items()))
    write_checkpoint(home, replace(checkpoint, weights=turned))
    assert home.read_bytes() == first


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 0.0), (torch.bfloat16, 2.0**-8)])
def test_other_precisions_where_asked_for(checkpoint, home, dtype, error):
    write_checkpoint(home, checkpoint, dtype=dtype)
    assert load_file(home)["conv.bias"].dtype == dtype
    got, weight = read_checkpoint(home).weights["conv.bias"], checkpoint.weights["conv.bias"]
    assert got.dtype == torch.float32
    assert bool(((got - weight).abs() <= weight.abs() * error).all())


def test_the_file_is_little_larger_than_its_weights_at_half_precision(checkpoint, home):
    weights = {f"block.{k}": torch.rand(64, 64, 3, 3) for k in range(4)}
    write_checkpoint(home, replace(checkpoint, weights=weights))
    assert 0 < home.stat().st_size - 2 * 4 * 64 * 64 * 9 < 2000


def test_weights_read_do_not_depend_on_the_file_and_written_ones_are_not_touched(checkpoint, home):
    before = {name: weight.clone() for name, weight in checkpoint.weights.items()}
    write_checkpoint(home, checkpoint, dtype=torch.float32)
    back = read_checkpoint(home)
    back.weights["conv.weight"].zero_()
    again = read_checkpoint(home)
    for name, weight in before.items():
        assert torch.equal(checkpoint.weights[name], weight)
        assert torch.equal(again.weights[name], weight)


def test_weights_that_share_memory_or_lie_crosswise_are_stored_each(checkpoint, home):
    base = torch.arange(12.0).reshape(3, 4)
    weights = {"all": base, "tied": base, "turned": base.T, "part": base[1]}
    write_checkpoint(home, replace(checkpoint, weights=weights), dtype=torch.float32)
    back = read_checkpoint(home).weights
    assert all(torch.equal(back[name], weight) for name, weight in weights.items())


def test_training_state_is_detached(checkpoint, home):
    weight = torch.nn.Parameter(torch.ones(3))
    write_checkpoint(home, replace(checkpoint, weights={"w": weight}))
    assert not read_checkpoint(home).weights["w"].requires_grad


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 7e4, -7e4])
def test_a_weight_that_does_not_fit_is_not_written(checkpoint, home, value):
    weights = {**checkpoint.weights, "head.scale": torch.tensor([0.0, value])}
    with pytest.raises(CheckpointError, match=r"'head\.scale'"):
        write_checkpoint(home, replace(checkpoint, weights=weights))
    assert not home.exists()


def test_complex_weights_and_odd_precisions_are_not_written(checkpoint, home):
    with pytest.raises(CheckpointError, match=r"'w' of torch\.complex64"):
        write_checkpoint(
            home, replace(checkpoint, weights={"w": torch.ones(1, dtype=torch.complex64)})
        )
    with pytest.raises(CheckpointError, match="float64"):
        write_checkpoint(home, checkpoint, dtype=torch.float64)
    assert not home.exists()


@pytest.mark.parametrize("side", ["config", "facts"])
@pytest.mark.parametrize("value", [float("nan"), Path("x"), torch.ones(1)])
def test_what_json_cannot_hold_is_not_written(checkpoint, home, side, value):
    with pytest.raises(CheckpointError, match=f"'{side}'"):
        write_checkpoint(home, replace(checkpoint, **{side: {"deep": [value]}}))
    assert not home.exists()


def test_a_place_that_cannot_be_written(checkpoint, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CheckpointError, match="cannot be written"):
        write_checkpoint(tmp_path / "file" / "model.safetensors", checkpoint)
    (tmp_path / "folder").mkdir()
    with pytest.raises(CheckpointError, match="cannot be written"):
        write_checkpoint(tmp_path / "folder", checkpoint)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize("moment", ["os.fsync", "pathlib.Path.replace"])
def test_a_kill_while_writing_leaves_the_old_checkpoint(checkpoint, home, moment):
    write_checkpoint(home, checkpoint)
    before = home.read_bytes()
    program = (
        "import os, pathlib, signal, torch\n"
        "from texsr.models.checkpoint import Checkpoint, write_checkpoint\n"
        f"{moment} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "new = Checkpoint(architecture='x', config={}, facts={}, weights={'w': torch.ones(9)})\n"
        f"write_checkpoint(pathlib.Path({str(home)!r}), new)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    assert home.read_bytes() == before
    assert len(list(home.parent.iterdir())) == 2, "the kill came in the middle"
    write_checkpoint(home, checkpoint)
    assert read_checkpoint(home).architecture == "tiny"


def test_a_failure_while_writing_leaves_the_old_checkpoint_and_nothing_else(
    checkpoint, home, monkeypatch
):
    write_checkpoint(home, checkpoint)
    before = home.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left"):
        write_checkpoint(home, replace(checkpoint, architecture="other"))
    assert home.read_bytes() == before
    assert list(home.parent.iterdir()) == [home]
