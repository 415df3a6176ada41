"""Values between tasks: JSON text and file names, so that no array passes through Prefect."""

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from texsr.pipeline import errors

if TYPE_CHECKING:
    from texsr.flows.sharpen import Sharpened


def encode(value: Any) -> Any:
    """Turn nested dataclasses into what JSON can hold.

    Fields of a network's size that were added later are told only where they are not the default:
    so checkpoints and states of trainings are what they were before there were such fields.
    """
    match value:
        case errors.TexsrError():
            return value.as_json()
        case Enum():
            return value.value
        case Path():
            return str(value)
        case dict() as pairs:
            return {key: encode(item) for key, item in pairs.items()}
        case tuple() | list():
            return [encode(item) for item in value]
        case _ if is_dataclass(value):
            told = (field for field in fields(value) if not _goes_without(field, value))
            return {field.name: encode(getattr(value, field.name)) for field in told}
        case _:
            return value


def _goes_without(field: Field[Any], value: Any) -> bool:
    # The mark is `texsr.models.configuration.ADDED_LATER`, whose import would load PyTorch.
    return "added later" in field.metadata and getattr(value, field.name) == field.default


def decode(kind: Any, data: Any) -> Any:
    """Build a value of the annotated type `kind` from what `encode` made of it."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        if data is None:
            return None
        return decode(next(a for a in arguments if a is not types.NoneType), data)
    if origin is tuple:
        kinds = [arguments[0]] * len(data) if arguments[-1] is Ellipsis else arguments
        return tuple(decode(k, item) for k, item in zip(kinds, data, strict=True))
    if origin is dict:
        return {key: decode(arguments[1], item) for key, item in data.items()}
    if is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        values = {name: decode(hints[name], item) for name, item in data.items()}
        return typing.cast(Any, kind)(**values)
    if isinstance(kind, type) and issubclass(kind, errors.TexsrError):
        return _decode_error(data)
    if isinstance(kind, type) and issubclass(kind, Enum | Path):
        return kind(data)
    return data


def _decode_error(data: Mapping[str, str]) -> errors.TexsrError:
    return getattr(errors, data["error"])(
        data["where"], found=data["found"], expected=data["expected"], remedy=data["remedy"]
    )


def save_sharpened(sharpened: "Sharpened", work: Path) -> Path:
    """Write what a later task needs to find the new textures again."""
    described = {
        side: [
            {
                "path": str(array.filename),
                "shape": array.shape,
                "dtype": array.dtype.str,
                "offset": array.offset,
            }
            for array in getattr(sharpened, side)
        ]
        for side in ("textures", "provenance")
    }
    for array in (*sharpened.textures, *sharpened.provenance):
        array.flush()
    home = work / "sharpened.json"
    facts = {**described, "record": encode(sharpened.record)}
    home.write_text(json.dumps(facts), encoding="utf-8")
    return home


def load_sharpened(home: Path) -> "Sharpened":
    """Map the textures of an earlier task again, to be read."""
    import numpy as np

    from texsr.flows.sharpen import Sharpened
    from texsr.pipeline.record import RunRecord

    facts = json.loads(home.read_text(encoding="utf-8"))
    sides = {
        side: tuple(
            np.memmap(
                one["path"],
                dtype=np.dtype(one["dtype"]),
                mode="r",
                offset=one["offset"],
                shape=tuple(one["shape"]),
            )
            for one in facts[side]
        )
        for side in ("textures", "provenance")
    }
    return Sharpened(**sides, record=decode(RunRecord, facts["record"]))
