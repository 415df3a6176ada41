"""Checkpoints: architecture, configuration, weights and facts in one safetensors file.

The header's `__metadata__` has one key, `texsr`, whose value is a JSON object with exactly the
members of `HEADER`. (One key, since safetensors writes several in no fixed order: the same
checkpoint is the same bytes.) Nothing is ever unpickled, and what is not exactly as expected is
refused.
"""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

SUFFIX = ".safetensors"
FORMAT = "texsr-checkpoint/1"
METADATA_KEY = "texsr"
HEADER = {"format": str, "architecture": str, "config": dict, "facts": dict}
STORED = (torch.float16, torch.bfloat16, torch.float32)
WHOLE = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
HEADER_AT = 8  # bytes: of safetensors, after the header's length
PICKLES = (b"PK\x03\x04", b"\x80")  # a zip archive, a bare pickle: what torch.save writes
A_CHECKPOINT = "a checkpoint that `texsr train` wrote"
GET_ANOTHER = "copy the file again from where it came, or name another with --model"


class CheckpointError(ValueError):
    """A checkpoint that cannot be used: where, what was found, what was expected, what to do."""

    def __init__(self, where: str | Path, *, found: str, expected: str, remedy: str) -> None:
        super().__init__(where, found, expected, remedy)
        self.where = str(where)
        self.found = found
        self.expected = expected
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.where}: found {self.found}; expected {self.expected}; {self.remedy}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """A trained network at rest."""

    architecture: str
    """A name in `texsr.models.architectures.ARCHITECTURES`."""
    config: dict[str, Any]
    """Every field of the architecture's configuration; its sequences are tuples."""
    weights: dict[str, Tensor]
    """The network's state by name, floats as float32."""
    facts: dict[str, Any]
    """Where it comes from, as JSON: data, recipe, commit. It has no say in what is built."""

    @property
    def num_parameters(self) -> int:
        """Numbers in the floating tensors."""
        return sum(w.numel() for w in self.weights.values() if w.is_floating_point())


