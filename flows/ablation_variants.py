"""The rows of the papers' tables that a trained network answers by itself."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float32
from torch import Tensor, nn

from texsr.flows.ablation_settings import Table
from texsr.flows.ablation_subjects import COUNTS, SCALE
from texsr.flows.handles import encode
from texsr.flows.manifest import stamp
from texsr.flows.model_choice import shipped_folder, told_as_settings
from texsr.models.amrsr import Amrsr
from texsr.models.architectures import architecture_of, build_network, choose
from texsr.models.checkpoint import read_checkpoint
from texsr.models.coarse_to_fine import find_anywhere
from texsr.models.masa import Masa, stacked
from texsr.models.parts import Choice, Parts
from texsr.models.resample import resize
from texsr.pipeline.errors import SettingsError

NUM_REFERENCES = 4
PART_COUNTS = (1, 4, 16)  # of references, and of the low image
VECTOR_COUNTS = (1, 2, 4)
PARTS_ATTENDED = 4  # of each reference, where it is asked what is attended to
SCALES = (1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
BICUBIC = "bicubic"
PLACEMENTS = {
    Choice.LEVELS: "over parts, then over references",
    Choice.PARTS: "over parts only",
    Choice.REFERENCES: "over references only",
    Choice.RUNNING: "one running argmax",
}


class UnfitError(Exception):
    """A row that there is not for this network or these references; the text says why."""


@runtime_checkable
class Answer(Protocol):
    """Restores one tile."""

    def __call__(
        self,
        low: Float32[Tensor, "3 h w"],
        references: list[Float32[Tensor, "3 _ _"]],
        size: tuple[int, int],
    ) -> Float32[Tensor, "3 H W"]:
        """Give an image of this height and width."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Variant:
    """One row: a network asked in one way."""

    table: Table
    model: str
    """As it was named; "" where it was trained for the row, or needs none."""
    part: str
    """Of the table."""
    label: str
    ways: Mapping[str, Any]
    """What decides the figures but for the tiles, as JSON has it."""
    prepare: Callable[[], Answer]
    """Loads or trains; it may raise `UnfitError`, and so may the answer."""
    num_references: int = NUM_REFERENCES
    """Of each tile, or as many as there are."""
    exactly: bool = False
    """With fewer references there is no such row."""
    scale: float = SCALE


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Published:
    """A trained network of one of the papers."""

    name: str
    architecture: str
    network: nn.Module
    restore: Callable[..., Any]
    sha256: str


def load_published(name: str, device: str) -> Published:
    """Load a checkpoint onto a device.

    Raises:
        SettingsError: there is none, it cannot be used, or it is of no published architecture.
    """
    with told_as_settings():
        chosen = choose(name, device=device, shipped=shipped_folder())
        checkpoint = None if chosen.path is None else read_checkpoint(chosen.path)
        known = {table.architecture for table in Table}
        if chosen.path is None or checkpoint is None or checkpoint.architecture not in known:
            found = "no weights" if checkpoint is None else f"a network '{checkpoint.architecture}'"
            raise SettingsError(
                f"--model {name}",
                found=found,
                expected=f"a checkpoint of {', '.join(sorted(known))}",
                remedy="train one with `texsr train --preset amrsr-seed` (or masa-, rrsr-, "
                "ciaosr-seed), and give its file",
            )
        network = build_network(checkpoint, chosen.path).to(device)
        restore = architecture_of(checkpoint, chosen.path).restore
    assert restore is not None
    return Published(
        name=name,
        architecture=checkpoint.architecture,
        network=network,
        restore=restore(network),
        sha256=stamp(chosen.path).sha256,
    )


def variants_of(table: Table, model: Published) -> list[Variant]:
    """List the rows of a table that a network of its architecture answers."""
    match table:
        case Table.AMRSR_REFERENCES:
            return [_of_references(model, count) for count in COUNTS]
        case Table.AMRSR_PARTS:
            return [_of_parts(model, *row) for row in _all_parts()]
        case Table.MASA:
            return list(_masa(model))
        case Table.RRSR:
            label = counted(NUM_REFERENCES)
            return [_variant(table, model, "As given", label, as_it_is(model.restore), {})]
        case Table.CIAOSR:
            return [one for scale in SCALES for one in _ciaosr(model, scale)]


