"""The state of a training on disk: nested values and tensors in one safetensors file, no pickle.

Tensors stand in the file under the path that leads to them; all else is a JSON tree in the header,
in which `{"tensor": path}` stands for a tensor and `{"items": [[key, value], ...]}` for a dict, so
that keys may be numbers. Tuples come back as lists.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from texsr.pipeline.errors import OutputError
from texsr.pipeline.formats.writing import replacing

FORMAT = "texsr-training-state/1"
KEY = "texsr-training-state"


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state; until it is whole, what stood at `path` stands there still.

    Raises:
        OutputError: the place cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    tree = _taken_apart(state, "", tensors)
    header = json.dumps({"format": FORMAT, "tree": tree}, allow_nan=False)
    data = save(tensors, metadata={KEY: header})
    with replacing(path) as part, part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def read_state(path: Path) -> dict[str, Any]:
    """Read a state; its tensors lie on the CPU.

    Raises:
        OutputError: the file is broken, or no state of this format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get(KEY, "{}"))
            if header.get("format") != FORMAT:
                raise _unusable(path, f"format {header.get('format')!r} instead of '{FORMAT}'")
            return _put_together(header["tree"], file)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unusable(path, f"{type(error).__name__}: {error}") from error


def _unusable(path: Path, why: str) -> OutputError:
    return OutputError(
        path,
        found=f"a state that cannot be gone on from ({why})",
        expected="the state that a training of this version left",
        remedy="remove the file to start anew, or give another --out",
    )


def _taken_apart(value: Any, place: str, tensors: dict[str, Tensor]) -> Any:
    """Give the JSON tree of a value; tensors go to `tensors`."""
    match value:
        case Tensor():
            # A copy: safetensors refuses tensors that share memory, and wants them in one piece.
            kept = value.detach().to("cpu", copy=True)
            tensors[place] = kept.contiguous(memory_format=torch.contiguous_format)
            return {"tensor": place}
        case Mapping():
            parts = [
                [key, _taken_apart(item, f"{place}/{key}", tensors)] for key, item in value.items()
            ]
            return {"items": parts}
        case list() | tuple():
            return [_taken_apart(item, f"{place}/{i}", tensors) for i, item in enumerate(value)]
        case _:
            return value


def _put_together(tree: Any, file: Any) -> Any:
    match tree:
        case {"tensor": place}:
            return file.get_tensor(place)
        case {"items": parts}:
            return {key: _put_together(item, file) for key, item in parts}
        case list():
            return [_put_together(item, file) for item in tree]
        case _:
            return tree
