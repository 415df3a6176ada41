"""Checkpoints: what comes back, what it costs, and everything that must be refused."""

import io
import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from texsr.models.checkpoint import (
    FORMAT,
    METADATA_KEY,
    Checkpoint,
    CheckpointError,
    read_checkpoint,
    write_checkpoint,
)

HEADER = {"format": FORMAT, "architecture": "tiny", "config": {"width": 4}, "facts": {}}


@pytest.fixture
def checkpoint() -> Checkpoint:
    draw = torch.Generator().manual_seed(5)
    return Checkpoint(
        architecture="tiny",
        config={"width": 4, "blocks": (1, (2, 3)), "gain": 0.1, "norm": None, "act": "gelu"},
        weights={
            "conv.weight": torch.randn(4, 3, 3, 3, generator=draw),
            "conv.bias": torch.randn(4, generator=draw) * 1e-6,
            "norm.count": torch.tensor(7),
            "mask": torch.tensor([True, False]),
            "empty": torch.zeros(0, 3),
        },
        facts={"commit": "abc", "figures": {"a": [1, 2.5]}, "note": "5 µm, “quoted” | \n end"},
    )


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path / "deep" / "model.safetensors"


def put(home: Path, *, metadata: object = HEADER, weights: dict | None = None) -> Path:
    """Write a file whose description and weights are whatever the test wants."""
    home.parent.mkdir(parents=True, exist_ok=True)
    text = metadata if isinstance(metadata, str) else json.dumps(metadata)
    save_file(weights or {"w": torch.ones(2)}, home, metadata={METADATA_KEY: text})
    return home


def refusal(home: Path) -> CheckpointError:
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(home)
    error = caught.value
    assert error.where == str(home)
    assert all((error.found, error.expected, error.remedy))
    assert str(home) in str(error)
    assert error.found in str(error)
    return error


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


def test_a_file_that_is_not_there_and_a_folder(tmp_path):
    assert "no such file" in refusal(tmp_path / "no.safetensors").found
    assert "directory" in refusal(tmp_path).found


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(checkpoint, home):
    write_checkpoint(home, checkpoint)
    home.chmod(0)
    assert "permission" in refusal(home).found


def test_a_truncated_file_at_any_length(checkpoint, home):
    write_checkpoint(home, checkpoint)
    whole = home.read_bytes()
    for length in (0, 3, 8, 100, len(whole) // 2, len(whole) - 1):
        home.write_bytes(whole[:length])
        assert "not whole safetensors" in refusal(home).found
    home.write_bytes(whole + b"\0")
    assert "not whole safetensors" in refusal(home).found


@pytest.mark.parametrize("data", [b"no checkpoint at all", b"\xff" * 64, b"{}", bytes(64)])
def test_files_of_other_kinds(home, data):
    home.parent.mkdir()
    home.write_bytes(data)
    assert "not whole safetensors" in refusal(home).found


class Trap:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return Path.touch, (self.mark,)


def test_a_header_whose_length_begins_like_a_pickle_is_none(tmp_path, checkpoint):
    home = tmp_path / "fast.safetensors"
    for longer in range(256):
        told = replace(checkpoint, facts={"about": "x" * longer})
        write_checkpoint(home, told)
        if home.read_bytes()[0] == 0x80:
            break
    assert home.read_bytes()[0] == 0x80
    assert read_checkpoint(home).facts == told.facts


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_is_named_and_never_opened(tmp_path, zipped):
    mark, home = tmp_path / "mark", tmp_path / "weights.pth"
    if zipped:
        torch.save({"trap": Trap(mark)}, home)
    else:
        home.write_bytes(pickle.dumps(Trap(mark)))
    error = refusal(home)
    assert "pickled" in error.found
    assert "safetensors" in error.expected
    assert not mark.exists()
    if zipped:
        torch.load(io.BytesIO(home.read_bytes()), weights_only=False)
    else:
        pickle.loads(home.read_bytes())
    assert mark.exists(), "the trap would have sprung"


def test_safetensors_of_other_programs(home):
    home.parent.mkdir()
    save_file({"w": torch.ones(2)}, home)
    assert "without a description of texsr" in refusal(home).found
    save_file({"w": torch.ones(2)}, home, metadata={"format": "pt"})
    assert "without a description of texsr" in refusal(home).found


@pytest.mark.parametrize("said", ["texsr-checkpoint/2", 1, None, ["texsr-checkpoint/1"]])
def test_another_format_version(home, said):
    error = refusal(put(home, metadata={**HEADER, "format": said}))
    assert repr(said) in error.found
    assert "newer" in error.remedy


def test_a_description_without_a_format(home):
    assert "None" in refusal(put(home, metadata={"config": {}})).found


@pytest.mark.parametrize("name", ["architecture", "config", "facts"])
def test_a_field_that_is_missing_or_of_another_type(home, name):
    missing = {key: value for key, value in HEADER.items() if key != name}
    assert refusal(put(home, metadata=missing)).found == f"no field '{name}'"
    assert f"'{name}' of type list" in refusal(put(home, metadata={**HEADER, name: []})).found


def test_an_unknown_field(home):
    error = refusal(put(home, metadata={**HEADER, "optimizer": {}}))
    assert error.found == "an unknown field 'optimizer'"
    assert "facts" in error.expected


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        "[" * 100_000,
        json.dumps(HEADER).replace("4", "NaN"),
        json.dumps(HEADER).replace("4", "Infinity"),
    ],
)
def test_a_description_that_is_no_json_object(home, text):
    assert "a description that is no JSON" in refusal(put(home, metadata=text)).found


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_stored_weights_that_are_not_finite(home, dtype, value):
    weights = {"a": torch.ones(3), "sick": torch.tensor([1.0, value], dtype=dtype)}
    assert "'sick' that is not finite" in refusal(put(home, weights=weights)).found


@pytest.mark.parametrize("dtype", [torch.float64, torch.float8_e4m3fn])
def test_stored_weights_of_another_precision(home, dtype):
    weights = {"odd": torch.ones(3).to(dtype)}
    assert f"'odd' of {dtype}" in refusal(put(home, weights=weights)).found


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
