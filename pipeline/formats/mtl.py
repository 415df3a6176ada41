"""Material libraries of OBJ files: which image colours which material."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.paths import confined

# Options that stand before the file name, and how many words each takes.
_OPTIONS = {
    "-blendu": 1,
    "-blendv": 1,
    "-boost": 1,
    "-bm": 1,
    "-cc": 1,
    "-clamp": 1,
    "-colorspace": 1,
    "-imfchan": 1,
    "-mm": 2,
    "-texres": 1,
    "-type": 1,
}
_VECTORS = {"-o": 0.0, "-s": 1.0, "-t": 0.0}  # one to three numbers, and what leaves uv as it is
COLOR_MAPS = ("map_kd", "map_ka")  # the second is taken where the first is absent


@dataclass(frozen=True, slots=True, kw_only=True)
class MapLine:
    """A statement that gives a material an image."""

    material: str
    key: str  # lower case
    name: str  # as the file spells it
    where: str
    row: int  # of the file's lines, from 0
    moved: bool  # whether an option scales or shifts uv


def read_lines(path: Path) -> list[str]:
    """Read the lines of a material library, names decoded."""
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    return [decoded(line) for line in text.split("\n")]


def decoded(text: str) -> str:
    """Decode what was read with `surrogateescape`: as UTF-8, else as Latin-1 (old Windows)."""
    raw = text.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def map_lines(path: Path, lines: list[str]) -> Iterator[MapLine]:
    """Give every statement of a material library that names an image.

    Args:
        path: the library, for messages.
        lines: its text.
    """
    material = ""
    for row, line in enumerate(lines):
        words = line.split(maxsplit=1)
        if len(words) < 2 or words[0].startswith("#"):
            continue
        key, rest = words[0].lower(), words[1].strip()
        if key == "newmtl":
            material = rest
        elif key.startswith("map_") or key in ("bump", "disp", "decal", "refl", "norm"):
            name, moved = _after_options(rest)
            where = f"{path}:{row + 1}: {key} of '{material}'"
            yield MapLine(material=material, key=key, name=name, where=where, row=row, moved=moved)


def material_names(lines: list[str]) -> list[str]:
    """List the materials of a library in order."""
    words = (line.split(maxsplit=1) for line in lines)
    return [each[1].strip() for each in words if len(each) == 2 and each[0].lower() == "newmtl"]


def color_images(path: Path, root: Path, lines: list[str]) -> dict[str, tuple[MapLine, Path]]:
    """Find the colour image of each material of a library; materials without one are left out.

    Raises:
        CaptureError: an image outside the capture, or one that is scaled or shifted over uv.
    """
    found: dict[str, MapLine] = {}
    for key in reversed(COLOR_MAPS):
        found |= {line.material: line for line in map_lines(path, lines) if line.key == key}
    for line in found.values():
        if line.moved:
            raise CaptureError(
                line.where,
                found="an option (-s, -o or -t) that scales, shifts or disturbs the texture",
                expected="texture coordinates that address the atlas themselves",
                remedy="bake the option into the texture coordinates and remove it",
            )
    return {
        name: (line, confined(root, path.parent, line.name, where=line.where))
        for name, line in found.items()
    }


def other_images(path: Path, root: Path, lines: list[str]) -> Iterator[Path]:
    """Give the images of every kind that a library names inside the capture."""
    for line in map_lines(path, lines):
        try:
            yield confined(root, path.parent, line.name, where=line.where)
        except CaptureError:
            if line.key in COLOR_MAPS:
                raise
            # A bump map that we would only copy: the result names what the capture named.


def _after_options(text: str) -> tuple[str, bool]:
    """Give what follows the options, and whether one of them moves the texture over uv."""
    moved = False
    while True:
        option, _, rest = text.partition(" ")
        if option.lower() in _OPTIONS:
            words = rest.split(maxsplit=_OPTIONS[option.lower()])
            text = words[-1] if len(words) > _OPTIONS[option.lower()] else ""
        elif option.lower() in _VECTORS:
            still = _VECTORS[option.lower()]
            text = rest.strip()
            for _ in range(3):
                word, _, after = text.partition(" ")
                number = _number(word)
                if number is None or not after.strip():
                    break
                moved |= number != still
                text = after.strip()
        else:
            return text.strip(), moved


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def renamed_maps(path: Path, root: Path, text: str, renamed: dict[Path, str]) -> str:
    """Give the text of a library in which some images have other names.

    Args:
        path: the library as it is.
        root: names lead nowhere else.
        text: its text, line ends as they are.
        renamed: image file -> the new last part of its name.
    """
    pieces = re.split(r"(\r\n|\r|\n)", text)
    for line in map_lines(path, [decoded(each) for each in pieces[::2]]):
        try:
            image = confined(root, path.parent, line.name, where=line.where)
        except CaptureError:  # a file we never touch, for its name leads out of the capture
            continue
        if image in renamed:
            old = pieces[2 * line.row]
            kept = len(old.rstrip()) - len(image.name)
            pieces[2 * line.row] = old[:kept] + renamed[image] + old[len(old.rstrip()) :]
    return "".join(pieces)
