"""What `texsr models` lists."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from texsr.flows.manifest import stamp
from texsr.flows.model_choice import shipped_folder, told_as_settings
from texsr.models.architectures import (
    WEIGHTS_FREE,
    Chosen,
    choose,
    load_upscaler,
    names,
)
from texsr.models.checkpoint import read_checkpoint
from texsr.models.heads import heads_of, read_head


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRow:
    """One head of a model."""

    name: str  # as --head takes it
    about: str
    parameters: int
    bytes: int  # on disk
    sha256: str
    figures: str  # one line
    facts: dict[str, Any]  # where it comes from


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One model."""

    name: str  # as --model takes it
    kind: str
    about: str
    scales: tuple[int, ...]
    references: int | None  # photos that a cell of the surface may use; None: all
    parameters: int
    bytes: int  # on disk
    sha256: str  # "" without a file
    figures: str  # one line
    facts: dict[str, Any]  # where a checkpoint comes from
    heads: tuple[HeadRow, ...] = ()  # that are shipped for it

    @property
    def nature(self) -> str:
        """Kind and size, to be read."""
        if not self.sha256:
            return self.kind
        return f"{self.kind}, {self.parameters:,} parameters in {self.bytes / 1e6:.1f} MB"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTable:
    """Every model there is here."""

    device: str
    auto: str
    """The name that `--model auto` stands for on this device."""
    rows: tuple[ModelRow, ...]

    def as_json(self) -> dict[str, Any]:
        """Give what `--json` prints: the rows by name."""
        rows = [asdict(row) for row in self.rows]
        return {
            "auto": self.auto,
            "device": self.device,
            "models": {row.pop("name"): row for row in rows},
        }


def model_table(files: Iterable[Path] = (), *, device: str = "cpu") -> ModelTable:
    """List the models that are known by name, and those in `files`. Each is really built.

    Raises:
        SettingsError: a checkpoint cannot be used.
    """
    shipped = shipped_folder()
    with told_as_settings():
        rows = [_row(name, choose(name, shipped=shipped)) for name in names(shipped)]
        rows += [_row(str(file), choose(file)) for file in files]
        auto = choose("auto", device=device, shipped=shipped).name
    return ModelTable(device=device, auto=auto, rows=tuple(rows))


def table_text(table: ModelTable) -> str:
    """Say it in a few lines a model, the one that `auto` stands for marked with a star."""
    width = max(len(row.name) for row in table.rows)
    lines: list[str] = []
    for row in table.rows:
        scales = ", ".join(f"x{scale}" for scale in row.scales)
        star = "*" if row.name == table.auto else " "
        lines.append(
            f"{star} {row.name:<{width}}  {row.nature}; {scales}; "
            f"{_references_text(row.references)}"
        )
        lines += [f"  {'':<{width}}  {text}" for text in (row.about, row.figures) if text]
        lines += [f"  {'':<{width}}  {_head_text(head)}" for head in row.heads]
    return "\n".join([*lines, "", f"* is what --model auto stands for here ({table.device})"])


def figures_line(facts: dict[str, Any]) -> str:
    """Draw one line of figures from the facts of a checkpoint.

    It is `facts["headline"]` where that is written, else the single numbers in `facts["figures"]`.
    """
    headline = facts.get("headline")
    if isinstance(headline, str):
        return _one_line(headline)
    figures = facts.get("figures")
    pairs = figures.items() if isinstance(figures, dict) else ()
    return ", ".join(f"{name} {value:g}" for name, value in pairs if isinstance(value, int | float))


def _row(name: str, chosen: Chosen) -> ModelRow:
    upscaler = load_upscaler(chosen.path or name)
    if chosen.path is None:
        about, parameters, size, sha256, facts = _first_line(WEIGHTS_FREE[name]), 0, 0, "", {}
    else:
        content = stamp(chosen.path)
        checkpoint = read_checkpoint(chosen.path)
        facts, parameters = checkpoint.facts, checkpoint.num_parameters
        about = _one_line(str(facts.get("about", ""))) or _first_line(type(upscaler))
        size, sha256 = content.bytes, content.sha256
    return ModelRow(
        name=name,
        kind=chosen.kind.value,
        about=about,
        scales=tuple(upscaler.scales),
        references=upscaler.max_references,
        parameters=parameters,
        bytes=size,
        sha256=sha256,
        figures=figures_line(facts),
        facts=facts,
        heads=tuple(_head(*one) for one in heads_of(chosen, shipped_folder()).items()),
    )


def _head(name: str, path: Path) -> HeadRow:
    content, checkpoint = stamp(path), read_checkpoint(path)
    read_head(checkpoint, path)
    return HeadRow(
        name=name,
        about=_one_line(str(checkpoint.facts.get("about", ""))),
        parameters=checkpoint.num_parameters,
        bytes=content.bytes,
        sha256=content.sha256,
        figures=figures_line(checkpoint.facts),
        facts=checkpoint.facts,
    )


def _head_text(head: HeadRow) -> str:
    size = f"{head.parameters:,} parameters in {head.bytes / 1e6:.1f} MB"
    told = "; ".join(text for text in (size, head.about, head.figures) if text)
    return f"--head {head.name}: {told}"


def _first_line(described: object) -> str:
    return (described.__doc__ or "").strip().partition("\n")[0]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _references_text(count: int | None) -> str:
    match count:
        case None:
            return "all photos"
        case 0:
            return "no photos"
        case _:
            return f"up to {count} photos a place"
