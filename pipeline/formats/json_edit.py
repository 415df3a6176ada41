"""Changing single values of a JSON document and no other character of it."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping

Place = tuple[str | int, ...]  # keys and indices from the top: ("images", 0, "uri")

_SPACE = re.compile(r"[ \t\n\r\ufeff]*")
_DECODER = json.JSONDecoder()


def edited(text: str, edits: Mapping[Place, str | Iterable[str]]) -> Iterator[str]:
    """Give a document with some values replaced, piece by piece.

    A member that is missing from its object is put at the object's beginning.

    Args:
        text: a valid document.
        edits: what to put where: JSON text, or pieces of it where it is long. The place has to
            exist but for its last key.
    """
    prefixes = {place[:length] for place in edits for length in range(len(place) + 1)}
    spans = dict(_spans(text, _skip(text, 0), (), prefixes))
    done = 0
    ordered = sorted((*_target(text, spans, place), place) for place in edits)
    for start, end, prefix, suffix, place in ordered:
        value = edits[place]
        yield text[done:start] + prefix
        yield from [value] if isinstance(value, str) else value
        yield suffix
        done = end
    yield text[done:]


def _target(
    text: str, spans: Mapping[Place, tuple[int, int]], place: Place
) -> tuple[int, int, str, str]:
    """Say what stretch to replace, and what has to stand before and after the value."""
    if place in spans:
        return (*spans[place], "", "")
    start = spans[place[:-1]][0] + 1
    more = text[_skip(text, start)] != "}"
    return start, start, f"{json.dumps(place[-1])}:", "," if more else ""


def _spans(
    text: str, at: int, place: Place, prefixes: set[Place]
) -> Iterator[tuple[Place, tuple[int, int]]]:
    """Give where the values at `prefixes` stand; other values are passed over."""
    end = _DECODER.raw_decode(text, at)[1]
    yield place, (at, end)
    if text[at] not in "{[":
        return
    is_object, index = text[at] == "{", 0
    at = _skip(text, at + 1)
    while text[at] not in "}]":
        key: str | int = index
        if is_object:
            key, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)  # the colon
        inner = (*place, key)
        if inner in prefixes:
            yield from _spans(text, at, inner, prefixes)
        at = _skip(text, _DECODER.raw_decode(text, at)[1])
        if text[at] == ",":
            at = _skip(text, at + 1)
        index += 1


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return at if match is None else match.end()
