"""Wavefront OBJ with its material libraries."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.mtl import (
    color_images,
    decoded,
    material_names,
    other_images,
    read_lines,
)
from texsr.pipeline.formats.obj_rows import (
    NO_UV,
    Polygons,
    Rows,
    join_polygons,
    parse_numbers,
    parse_polygons,
)
from texsr.pipeline.formats.paths import confined
from texsr.pipeline.formats.surfaces import (
    ABSENT,
    RawSurface,
    TextureSource,
    fans,
    texture_name,
    to_indices,
)

BLOCK_LINES = 1 << 17  # parsed at once: enough for speed, few enough for memory
_NUMERIC = ("v", "vt", "f")


def read_obj(path: Path, root: Path) -> RawSurface:
    """Read an OBJ file and the material libraries it names.

    Polygons are cut into fans. Normals, groups, lines and points are passed over.

    Raises:
        CaptureError: a line that makes no sense, an index that is zero or out of range, a library
            that is missing or outside the capture.
    """
    vertices = [np.zeros((0, 3))]
    uv = [np.zeros((0, 2))]
    polygons: list[Polygons] = []
    switches: list[tuple[int, str]] = []  # from which line on which material holds
    libraries: dict[Path, list[str]] = {}
    num_v = num_vt = 0
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        statements = _statements(file)
        while block := list(islice(statements, BLOCK_LINES)):
            v, vt, f = (_rows(block, key) for key in _NUMERIC)
            vertices.append(parse_numbers(path, v, 3))
            uv.append(parse_numbers(path, vt, 2))
            before = (num_v + _count_before(v, f), num_vt + _count_before(vt, f))
            polygons.append(parse_polygons(path, f, *before))
            num_v, num_vt = num_v + len(v.lines), num_vt + len(vt.lines)
            switches += [(line, decoded(rest)) for line, key, rest in block if key == "usemtl"]
            for line, key, rest in block:
                if key == "mtllib":
                    found = _libraries(path, root, f"{path}:{line}: mtllib", decoded(rest))
                    libraries |= {each: read_lines(each) for each in found}
    listed = join_polygons(polygons)
    _check_range(path, listed, num_v, num_vt)
    pick, polygon = fans(listed.corners)
    materials = _materials(path, root, libraries)
    textures, texture_id = _textures(path, materials, switches, listed.line[polygon])
    return RawSurface(
        vertices=np.concatenate(vertices),
        faces=to_indices(listed.vertex[pick]),
        uv=np.concatenate(uv),
        uv_faces=to_indices(np.where(listed.uv == NO_UV, ABSENT, listed.uv)[pick]),
        texture_id=to_indices(texture_id),
        textures=textures,
        sidecars=(
            *libraries,
            *(
                image
                for each, lines in libraries.items()
                for image in other_images(each, root, lines)
            ),
        ),
    )


def _statements(lines: Iterable[str]) -> Iterator[tuple[int, str, str]]:
    """Give line number, key and rest of each statement that we use, continued lines joined."""
    used = frozenset((*_NUMERIC, "usemtl", "mtllib"))
    numbered = enumerate(lines, 1)
    for number, line in numbered:
        words = line.split(None, 1)
        if len(words) != 2 or words[0] not in used:
            if words and words[0] in _NUMERIC:
                yield number, words[0], ""
            continue
        rest = words[1].rstrip()
        while rest.endswith("\\") and words[0] in _NUMERIC:
            rest = rest[:-1] + next(numbered, (0, ""))[1].rstrip()
        yield number, words[0], rest


def _rows(block: list[tuple[int, str, str]], wanted: str) -> Rows:
    rows = [(line, rest) for line, key, rest in block if key == wanted]
    return Rows(lines=[line for line, _ in rows], texts=[rest for _, rest in rows])


def _count_before(counted: Rows, faces: Rows) -> Int64[np.ndarray, " n"]:
    """Count the rows of one kind that stand before each face of a block."""
    before = np.searchsorted(np.array(counted.lines, np.int64), np.array(faces.lines, np.int64))
    return before.astype(np.int64)


def _check_range(path: Path, listed: Polygons, num_v: int, num_vt: int) -> None:
    for name, index, count in (
        ("vertex", listed.vertex, num_v),
        ("texture coordinate", listed.uv, num_vt),
    ):
        bad = np.flatnonzero(((index < 0) & (index != NO_UV)) | (index >= count))
        if len(bad):
            face = int((np.cumsum(listed.corners) <= bad[0]).sum())
            raise CaptureError(
                f"{path}:{listed.line[face]}",
                found=f"a face that names {name} {index[bad[0]] + 1}",
                expected=f"one of the {count} that the file holds",
                remedy="export the mesh again; the file may have been cut short",
            )


def _libraries(path: Path, root: Path, where: str, rest: str) -> list[Path]:
    """Find the libraries of a mtllib statement: one name with spaces in it, or several names."""
    whole = confined(root, path.parent, rest, where=where)
    if whole.is_file():
        return [whole]
    several = [confined(root, path.parent, name, where=where) for name in rest.split()]
    if len(several) == 1 or not all(each.is_file() for each in several):
        missing = next(each for each in several if not each.is_file())
        raise CaptureError(
            where,
            found=f"no file {missing if len(several) > 1 else whole}",
            expected="the material library that the mesh names",
            remedy="put it beside the mesh or correct the mtllib line",
        )
    return several


def _materials(
    path: Path, root: Path, libraries: dict[Path, list[str]]
) -> dict[str, TextureSource | None]:
    """Collect the materials of all libraries; the first definition of a name holds."""
    materials: dict[str, TextureSource | None] = {}
    for library, lines in libraries.items():
        images = color_images(library, root, lines)
        for material in material_names(lines):
            line, image = images.get(material, (None, None))
            source = None
            if line is not None and image is not None:
                name = texture_name(path, image)
                source = TextureSource(name=name, content=image, where=line.where)
            materials.setdefault(material, source)
    return materials


def _textures(
    path: Path,
    materials: dict[str, TextureSource | None],
    switches: list[tuple[int, str]],
    line: Int64[np.ndarray, " f"],
) -> tuple[tuple[TextureSource, ...], Int64[np.ndarray, " f"]]:
    """Give the textures, and which of them each triangle has."""
    if not switches and len(materials) == 1:
        switches = [(0, next(iter(materials)))]  # without usemtl, the only material is meant
    rows: list[int] = [ABSENT]  # before the first usemtl
    textures = [source for source in materials.values() if source is not None]
    for number, name in switches:
        if name not in materials:
            raise CaptureError(
                f"{path}:{number}: usemtl",
                found=f"the material {name!r}, which no library defines",
                expected="one of " + (", ".join(map(repr, [*materials][:8])) or "none: no mtllib"),
                remedy="export the mesh again together with its material library",
            )
        source = materials[name]
        rows.append(ABSENT if source is None else textures.index(source))
    starts = np.array([number for number, _ in switches], np.int64)
    return tuple(textures), np.array(rows, np.int64)[np.searchsorted(starts, line)]