def write_checkpoint(
    path: Path, checkpoint: Checkpoint, *, dtype: torch.dtype = torch.float16
) -> None:
    """Write a checkpoint; until it is whole, what stood at `path` stands there still.

    Args:
        dtype: what floats are stored as, of `STORED`. float16 is within 2^-11 of a weight of
            ordinary size, and within 2^-25 of a tiny one.

    Raises:
        CheckpointError: a value is not JSON, a weight does not fit `dtype`, or the place cannot be
            written.
    """
    header = {
        "format": FORMAT,
        "architecture": checkpoint.architecture,
        "config": checkpoint.config,
        "facts": checkpoint.facts,
    }
    described = {name: _as_json(path, name, value) for name, value in header.items()}
    metadata = "{" + ",".join(f'"{name}":{text}' for name, text in described.items()) + "}"
    stored = {name: _narrowed(path, name, w, dtype) for name, w in checkpoint.weights.items()}
    _replace(path, save(stored, metadata={METADATA_KEY: metadata}))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; its weights lie on the CPU, floats as float32.

    Raises:
        CheckpointError: the file is missing, broken, or no checkpoint of this format.
    """
    _check_kind(path)
    try:
        with safe_open(path, framework="pt") as file:
            header = _header(path, file.metadata() or {})
            weights = {name: _widened(path, name, file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, UnicodeError) as error:
        raise CheckpointError(
            path,
            found=f"a file that is not whole safetensors ({error})",
            expected=A_CHECKPOINT,
            remedy=GET_ANOTHER,
        ) from error
    return Checkpoint(
        architecture=header["architecture"],
        config={name: _frozen(value) for name, value in header["config"].items()},
        weights=weights,
        facts=header["facts"],
    )


def digest_of(checkpoint: Checkpoint) -> str:
    """Give the SHA-256 of what a checkpoint computes: architecture, configuration, weights.

    What else it says of itself may change, and how its floats are stored if that loses nothing.
    """
    digest = hashlib.sha256(json.dumps([checkpoint.architecture, checkpoint.config]).encode())
    for name, weight in sorted(checkpoint.weights.items()):
        digest.update(f"{name} {tuple(weight.shape)}".encode())
        digest.update(weight.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _as_json(path: Path, name: str, value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            path,
            found=f"'{name}' with a value that JSON cannot hold ({error})",
            expected="finite numbers, text, booleans, None, and lists and dicts of these",
            remedy="turn the value into one of these before writing",
        ) from error


def _narrowed(path: Path, name: str, weight: Tensor, dtype: torch.dtype) -> Tensor:
    """Copy a weight as it is stored; safetensors refuses tensors that share memory."""
    kind = dtype if weight.is_floating_point() else weight.dtype
    stored = weight.detach().to("cpu", kind, copy=True).contiguous()
    if kind not in STORED + WHOLE:
        raise CheckpointError(
            path,
            found=f"weight '{name}' of {kind}",
            expected=f"floats stored as one of {', '.join(map(str, STORED))}, or whole numbers",
            remedy="leave dtype away, and keep complex numbers out of the network's state",
        )
    if kind in STORED and not bool(torch.isfinite(stored).all()):
        raise CheckpointError(
            path,
            found=f"weight '{name}' with a magnitude of {float(weight.abs().max()):g}",
            expected=f"finite weights of at most {torch.finfo(dtype).max:g}, to store as {dtype}",
            remedy="do not store a run that diverged, or store with dtype=torch.float32",
        )
    return stored


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name[:200]}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise CheckpointError(
            path,
            found=f"a place that cannot be written ({error.strerror or error})",
            expected=f"a folder that can be written, with room for {len(data) / 1e6:.1f} MB",
            remedy="free some space, or choose another place",
        ) from error
    finally:
        with suppress(OSError):  # it has its name, or its folder could not be made
            part.unlink()


def _check_kind(path: Path) -> None:
    """Refuse what is no file, and what would have to be unpickled, in words of their own."""
    try:
        with path.open("rb") as file:
            start = file.read(HEADER_AT + 1)
    except OSError as error:
        raise CheckpointError(
            path,
            found=(error.strerror or str(error)).lower(),
            expected=A_CHECKPOINT,
            remedy="correct the path; `texsr models` lists the names that are known without one",
        ) from error
    # The length of a safetensors header may well begin with the byte that pickles begin with.
    if start.startswith(PICKLES) and start[HEADER_AT:] != b"{":
        raise CheckpointError(
            path,
            found="a pickled PyTorch file, which could run any code when it is loaded",
            expected=f"{A_CHECKPOINT}, as safetensors",
            remedy="convert it where you trust it; texsr loads no pickle",
        )


def _header(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    """Read the description of a checkpoint, exactly as `HEADER` has it."""
    if METADATA_KEY not in metadata:
        raise CheckpointError(
            path,
            found="safetensors without a description of texsr",
            expected=f"{A_CHECKPOINT}: weights of other programs do not say what they are",
            remedy=GET_ANOTHER,
        )
    try:
        header = json.loads(metadata[METADATA_KEY], parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        _refuse(path, f"a description that is no JSON ({error})")
    if not isinstance(header, dict):
        _refuse(path, "a description that is no JSON object")
    said = header.get("format")
    if said != FORMAT:
        raise CheckpointError(
            path,
            found=f"format {said!r}",
            expected=f"'{FORMAT}'",
            remedy="use the version of texsr that wrote it, or one that is newer than this",
        )
    for name in sorted(header.keys() ^ HEADER.keys()):
        _refuse(path, f"{'no' if name in HEADER else 'an unknown'} field '{name}'")
    for name, kind in HEADER.items():
        if not isinstance(header[name], kind):
            _refuse(path, f"field '{name}' of type {type(header[name]).__name__}")
    return header


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _refuse(path: Path, found: str) -> NoReturn:
    expected = f"a JSON object with {', '.join(HEADER)}"
    raise CheckpointError(path, found=found, expected=expected, remedy=GET_ANOTHER)


def _widened(path: Path, name: str, weight: Tensor) -> Tensor:
    """Copy a weight out of the mapped file."""
    if weight.dtype in WHOLE:
        return weight.clone()
    if weight.dtype not in STORED or not bool(torch.isfinite(weight).all()):
        known = weight.dtype in STORED
        raise CheckpointError(
            path,
            found=f"weight '{name}' " + ("that is not finite" if known else f"of {weight.dtype}"),
            expected="finite float16, bfloat16 or float32, or whole numbers",
            remedy=GET_ANOTHER,
        )
    return weight.to(torch.float32, copy=True)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
