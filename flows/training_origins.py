"""Whose the material is that a network was trained on, read from the notes that lie beside it."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

from texsr.flows.dataset_places import for_validation_only, terms_below
from texsr.pipeline.formats.json_fields import read_json
from texsr.pipeline.formats.writing import write_file

ORIGIN = "origin.json"
NOT_STATED = "not stated"
MATERIAL, USES = ("name", "licence", "source"), "; "
LONGEST = 300  # characters of a note that are kept
KNOWN_TERMS = re.compile(
    r"CC0(?: 1\.0)?|CC BY(?:-[A-Z]+)*(?: \d\.\d)?|BSD \d-Clause|MIT|Apache-2\.0|Apache License 2\.0"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """An item of the data that a model card lists."""

    name: str
    licence: str
    source: str
    use: str


def origin_of(folder: Path, *, name: str, use: str) -> Origin:
    """Read what lies beside material: ATTRIBUTION*, LICENSE*, README* or dataset.json."""
    for place in (folder, folder / "capture", folder.parent):
        notes = terms_below(place) if place.is_dir() else []
        notes = notes or sorted(folder.glob("README*"))
        if notes:
            text = "\n".join(note.read_text(encoding="utf-8", errors="replace") for note in notes)
            return Origin(name=name, licence=_licence(text), source=_source(text), use=use)
    stated = NOT_STATED
    if (folder / "dataset.json").is_file():
        stated = str(read_json(folder / "dataset.json").get("licence") or NOT_STATED)
    return Origin(name=name, licence=stated, source=NOT_STATED, use=use)


def write_origin(pack: Path, origin: Origin, notes: Mapping[str, Any]) -> None:
    """Note in a pack whose it is, and `notes`: see `pack_note`."""
    facts = {**asdict(origin), **notes}
    write_file(pack / ORIGIN, json.dumps(facts).encode())


def pack_note(pack: Path, name: str) -> Any:
    """Give a note of a pack; None where it has none.

    `made` is what it was made by, `layout` how its surface lies in the texture plane
    (`texsr.flows.training_leaks`), `validation_only` that nothing may be learnt from it.
    """
    return read_json(pack / ORIGIN).get(name) if (pack / ORIGIN).is_file() else None


def pack_origin(pack: Path) -> Origin:
    """Give whose a pack is; it lies with the notes of its folder where it has none of its own."""
    if not (pack / ORIGIN).is_file():
        return origin_of(pack, name=pack.name, use="packed tiles")
    facts = read_json(pack / ORIGIN)
    parts = {name: str(facts.get(name) or NOT_STATED) for name in ("name", "licence", "source")}
    return Origin(**parts, use=str(facts.get("use") or "packed tiles"))


def is_for_validation(pack: Path) -> bool:
    """Whether a pack says, or its place, that nothing may be learnt from it."""
    return for_validation_only(pack) or pack_note(pack, "validation_only") is True


def merged(origins: Iterable[Origin]) -> list[dict[str, str]]:
    """Give the items of a model card, each once, in order of their names."""
    ordered = sorted(origins, key=lambda one: (one.name, one.use))
    return joined([asdict(one) for one in ordered])


def joined(*lists: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Join items of model cards: the same material is told of once, with all of its uses."""
    kept: dict[tuple[str, ...], list[str]] = {}
    for one in (one for items in lists for one in items):
        uses = kept.setdefault(tuple(one[part] for part in MATERIAL), [])
        uses += [use for use in one["use"].split(USES) if use not in uses]
    return [
        {**dict(zip(MATERIAL, material, strict=True)), "use": USES.join(uses)}
        for material, uses in kept.items()
    ]


def _licence(text: str) -> str:
    said = re.search(r"^\s*licen[cs]e:\s*(.+)$", text, re.IGNORECASE | re.MULTILINE)
    if said:
        return shorten(said[1], LONGEST, placeholder=" ...")
    terms = list(dict.fromkeys(match[0] for match in KNOWN_TERMS.finditer(text)))
    return ", ".join(terms) or NOT_STATED


def _source(text: str) -> str:
    said = re.search(r"^\s*source:\s*(.+)$", text, re.IGNORECASE | re.MULTILINE)
    return shorten((said[1] if said else text).lstrip("# "), LONGEST, placeholder=" ...")
