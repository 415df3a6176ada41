"""The tables of upscalers: what is known by name, and how a name or a file becomes one.

`auto` is the best that is shipped for the device, else `projection`. Other names are upscalers
without weights, or the shipped checkpoints by their file names. Anything else is a checkpoint file.
"""

import hashlib
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from texsr.models.bicubic import Bicubic
from texsr.models.checkpoint import SUFFIX, Checkpoint, CheckpointError, read_checkpoint
from texsr.models.configuration import configure
from texsr.models.networks import ARCHITECTURES, Architecture, as_upscaler
from texsr.models.projection import Projection
from texsr.models.upscaler import Upscaler

WEIGHTS_FREE: dict[str, Callable[[], Upscaler]] = {
    "projection": Projection,
    "bicubic": Bicubic,
}
AUTO = "auto"
FALLBACK = "projection"
PREFERRED = {"cpu": ("fast",), "cuda": ("quality", "fast")}  # `auto` is the first one shipped
FILE_SUFFIXES = {SUFFIX, ".pth", ".pt", ".ckpt", ".bin"}
SHA_DIGITS = 12


class Kind(Enum):
    """Where an upscaler comes from."""

    WEIGHTS_FREE = "weights-free"
    SHIPPED = "shipped checkpoint"
    FILE = "file"


class Chosen(NamedTuple):
    """What a name stands for."""

    name: str
    kind: Kind
    path: Path | None  # None: weights-free


class UnknownModelError(KeyError):
    """A name that stands for no upscaler and looks like no file."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name)
        self.name = name
        self.known = known


def names(shipped: Path | None = None) -> tuple[str, ...]:
    """Names that `load_upscaler` knows beside `auto`, shipped checkpoints first."""
    return (*_checkpoints(shipped), *WEIGHTS_FREE)


def choose(name_or_path: str | Path, *, device: str = "cpu", shipped: Path | None = None) -> Chosen:
    """Find what a name or path stands for; a name wins over a file of the same name.

    Args:
        name_or_path: `auto`, one of `names(shipped)`, or a checkpoint file.
        device: as PyTorch calls it; `auto` depends on it.
        shipped: the folder of shipped checkpoints; None: none are shipped.

    Raises:
        UnknownModelError: no such name.
    """
    if isinstance(name_or_path, str):
        named = _named(name_or_path, device, _checkpoints(shipped))
        if named is not None:
            return named
        if not names_a_file(name_or_path):
            raise UnknownModelError(name_or_path, (AUTO, *names(shipped)))
    path = Path(name_or_path).expanduser()
    return Chosen(path.name, Kind.FILE, path)


def load_upscaler(
    name_or_path: str | Path, *, device: str = "cpu", shipped: Path | None = None
) -> Upscaler:
    """Build an upscaler on a device. Arguments as of `choose`.

    One from a file is called by the file's name and the start of its SHA-256.

    Raises:
        UnknownModelError: no such name.
        CheckpointError: the checkpoint cannot be used.
    """
    chosen = choose(name_or_path, device=device, shipped=shipped)
    if chosen.path is None:
        return WEIGHTS_FREE[chosen.name]()
    checkpoint = read_checkpoint(chosen.path)
    _check_model(checkpoint, chosen.path)
    network = build_network(checkpoint, chosen.path).to(device)
    name = named_file(chosen.path) if chosen.kind is Kind.FILE else chosen.name
    return as_upscaler(architecture_of(checkpoint, chosen.path), network, name)


def build_network(checkpoint: Checkpoint, where: str | Path) -> nn.Module:
    """Build the network of a checkpoint with its weights, on the CPU, for inference.

    Random numbers that others draw stay what they were.

    Args:
        where: what errors call the checkpoint.

    Raises:
        CheckpointError: architecture, configuration or weights are not exactly as expected.
    """
    architecture = architecture_of(checkpoint, where)
    config = configure(architecture.config, checkpoint.config, where)
    try:
        with torch.random.fork_rng(devices=()):
            network = architecture.network(config)
    except (ValueError, TypeError, RuntimeError, MemoryError) as error:
        raise CheckpointError(
            where,
            found=f"a configuration of which no network can be built ({error})",
            expected=f"one that architecture '{checkpoint.architecture}' takes",
            remedy="use the version of texsr that wrote the file",
        ) from error
    _check_weights(network, checkpoint, where)
    network.load_state_dict(checkpoint.weights, strict=True)
    return network.requires_grad_(False).eval()


def architecture_of(checkpoint: Checkpoint, where: str | Path) -> Architecture:
    """Look the architecture of a checkpoint up.

    Raises:
        CheckpointError: there is none of this name.
    """
    if checkpoint.architecture not in ARCHITECTURES:
        raise CheckpointError(
            where,
            found=f"architecture '{checkpoint.architecture}'",
            expected=" or ".join(f"'{name}'" for name in ARCHITECTURES),
            remedy="use the version of texsr that wrote the file",
        )
    return ARCHITECTURES[checkpoint.architecture]()


def _check_model(checkpoint: Checkpoint, where: Path) -> None:
    if architecture_of(checkpoint, where).is_head:
        raise CheckpointError(
            where,
            found=f"a head, for model '{checkpoint.config.get('model')}'",
            expected="a model",
            remedy="give it with --head, and its model with --model",
        )


def _checkpoints(shipped: Path | None) -> dict[str, Path]:
    if shipped is None:
        return {}
    return {path.stem: path for path in sorted(shipped.glob(f"*{SUFFIX}"))}


def _named(name: str, device: str, checkpoints: dict[str, Path]) -> Chosen | None:
    if name == AUTO:
        wanted = PREFERRED.get(torch.device(device).type, PREFERRED["cpu"])
        name = next((one for one in wanted if one in checkpoints), FALLBACK)
    if name in WEIGHTS_FREE:
        return Chosen(name, Kind.WEIGHTS_FREE, None)
    return Chosen(name, Kind.SHIPPED, checkpoints[name]) if name in checkpoints else None


def names_a_file(name: str | Path) -> bool:
    """Whether what is no known name is meant as a file."""
    if isinstance(name, Path):
        return True
    path = Path(name).expanduser()
    return path.suffix.lower() in FILE_SUFFIXES or "/" in name or "\\" in name or path.exists()


def named_file(path: Path) -> str:
    """Name a checkpoint file in reports: by its name and the start of its SHA-256."""
    with path.open("rb") as file:
        return f"{path.name} ({hashlib.file_digest(file, 'sha256').hexdigest()[:SHA_DIGITS]})"


def _check_weights(network: nn.Module, checkpoint: Checkpoint, where: str | Path) -> None:
    """Compare names and shapes with the network's own, both ways."""
    expected = {name: tuple(weight.shape) for name, weight in network.state_dict().items()}
    found = {name: tuple(weight.shape) for name, weight in checkpoint.weights.items()}
    faults = [
        *(f"no weight '{name}'" for name in expected.keys() - found.keys()),
        *(f"an unknown weight '{name}'" for name in found.keys() - expected.keys()),
        *(
            f"weight '{name}' of shape {found[name]} instead of {expected[name]}"
            for name in expected.keys() & found.keys()
            if expected[name] != found[name]
        ),
    ]
    if faults:
        more = f" and {len(faults) - 1} more such faults" if len(faults) > 1 else ""
        raise CheckpointError(
            where,
            found=f"{min(faults)}{more}",
            expected=f"the {len(expected)} weights of architecture '{checkpoint.architecture}' "
            "as the file's own configuration builds it",
            remedy="use the version of texsr that wrote the file",
        )
