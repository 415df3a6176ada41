"""The rows of numbers in an OBJ file, parsed a block at a time."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from texsr.pipeline.errors import CaptureError

NO_UV = -(1 << 62)  # stands for the index that `f 1 2 3` and `f 1//1 2//2 3//3` leave out


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Lines of one kind: their numbers in the file, from 1, and what follows the key."""

    lines: list[int]
    texts: list[str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Polygons:
    """Faces as the file lists them, corner after corner."""

    line: Int64[np.ndarray, " n"]
    corners: Int64[np.ndarray, " n"]  # of each face
    vertex: Int64[np.ndarray, " k"]  # counted from 0
    uv: Int64[np.ndarray, " k"]  # counted from 0, or NO_UV


def parse_numbers(path: Path, rows: Rows, columns: int) -> Float64[np.ndarray, "n c"]:
    """Parse the first `columns` numbers of each row; what follows (w, vertex colour) is left.

    Raises:
        CaptureError: fewer numbers, none at all, or numbers that are not finite; with the line.
    """
    if not rows.texts:
        return np.zeros((0, columns))
    if not rows.texts[0].partition("#")[0].strip():  # NumPy only warns where all rows are empty
        raise _bad_numbers(path, rows, columns)
    try:
        numbers = np.loadtxt(rows.texts, usecols=range(columns), comments="#", ndmin=2)
    except ValueError:
        numbers = None
    if numbers is None or len(numbers) != len(rows.texts) or not np.isfinite(numbers).all():
        raise _bad_numbers(path, rows, columns)
    return numbers


def parse_polygons(
    path: Path, rows: Rows, v_before: Int64[np.ndarray, " n"], vt_before: Int64[np.ndarray, " n"]
) -> Polygons:
    """Parse faces: `v`, `v/vt`, `v//vn` or `v/vt/vn`, at least three corners.

    Args:
        path: for messages.
        rows: the faces.
        v_before: how many vertices stand before each face; negative indices count back from there.
        vt_before: the same for texture coordinates.

    Raises:
        CaptureError: a corner of another form, fewer than three, or index 0; with the line.
    """
    text = " ".join(rows.texts)
    texts = [row.partition("#")[0] for row in rows.texts] if "#" in text else rows.texts
    words = [row.split() for row in texts]
    corners = np.fromiter(map(len, words), np.int64, len(words))
    tokens = [word for row in words for word in row]
    slashes = np.fromiter((token.count("/") for token in tokens), np.int64, len(tokens))
    joined = " ".join(tokens).replace("//", f"/{NO_UV}/").replace("/", " ")
    try:
        numbers = np.array(list(map(int, joined.split())), np.int64)
    except (ValueError, OverflowError):
        raise _bad_face(path, rows) from None
    # A corner with an empty part has more slashes than numbers to go with them, so the sums differ.
    whole = len(numbers) == len(tokens) + int(slashes.sum())
    if (
        not whole
        or corners.min(initial=3) < 3
        or slashes.max(initial=0) > 2
        or (numbers == 0).any()
    ):
        raise _bad_face(path, rows)
    first = np.cumsum(slashes + 1) - slashes - 1
    uv = np.where(slashes > 0, numbers[np.minimum(first + 1, len(numbers) - 1)], NO_UV)
    return Polygons(
        line=np.array(rows.lines, np.int64),
        corners=corners,
        vertex=_from_zero(numbers[first], np.repeat(v_before, corners)),
        uv=np.where(uv == NO_UV, NO_UV, _from_zero(uv, np.repeat(vt_before, corners))),
    )


def join_polygons(blocks: list[Polygons]) -> Polygons:
    """Put blocks one after the other."""
    none = np.zeros(0, np.int64)
    return Polygons(
        line=np.concatenate([none, *(each.line for each in blocks)]),
        corners=np.concatenate([none, *(each.corners for each in blocks)]),
        vertex=np.concatenate([none, *(each.vertex for each in blocks)]),
        uv=np.concatenate([none, *(each.uv for each in blocks)]),
    )


def _from_zero(
    index: Int64[np.ndarray, " k"], before: Int64[np.ndarray, " k"]
) -> Int64[np.ndarray, " k"]:
    """Count from 0, where OBJ counts from 1 on, and from -1 back."""
    return np.where(index > 0, index - 1, before + index)


def _bad_numbers(path: Path, rows: Rows, columns: int) -> CaptureError:
    return _bad_row(
        path,
        rows,
        lambda words: len(words) >= columns and all(map(_is_finite, words[:columns])),
        f"{columns} finite numbers",
    )


def _bad_face(path: Path, rows: Rows) -> CaptureError:
    return _bad_row(
        path,
        rows,
        lambda words: len(words) >= 3 and all(map(_is_corner, words)),
        "three or more corners v, v/vt, v//vn or v/vt/vn, counted from 1 or back from -1",
    )


def _bad_row(
    path: Path, rows: Rows, is_good: Callable[[list[str]], bool], expected: str
) -> CaptureError:
    """Find the row that does not parse, and give its error."""
    words = (text.partition("#")[0].split() for text in rows.texts)
    bad = next((row for row, each in enumerate(words) if not is_good(each)), 0)
    return CaptureError(
        f"{path}:{rows.lines[bad]}",
        found=repr(rows.texts[bad][:80]),
        expected=expected,
        remedy="export the mesh again",
    )


def _is_finite(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False


def _is_corner(word: str) -> bool:
    parts = word.split("/")
    if len(parts) == 3 and parts[1] == "":
        parts.pop(1)
    try:
        return len(parts) <= 3 and all(int(part) != 0 for part in parts)
    except ValueError:
        return False
