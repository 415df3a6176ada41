"""Typed reading of JSON keys, with the file and the key named in every error."""

import json
import math
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float64

from texsr.pipeline.errors import CaptureError

MAX_JSON_BYTES = 2**27


def read_json(path: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises:
        CaptureError: it is no JSON, no object, nested too deep or too large.
    """
    size = path.stat().st_size
    if size > MAX_JSON_BYTES:
        raise CaptureError(
            path,
            found=f"{size} bytes",
            expected=f"at most {MAX_JSON_BYTES} bytes of JSON",
            remedy="split the capture",
        )
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as fault:  # UnicodeDecodeError is a ValueError
        raise CaptureError(
            path,
            found=f"text that is no JSON ({str(fault)[:120]})",
            expected="a JSON object in UTF-8",
            remedy="export the file again; it may have been cut short",
        ) from None
    return Fields.of(document, str(path)).keys


class Fields:
    """The keys of one JSON object and where it stands."""

    __slots__ = ("keys", "where")

    def __init__(self, keys: dict[str, Any], where: str) -> None:
        self.keys = keys
        self.where = where

    @classmethod
    def of(cls, value: Any, where: str) -> "Fields":
        """Take a JSON value that has to be an object."""
        if not isinstance(value, dict):
            raise CaptureError(
                where,
                found=f"{value!r:.60}",
                expected="a JSON object",
                remedy="export the file again",
            )
        return cls(cast(dict[str, Any], value), where)

    def get(self, key: str) -> Any:
        """Give a raw value; None where the key is missing or null."""
        return self.keys.get(key)

    def text(self, key: str) -> str:
        """Give a string that must be there."""
        value = self.get(key)
        if not isinstance(value, str) or not value:
            raise self.fault(key, "a string that is not empty")
        return value

    def number(self, key: str, *, default: float | None = None) -> float:
        """Give a finite number; an absent one is `default`, or an error where that is None."""
        value = self.get(key)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fault(key, "a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.fault(key, "a finite number")
        return number

    def count(self, key: str) -> int:
        """Give a whole number of at least 1, which some programs write as 800.0."""
        number = self.number(key)
        if number < 1 or number != int(number):
            raise self.fault(key, "a whole number of at least 1")
        return int(number)

    def matrix(self, key: str) -> Float64[np.ndarray, "4 4"]:
        """Give a 4 x 4 matrix; of three rows, the fourth is taken to be 0 0 0 1."""
        value = self.get(key)
        expected = "4 rows (or 3) of 4 numbers"
        try:
            rows = np.array(value, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            raise self.fault(key, expected) from None
        if rows.shape not in ((4, 4), (3, 4)):
            raise self.fault(key, expected)
        matrix = np.eye(4)
        matrix[: len(rows)] = rows
        return matrix

    def fault(self, key: str, expected: str) -> CaptureError:
        """Describe a value that is not what it should be."""
        value = self.get(key)
        return CaptureError(
            f"{self.where}: {key}",
            found="nothing" if value is None else f"{value!r:.60}",
            expected=expected,
            remedy="export the file again or exclude the photo",
        )
