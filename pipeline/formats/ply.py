"""PLY with per-vertex or per-corner texture coordinates, and its texture in a comment."""

from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.paths import confined
from texsr.pipeline.formats.ply_rows import (
    Column,
    Header,
    Table,
    malformed,
    read_header,
    read_table,
)
from texsr.pipeline.formats.surfaces import (
    ABSENT,
    RawSurface,
    TextureSource,
    fans,
    texture_name,
    to_indices,
)

_VERTEX_UV = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"), ("texcoord_u", "texcoord_v"))
_CORNERS = ("vertex_indices", "vertex_index")
_TEXTURE_KEY = "texturefile"


def read_ply(path: Path, root: Path) -> RawSurface:
    """Read a PLY mesh, ASCII or binary.

    Texture coordinates have v up, as MeshLab and OpenMVS write them: per corner (`texcoord`) or per
    vertex (`s t`, `u v`, `texture_u texture_v`). `comment TextureFile NAME` names the texture;
    where there are several, the faces' `texnumber` tells which.

    Raises:
        CaptureError: a header, a row or a list that is not what it says it is.
    """
    with path.open("rb") as file:
        header = read_header(path, file)
        tables = {each.name: read_table(path, file, each, header.order) for each in header.elements}
        if file.read(1 << 16).strip():
            found = "more data than the header announces"
            raise malformed(str(path), found, "an end after the last row")
    vertex, face = tables.get("vertex", {}), tables.get("face", {})
    corners = next((face[name] for name in _CORNERS if name in face), None)
    if corners is None or not {"x", "y", "z"} <= vertex.keys():
        raise malformed(
            str(path),
            f"the elements {', '.join(tables) or 'none'} without x, y, z or vertex_indices",
            "vertices with x, y, z and faces with vertex_indices",
        )
    _check_corners(path, corners)
    pick, face_of = fans(corners.lengths)
    vertices = np.stack([vertex[axis].values for axis in "xyz"], axis=1)
    uv, corner_uv = _texture_coordinates(path, vertex, face, corners)
    textures = _textures(path, root, header)
    return RawSurface(
        vertices=vertices,
        faces=to_indices(corners.values.astype(np.int64)[pick]),
        uv=uv,
        uv_faces=to_indices(corner_uv[pick]),
        texture_id=to_indices(_texture_of_faces(path, face, len(textures), corners)[face_of]),
        textures=textures,
    )


def _check_corners(path: Path, corners: Column) -> None:
    short = np.flatnonzero(corners.lengths < 3)
    if len(short):
        where = f"{path}: element face, row {short[0]}"
        raise malformed(where, f"{corners.lengths[short[0]]} corners", "at least three")
    whole = (corners.values == np.rint(corners.values)) & (np.abs(corners.values) < 2**31)
    bad = np.flatnonzero(~whole)
    if len(bad):
        found = f"the vertex index {corners.values[bad[0]]:g}"
        raise malformed(f"{path}: element face", found, "whole numbers")


def _texture_coordinates(
    path: Path, vertex: Table, face: Table, corners: Column
) -> tuple[Float64[np.ndarray, "t 2"], Int64[np.ndarray, " k"]]:
    """Give texture coordinates and which of them each corner has."""
    if "texcoord" in face:
        listed = face["texcoord"]
        bare = listed.lengths == 0
        wrong = np.flatnonzero((listed.lengths != 2 * corners.lengths) & ~bare)
        if len(wrong):
            where = f"{path}: element face, row {wrong[0]}, texcoord"
            wanted = f"{2 * corners.lengths[wrong[0]]}, a pair a corner, or none"
            raise malformed(where, f"{listed.lengths[wrong[0]]} numbers", wanted)
        uv = listed.values.reshape(-1, 2)
        index = np.full(len(corners.values), ABSENT, np.int64)
        index[np.repeat(~bare, corners.lengths)] = np.arange(len(uv))
        return uv, index
    for u, v in _VERTEX_UV:
        if u in vertex and v in vertex:
            uv = np.stack([vertex[u].values, vertex[v].values], axis=1)
            return uv, corners.values.astype(np.int64)
    return np.zeros((0, 2)), np.full(len(corners.values), ABSENT, np.int64)


def _textures(path: Path, root: Path, header: Header) -> tuple[TextureSource, ...]:
    sources: list[TextureSource] = []
    for comment in header.comments:
        key, _, name = comment.strip().partition(" ")
        if key.lower() == _TEXTURE_KEY:
            where = f"{path}: comment {key} {name.strip()!r}"
            image = confined(root, path.parent, name.strip(), where=where)
            name = texture_name(path, image)
            sources.append(TextureSource(name=name, content=image, where=where))
    return tuple(sources)


def _texture_of_faces(
    path: Path, face: Table, num_textures: int, corners: Column
) -> Int64[np.ndarray, " f"]:
    if "texnumber" not in face:
        only = 0 if num_textures else ABSENT
        return np.full(len(corners.lengths), only, np.int64)
    number = face["texnumber"].values
    bad = np.flatnonzero((number >= max(num_textures, 1)) | (number != np.rint(number)))
    if len(bad):
        raise CaptureError(
            f"{path}: element face, row {bad[0]}, texnumber",
            found=f"{number[bad[0]]:g}",
            expected=f"one of {num_textures} textures, counted from 0",
            remedy="add a 'comment TextureFile NAME' line for each texture",
        )
    if num_textures == 0:
        return np.full(len(number), ABSENT, np.int64)
    return np.maximum(number, ABSENT).astype(np.int64)


def renamed_texture_header(path: Path, root: Path, renamed: dict[Path, str]) -> tuple[bytes, int]:
    """Give the header of a PLY file in which some textures have other names.

    Args:
        path: the file as it is.
        root: names lead nowhere else.
        renamed: image file -> the new last part of its name.

    Returns:
        The new header, and how many bytes the old one has.
    """
    lines: list[bytes] = []
    with path.open("rb") as file:
        while not lines or (lines[-1] and lines[-1].strip() != b"end_header"):
            lines.append(file.readline())
        length = file.tell()
    for row, line in enumerate(lines):
        words = line.split(None, 2)
        if len(words) == 3 and words[0] == b"comment" and words[1].lower() == b"texturefile":
            name = words[2].strip().decode("utf-8", "replace")
            image = confined(root, path.parent, name, where=str(path))
            if image in renamed:
                body = line.rstrip()
                kept = body[: len(body) - len(image.name.encode())]
                lines[row] = kept + renamed[image].encode() + line[len(body) :]
    return b"".join(lines), length