def as_it_is(restore: Callable[..., Any]) -> Answer:
    """Ask a network as its architecture asks it."""

    def answer(low: Tensor, references: list[Tensor], size: tuple[int, int]) -> Tensor:
        return restore(low, references, size).high

    return answer


def counted(count: int) -> str:
    """Say how many references."""
    return "1 reference" if count == 1 else f"{count} references"


def _variant(
    table: Table, model: Published, part: str, label: str, answer: Answer, ways: Mapping[str, Any]
) -> Variant:
    return Variant(
        table=table,
        model=model.name,
        part=part,
        label=label,
        ways={"sha256": model.sha256, **ways},
        prepare=lambda: answer,
    )


def _of_references(model: Published, count: int) -> Variant:
    network = model.network
    assert isinstance(network, Amrsr)
    parts = network.config.parts
    answer = _attending(model, parts)
    made = _variant(Table.AMRSR_REFERENCES, model, "", counted(count), answer, _ways(parts))
    return replace(made, num_references=count, exactly=True)


def _of_parts(model: Published, part: str, label: str, parts: Parts) -> Variant:
    answer = _attending(model, parts)
    return _variant(Table.AMRSR_PARTS, model, part, label, answer, _ways(parts))


def _all_parts() -> Iterator[tuple[str, str, Parts]]:
    for count in PART_COUNTS:
        yield "Parts of each reference, N_R", f"{count}", Parts(of_references=count)
    for count in PART_COUNTS:
        yield "Parts of the low image, N_I", f"{count}", Parts(of_input=count)
    for count in VECTOR_COUNTS:
        yield "Sub-vectors, N_C", f"{count}", Parts(vectors=count)
    for choice, label in PLACEMENTS.items():
        parts = Parts(of_references=PARTS_ATTENDED, choice=choice)
        yield f"Attention, N_R = {PARTS_ATTENDED}", label, parts


def _attending(model: Published, parts: Parts) -> Answer:
    network = model.network
    assert isinstance(network, Amrsr)
    channels = network.config.trunk

    def answer(low: Tensor, references: list[Tensor], size: tuple[int, int]) -> Tensor:
        if any(count % parts.vectors for count in channels):
            raise UnfitError(f"its features have {channels} channels")
        return network(low, references, parts)

    return answer


def _ways(parts: Parts) -> dict[str, Any]:
    return {**encode(parts), "choice": parts.choice.name}


def _masa(model: Published) -> Iterator[Variant]:
    network = model.network
    assert isinstance(network, Masa)

    def exhaustive(low: Tensor, references: list[Tensor], size: tuple[int, int]) -> Tensor:
        return network(low, references, find_anywhere)

    def below(low: Tensor, references: list[Tensor], size: tuple[int, int]) -> Tensor:
        try:
            sheet = stacked(references)
        except ValueError as error:
            raise UnfitError(str(error)) from error
        return network(low, [sheet])

    plain = as_it_is(model.restore)
    for part, label, answer, ways in (
        ("Matching", "from coarse to fine", plain, {}),
        ("Matching", "exhaustive", exhaustive, {"search": "exhaustive"}),
        ("Several references", "one by one", plain, {}),
        ("Several references", "stacked", below, {"stacked": True}),
    ):
        yield _variant(Table.MASA, model, part, label, answer, ways)


def _ciaosr(model: Published, scale: float) -> Iterator[Variant]:
    plain = _variant(Table.CIAOSR, model, "", BICUBIC, _bicubic, {})
    yield replace(plain, ways={"bicubic": scale}, num_references=0, scale=scale)
    answer = as_it_is(model.restore)
    asked = _variant(Table.CIAOSR, model, "", "CiaoSR", answer, {"scale": scale})
    yield replace(asked, num_references=0, scale=scale)


def _bicubic(low: Tensor, references: list[Tensor], size: tuple[int, int]) -> Tensor:
    return resize(low[None], size)[0]
