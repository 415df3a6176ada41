"""The table of heads: which are shipped for a model, and how one is put on it.

A head goes with one checkpoint. Those shipped for model NAME stand in heads/NAME beside it, and are
called by their file names.
"""

from pathlib import Path

from texsr.models.architectures import (
    Chosen,
    architecture_of,
    build_network,
    named_file,
    names_a_file,
)
from texsr.models.checkpoint import (
    SUFFIX,
    Checkpoint,
    CheckpointError,
    digest_of,
    read_checkpoint,
)
from texsr.models.headed_upscaler import HeadedUpscaler
from texsr.models.implicit_head import ImplicitHead
from texsr.models.texsr_upscaler import TexsrUpscaler
from texsr.models.upscaler import Upscaler

FOLDER = "heads"


class UnknownHeadError(KeyError):
    """A name that stands for no head of a model, and looks like no file."""

    def __init__(self, name: str, model: str, known: tuple[str, ...]) -> None:
        super().__init__(name)
        self.name = name
        self.model = model
        self.known = known


def heads_of(model: Chosen, shipped: Path | None = None) -> dict[str, Path]:
    """List the heads that are shipped for a model, by name; none for files and what has no weights.

    Args:
        model: what a name stands for.
        shipped: the folder of shipped checkpoints; None: none are shipped.
    """
    if shipped is None or model.path is None or model.path.parent != shipped:
        return {}
    folder = shipped / FOLDER / model.name
    return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def load_headed(
    upscaler: Upscaler, model: Chosen, head: str | Path, *, device: str, shipped: Path | None = None
) -> HeadedUpscaler:
    """Put a head on a model.

    Args:
        upscaler: of the model.
        model: what was loaded.
        head: a name of `heads_of`, or a checkpoint file.
        device: where the model lies.
        shipped: the folder of shipped checkpoints.

    Raises:
        UnknownHeadError: the model has no head of this name.
        CheckpointError: the file is no head, or one that goes with another checkpoint.
    """
    known = heads_of(model, shipped)
    path = known.get(str(head))
    name = str(head)
    if path is None:
        if not names_a_file(head):
            raise UnknownHeadError(str(head), model.name, tuple(known))
        path = Path(head).expanduser()
        name = named_file(path)
    checkpoint = read_checkpoint(path)
    network = read_head(checkpoint, path)
    if not isinstance(upscaler, TexsrUpscaler) or model.path is None:
        raise _misplaced(path, checkpoint, f"model '{model.name}'")
    if digest_of(read_checkpoint(model.path)) != checkpoint.config["sha256"]:
        raise _misplaced(path, checkpoint, f"'{model.name}' with other weights")
    return HeadedUpscaler(upscaler, network.to(device), name)


def read_head(checkpoint: Checkpoint, where: Path) -> ImplicitHead:
    """Build the head of a checkpoint.

    Raises:
        CheckpointError: it holds none.
    """
    if not architecture_of(checkpoint, where).is_head:
        raise CheckpointError(
            where,
            found=f"a model of architecture '{checkpoint.architecture}'",
            expected="a head",
            remedy="give it with --model",
        )
    network = build_network(checkpoint, where)
    assert isinstance(network, ImplicitHead)
    return network


def _misplaced(path: Path, checkpoint: Checkpoint, found: str) -> CheckpointError:
    config = checkpoint.config
    return CheckpointError(
        path,
        found=f"a head for another checkpoint than {found}",
        expected=f"'{config['model']}' whose network has SHA-256 {config['sha256'][:12]}...",
        remedy="give that one with --model, or train a head on this one: "
        "texsr train --preset ciaosr-head --from CHECKPOINT",
    )
