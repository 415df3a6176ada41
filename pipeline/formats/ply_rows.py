"""The elements of a PLY file as columns: ASCII and binary, either byte order."""

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Float64, Int64, Num

from texsr.pipeline.errors import CaptureError

_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
_STRUCT = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "f4": "f", "f8": "d"}
_FORMATS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
MAX_HEADER_LINES = 10_000
MAX_LINE_BYTES = 1 << 16
MAX_LIST = 1 << 16  # values in a list: no polygon has more corners


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """A column of an element; a list where `count_type` is given."""

    name: str
    type: str  # of NumPy, without byte order
    count_type: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """A table that the header announces."""

    name: str
    count: int
    properties: tuple[Property, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What stands before the data."""

    order: str  # NumPy's byte order, empty for ASCII
    comments: tuple[str, ...]
    elements: tuple[Element, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """The values of a property, row after row; `lengths` says how many each row has."""

    values: Float64[np.ndarray, " k"]
    lengths: Int64[np.ndarray, " n"]


Table = dict[str, Column]


def malformed(where: str, found: str, expected: str) -> CaptureError:
    """Give the error for a PLY file that breaks its own rules."""
    return CaptureError(where, found=found, expected=expected, remedy="export the mesh again")


def read_header(path: Path, file: BinaryIO) -> Header:
    """Read up to and including `end_header`; the data follow in `file`."""
    order: str | None = None
    comments: list[str] = []
    elements: list[Element] = []
    for number in range(1, MAX_HEADER_LINES):
        raw = file.readline(MAX_LINE_BYTES)
        line = raw.decode("utf-8", "replace").strip()
        words = line.split()
        where = f"{path}:{number}"
        if number == 1 and line != "ply":
            raise malformed(where, f"{line[:40]!r}", "'ply' on the first line")
        match words:
            case ["end_header"]:
                if order is None:
                    raise malformed(str(path), "no format line", "ascii or binary")
                return Header(order=order, comments=tuple(comments), elements=tuple(elements))
            case ["format", name, _] if name in _FORMATS:
                order = _FORMATS[name]
            case ["comment", *_]:
                comments.append(line.partition(" ")[2])
            case ["element", name, count] if count.isdecimal() and len(count) < 12:
                elements.append(Element(name=name, count=int(count), properties=()))
            case ["property", *_] if elements:
                added = (*elements[-1].properties, _property(where, words))
                elements[-1] = Element(
                    name=elements[-1].name, count=elements[-1].count, properties=added
                )
            case ["ply"] | ["obj_info", *_]:
                pass
            case _:
                found = f"{line[:80]!r}" if raw else "the end of the file"
                raise malformed(where, found, "a PLY header that ends with end_header")
    raise malformed(str(path), f"a header of over {MAX_HEADER_LINES} lines", "end_header")


def _property(where: str, words: list[str]) -> Property:
    match words:
        case ["property", "list", count, of, name] if count in _TYPES and of in _TYPES:
            return Property(name=name, type=_TYPES[of], count_type=_TYPES[count])
        case ["property", of, name] if of in _TYPES:
            return Property(name=name, type=_TYPES[of], count_type=None)
        case _:
            raise malformed(where, f"{' '.join(words)[:80]!r}", "a property of a known type")


def read_table(path: Path, file: BinaryIO, element: Element, order: str) -> Table:
    """Read the rows of an element.

    Raises:
        CaptureError: fewer rows or values than announced, or no numbers.
    """
    where = f"{path}: element {element.name}"
    if not element.properties:
        raise malformed(where, "no properties", "at least one")
    if element.count == 0:
        empty = np.zeros(0)
        return {
            each.name: Column(values=empty, lengths=empty.astype(np.int64))
            for each in element.properties
        }
    if order:
        return _read_binary(where, file, element, order)
    return _read_ascii(where, file, element)


def _read_ascii(where: str, file: BinaryIO, element: Element) -> Table:
    lines = [line.decode("latin-1") for line in islice(file, element.count)]
    if len(lines) < element.count:
        raise malformed(where, f"{len(lines)} rows", f"{element.count}, as the header says")
    if not lines[0].strip():
        raise malformed(where, "an empty line", f"{element.count} rows")
    try:
        even = np.loadtxt(lines, comments=None, ndmin=2)
    except ValueError:  # rows of several lengths, or no numbers
        even = np.zeros((0, 0))
    table = _even(even, element) if len(even) == element.count else None
    if table is not None:
        return table
    try:
        rows = [list(map(float, line.split())) for line in lines]
    except ValueError as error:
        raise malformed(where, str(error), "numbers") from error
    return _uneven(where, rows, element)


def _even(rows: Float64[np.ndarray, "n c"], element: Element) -> Table | None:
    """Cut a table whose lists all have the same lengths into columns; None where they have not."""
    table: Table = {}
    at = 0
    for each in element.properties:
        length = 1
        if each.count_type is not None:
            if at >= rows.shape[1] or not (rows[:, at] == rows[0, at]).all():
                return None
            count = float(rows[0, at])
            if not 0 <= count <= rows.shape[1] or count != int(count):
                return None
            length, at = int(count), at + 1
        values = rows[:, at : at + length]
        if values.shape[1] != length:
            return None
        lengths = np.full(len(rows), length, np.int64)
        table[each.name] = Column(values=values.reshape(-1), lengths=lengths)
        at += length
    return table if at == rows.shape[1] else None


def _uneven(where: str, rows: Sequence[Sequence[float]], element: Element) -> Table:
    """Cut rows of several lengths into columns."""
    values: dict[str, list[float]] = {each.name: [] for each in element.properties}
    lengths: dict[str, list[int]] = {each.name: [] for each in element.properties}
    for number, row in enumerate(rows):
        at = 0
        for each in element.properties:
            length = 1
            if each.count_type is not None:
                count = row[at] if at < len(row) else -1.0
                if not 0 <= count <= len(row) or count != int(count):
                    at = len(row) + 1
                    break
                length, at = int(count), at + 1
            values[each.name].extend(row[at : at + length])
            lengths[each.name].append(length)
            at += length
        if at != len(row):
            raise malformed(
                f"{where}, row {number}",
                f"{len(row)} values",
                "as many as its lists announce",
            )
    return _columns(values, lengths)


def _columns(values: dict[str, list[float]], lengths: dict[str, list[int]]) -> Table:
    return {
        name: Column(
            values=np.array(values[name], np.float64), lengths=np.array(lengths[name], np.int64)
        )
        for name in values
    }


def _read_binary(where: str, file: BinaryIO, element: Element, order: str) -> Table:
    start = file.tell()
    room = os.fstat(file.fileno()).st_size - start
    smallest = sum(np.dtype(each.count_type or each.type).itemsize for each in element.properties)
    if element.count * smallest > room:
        found = f"{room} bytes, too few for {element.count} rows"
        raise malformed(where, found, "the rows that the header announces")
    row = _row_type(where, file, element, order)
    if row.itemsize * element.count <= room:
        file.seek(start)
        rows = np.frombuffer(file.read(row.itemsize * element.count), row)
        if all((rows[name] == rows[name][0]).all() for name in row.names or () if name[0] == "#"):
            return {each.name: _even_column(rows[each.name]) for each in element.properties}
    file.seek(start)
    return _read_uneven(where, file, element, order)


def _row_type(where: str, file: BinaryIO, element: Element, order: str) -> np.dtype:
    """Give the layout of the next row, taking its lists' lengths for those of all rows."""
    fields: list[tuple[str, str, int]] = []
    for index, each in enumerate(element.properties):
        length = 1
        if each.count_type is not None:
            count = np.dtype(order + each.count_type)
            raw = file.read(count.itemsize)
            length = int(np.frombuffer(raw, count)[0]) if len(raw) == count.itemsize else -1
            if not 0 <= length <= MAX_LIST:
                raise malformed(f"{where}, row 0", f"a list of {length}", "a list that fits")
            fields.append((f"#{index}", order + each.count_type, 1))
        file.seek(length * np.dtype(each.type).itemsize, os.SEEK_CUR)
        fields.append((each.name, order + each.type, length))
    return np.dtype([(name, kind, (length,)) for name, kind, length in fields])


def _even_column(values: Num[np.ndarray, "n k"]) -> Column:
    lengths = np.full(len(values), values.shape[1], np.int64)
    return Column(values=values.reshape(-1).astype(np.float64), lengths=lengths)


def _read_uneven(where: str, file: BinaryIO, element: Element, order: str) -> Table:
    """Read rows whose lists differ in length, one by one."""
    data = file.read()
    at = 0
    values: dict[str, list[float]] = {each.name: [] for each in element.properties}
    lengths: dict[str, list[int]] = {each.name: [] for each in element.properties}
    for number in range(element.count):
        try:
            for each in element.properties:
                length = 1
                if each.count_type is not None:
                    (length,) = struct.unpack_from(order + _STRUCT[each.count_type], data, at)
                    at += struct.calcsize(_STRUCT[each.count_type])
                if not 0 <= length <= MAX_LIST:
                    raise malformed(
                        f"{where}, row {number}", f"a list of {length}", "one that fits"
                    )
                layout = f"{order}{int(length)}{_STRUCT[each.type]}"
                values[each.name].extend(map(float, struct.unpack_from(layout, data, at)))
                lengths[each.name].append(int(length))
                at += struct.calcsize(layout)
        except struct.error as error:
            expected = f"{element.count} rows, as the header says"
            raise malformed(where, f"the end of the file in row {number}", expected) from error
    file.seek(at - len(data), os.SEEK_CUR)
    return _columns(values, lengths)
