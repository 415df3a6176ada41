"""Configurations out of files: each field there, no other, each of its type.

A field marked `ADDED_LATER` may lack: files from before it mean its default.
"""

import types
import typing
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from texsr.models.checkpoint import CheckpointError

ADDED_LATER = {"added later": True}
"""Metadata of a field with a default that files written before it do not have."""


def configure(kind: type, config: Mapping[str, Any], where: str | Path) -> Any:
    """Build the frozen dataclass `kind` of what a checkpoint says.

    Args:
        kind: its fields are numbers, text, booleans, None, literals, unions and tuples of these.
        where: what errors call the checkpoint.

    Raises:
        CheckpointError: a field is missing, unknown, of another type, or refused by `kind` itself.
    """
    hints = typing.get_type_hints(kind)
    known = {field.name: hints[field.name] for field in fields(kind)}
    needed = {
        field.name for field in fields(kind) if not ADDED_LATER.keys() <= field.metadata.keys()
    }
    faults = [
        *(f"no field '{name}'" for name in sorted(needed - config.keys())),
        *(f"an unknown field '{name}'" for name in sorted(config.keys() - known.keys())),
        *(
            f"{name} = {config[name]!r}, which is not of type {_said(hint)}"
            for name, hint in known.items()
            if name in config and not _fits(config[name], hint)
        ),
    ]
    if not faults:
        try:
            return kind(**config)
        except ValueError as error:
            faults = [f"values that do not go together ({error})"]
    raise CheckpointError(
        where,
        found=f"a configuration with {'; '.join(faults)}",
        expected=f"the fields of {kind.__name__}: {', '.join(known)}",
        remedy="use the version of texsr that wrote the file",
    )


def _fits(value: Any, hint: Any) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, argument) for argument in arguments)
    if origin is typing.Literal:
        return any(value == choice and type(value) is type(choice) for choice in arguments)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        kinds = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
        return len(kinds) == len(value) and all(map(_fits, value, kinds))
    if hint is float:
        return type(value) in (int, float)
    return value is None if hint is types.NoneType else type(value) is hint


def _said(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint)
