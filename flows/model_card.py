"""The card of a checkpoint: one Markdown page, made of the facts in the file and nothing else.

The facts that a card needs, as the trainer writes them into the checkpoint:

    about     one sentence
    data      a list of {"name", "licence", "source", "use"}: all that it was trained on
    recipe    what the training was told, by name
    commit    of the code that trained it
    limits    a list of sentences
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from texsr.flows.manifest import stamp
from texsr.flows.model_choice import told_as_settings
from texsr.models.architectures import build_network
from texsr.models.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from texsr.pipeline.errors import SettingsError
from texsr.pipeline.formats.writing import write_file

Figures = Mapping[str, Mapping[str, Mapping[str, float | str | None]]]
"""By set, then by row, then by column. None: not measured."""

NEEDED: dict[str, type] = {
    "about": str,
    "data": list,
    "recipe": dict,
    "commit": str,
    "limits": list,
}
OF_DATA = ("name", "licence", "source", "use")


def write_card(
    checkpoint_path: Path,
    figures: Figures,
    out: Path,
    *,
    pictures: Mapping[str, str] | None = None,
) -> None:
    """Write the card of a checkpoint; the same arguments give the same bytes.

    Args:
        checkpoint_path: a checkpoint that can be built, with the facts that a card needs.
        figures: tables, one a set.
        out: the Markdown file.
        pictures: captions, and where their pictures lie as seen from `out`.

    Raises:
        SettingsError: the checkpoint cannot be used, or a fact lacks.
        OutputError: `out` cannot be written.
    """
    with told_as_settings():
        checkpoint = read_checkpoint(checkpoint_path)
        build_network(checkpoint, checkpoint_path)
    _check_facts(checkpoint_path, checkpoint.facts)
    write_file(out, card_text(checkpoint_path, checkpoint, figures, pictures or {}).encode())


def add_facts(path: Path, facts: Mapping[str, Any]) -> None:
    """Add facts to a checkpoint, in place of those of the same name.

    Its weights are stored as float16 then, as they are in all that is shipped.

    Raises:
        SettingsError: the checkpoint cannot be used, or a fact is not JSON.
    """
    with told_as_settings():
        checkpoint = read_checkpoint(path)
        write_checkpoint(path, replace(checkpoint, facts={**checkpoint.facts, **facts}))


def card_text(
    path: Path, checkpoint: Checkpoint, figures: Figures, pictures: Mapping[str, str]
) -> str:
    """Give the page."""
    facts, content = checkpoint.facts, stamp(path)
    identity = {
        "architecture": checkpoint.architecture,
        "parameters": f"{checkpoint.num_parameters:,}",
        "file": f"`{path.name}`, {content.bytes:,} bytes",
        "SHA-256": f"`{content.sha256}`",
        "trained by commit": f"`{facts['commit']}`",
    }
    data = [[one[name] for name in OF_DATA] for one in facts["data"]]
    blocks = [
        f"<!-- Written from the facts in {path.name}; change those, then write it again. -->",
        f"# `{path.stem}`",
        _prose(facts["about"]),
        _table(["", ""], identity.items()),
        "## Data and licences",
        _table(OF_DATA, data),
        "## Recipe",
        _table(["", ""], facts["recipe"].items()),
        "## Configuration",
        _table(["", ""], checkpoint.config.items()),
        "## Figures",
        *_figures(figures),
        *_pictures(pictures),
        "## Limits",
        "\n".join(f"- {_prose(limit)}" for limit in facts["limits"]),
    ]
    return "\n\n".join(blocks) + "\n"


def _check_facts(path: Path, facts: Mapping[str, Any]) -> None:
    faults = [
        f"'{name}' missing, empty or no {kind.__name__}"
        for name, kind in NEEDED.items()
        if not (isinstance(facts.get(name), kind) and facts[name])
    ]
    if not faults:
        faults = [
            f"an item of 'data' without '{name}'"
            for one in facts["data"]
            for name in OF_DATA
            if not (isinstance(one, dict) and one.get(name))
        ]
    if faults:
        raise SettingsError(
            path,
            found=f"facts with {'; '.join(faults)}",
            expected=f"{', '.join(NEEDED)}; of each item of data {', '.join(OF_DATA)}",
            remedy="add them with texsr.flows.model_card.add_facts",
        )


def _figures(figures: Figures) -> list[str]:
    """Give a heading and a table for each set; a column that only some rows have stays empty."""
    blocks: list[str] = []
    for title, rows in figures.items():
        columns = list(dict.fromkeys(column for row in rows.values() for column in row))
        cells = [[name, *(_figure(row.get(c)) for c in columns)] for name, row in rows.items()]
        blocks += [f"### {_prose(title)}", _table(["", *columns], cells)]
    return blocks or ["None were measured."]


def _figure(value: float | str | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _pictures(pictures: Mapping[str, str]) -> list[str]:
    shown = [f"![{_prose(said)}](<{place}>)\n\n{_prose(said)}" for said, place in pictures.items()]
    return ["## Pictures", *shown] if shown else []


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [[_cell(item) for item in row] for row in (head, *rows)]
    rule = ["---"] * len(head)
    return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:]))


def _cell(value: Any) -> str:
    match value:
        case float():
            return f"{value:.6g}"
        case dict():
            return ", ".join(f"{name}: {_cell(item)}" for name, item in value.items())
        case list() | tuple():
            return ", ".join(map(_cell, value))
        case _:
            return _prose(str(value)).replace("|", "\\|")


def _prose(text: str) -> str:
    """Put a text on one line."""
    return " ".join(text.split())
