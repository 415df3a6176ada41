"""Files that are no checkpoint: each is refused, told what it is, and never unpickled."""

import io
import json
import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from texsr.models.checkpoint import (
    FORMAT,
    METADATA_KEY,
    CheckpointError,
    read_checkpoint,
    write_checkpoint,
)

HEADER = {"format": FORMAT, "architecture": "tiny", "config": {"width": 4}, "facts": {}}


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
