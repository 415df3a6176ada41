"""JSON that somebody else wrote: typed access that names the field where it is wrong."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from texsr.pipeline.errors import CaptureError


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonNode:
    """A value and where it stands in its file."""

    file: Path
    place: str  # "meshes[0].primitives[2]"; empty for the whole document
    value: object

    @property
    def where(self) -> str:
        """File and field, for messages."""
        return f"{self.file}: {self.place}" if self.place else str(self.file)

    def fault(self, *, found: str, expected: str) -> CaptureError:
        """Give the error for a value that is not what it has to be."""
        remedy = "export the file again with another program or version"
        return CaptureError(self.where, found=found, expected=expected, remedy=remedy)

    def get(self, key: str) -> "JsonNode | None":
        """Give a member of an object, or None where it has none of that name."""
        members = self._members()
        if key not in members:
            return None
        place = f"{self.place}.{key}" if self.place else key
        return JsonNode(file=self.file, place=place, value=members[key])

    def __getitem__(self, key: str) -> "JsonNode":
        """Give a member that has to be there."""
        member = self.get(key)
        if member is None:
            raise self.fault(found=f"no '{key}'", expected=f"an object with '{key}'")
        return member

    def path(self, *keys: str) -> "JsonNode | None":
        """Follow members down, as far as they are there."""
        node: JsonNode | None = self
        for key in keys:
            node = None if node is None else node.get(key)
        return node

    def items(self, key: str) -> list["JsonNode"]:
        """List the elements of an array that may be missing."""
        array = self.get(key)
        return [] if array is None else list(array.elements())

    def item(self, key: str, index: int) -> "JsonNode":
        """Give an element of an array by its index, which another field holds."""
        array = self.get(key)
        values = [] if array is None else array.array()
        if not 0 <= index < len(values):
            raise self.fault(found=f"the index {index} into '{key}'", expected=f"< {len(values)}")
        place = f"{self.place}.{key}" if self.place else key
        return JsonNode(file=self.file, place=f"{place}[{index}]", value=values[index])

    def elements(self) -> Iterator["JsonNode"]:
        """Go through an array."""
        for index, value in enumerate(self.array()):
            yield JsonNode(file=self.file, place=f"{self.place}[{index}]", value=value)

    def array(self) -> list[object]:
        """Give the bare values of an array."""
        is_array = isinstance(self.value, list)
        if not is_array:
            raise self.fault(found=_short(self.value), expected="an array")
        return cast("list[object]", self.value)

    def text(self) -> str:
        """Give a string."""
        if not isinstance(self.value, str):
            raise self.fault(found=_short(self.value), expected="a string")
        return self.value

    def index(self) -> int:
        """Give a whole number that is not negative."""
        value = self.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 53:
            raise self.fault(found=_short(self.value), expected="a whole number, 0 or more")
        return value

    def number(self) -> float:
        """Give a finite number."""
        value = self.value
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.fault(found=_short(value), expected="a number")
        if not abs(value) < 1e300 or not math.isfinite(value):
            raise self.fault(found=_short(value), expected="a finite number")
        return float(value)

    def numbers(self, count: int) -> list[float]:
        """Give an array of finite numbers."""
        values = [each.number() for each in self.elements()]
        if len(values) != count:
            raise self.fault(found=f"{len(values)} numbers", expected=f"{count} numbers")
        return values

    def index_of(self, key: str, default: int) -> int:
        """Give a whole number that may be missing."""
        member = self.get(key)
        return default if member is None else member.index()

    def flag_of(self, key: str) -> bool:
        """Give a truth value; false where it is missing."""
        member = self.get(key)
        return member is not None and member.value is True

    def _members(self) -> dict[str, object]:
        is_object = isinstance(self.value, dict)
        if not is_object:
            raise self.fault(found=_short(self.value), expected="an object")
        return cast("dict[str, object]", self.value)


def parse_json(file: Path, text: str) -> JsonNode:
    """Parse a document.

    Raises:
        CaptureError: no JSON, or nested deeper than any real file.
    """
    try:
        return JsonNode(file=file, place="", value=json.loads(text))
    except (ValueError, RecursionError) as error:
        raise CaptureError(
            file,
            found=f"text that is no JSON ({error})",
            expected="a complete JSON document",
            remedy="export the file again; it may have been cut short",
        ) from error


def _short(value: object) -> str:
    return repr(value)[:60]
