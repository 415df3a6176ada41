"""From what a mesh file says to a TexturedMesh that holds: the checks that all formats share."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int32, Int64

from texsr.pipeline.atlas import Atlas, ImageKind, TexturedMesh
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.images import Stored, read_image
from texsr.pipeline.mesh import Charts, Mesh, label_charts

ABSENT = -1  # in `uv_faces` and `texture_id`

_EXPORT_AGAIN = "export the mesh again"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextureSource:
    """An image that a material names, not read yet."""

    name: str  # the key of the atlas; never a way out of a folder
    content: Path | bytes  # a file, or the file that the mesh carries inside
    where: str  # file and field that name it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawSurface:
    """What a mesh file says, in triangles, before it is checked."""

    vertices: Float64[np.ndarray, "v 3"]
    faces: Int32[np.ndarray, "f 3"]
    uv: Float64[np.ndarray, "t 2"]  # v up
    uv_faces: Int32[np.ndarray, "f 3"]  # ABSENT: this corner has no uv
    texture_id: Int32[np.ndarray, " f"]  # rows of `textures`, or ABSENT
    textures: tuple[TextureSource, ...]
    sidecars: tuple[Path, ...] = field(default=())  # other files that the mesh file names


def build_surface(path: Path, raw: RawSurface) -> TexturedMesh:
    """Check what a mesh file says, read its atlases and number its charts.

    Textures that no face uses are no atlases. Two names of one file are one atlas. Faces of no area
    are kept; a face without uv gets three times the same uv and no atlas.

    Raises:
        CaptureError: no faces, no uv, no texture, an index out of range, numbers that are not
            finite, or an atlas that cannot be read.
    """
    _check_counts(path, raw)
    _check_numbers(path, raw)
    uv, uv_faces, texture_id = _without_gaps(raw)
    atlases, material_of_texture = _read_atlases(path, raw.textures, texture_id)
    mesh = Mesh(vertices=raw.vertices, faces=raw.faces)
    charts = Charts(
        uv=uv,
        uv_faces=uv_faces,
        chart_id=label_charts(mesh, uv, uv_faces),
        material_id=material_of_texture[texture_id],
    )
    return TexturedMesh(
        path=path, mesh=mesh, charts=charts, atlases=atlases, sidecars=_sidecars(raw, atlases)
    )


def _check_counts(path: Path, raw: RawSurface) -> None:
    if len(raw.vertices) == 0 or len(raw.faces) == 0:
        raise CaptureError(
            path,
            found=f"{len(raw.vertices)} vertices and {len(raw.faces)} triangles",
            expected="a triangle mesh",
            remedy="export the surface itself, not a point cloud or an empty scene",
        )
    if len(raw.uv) == 0 or (raw.uv_faces == ABSENT).any(axis=1).all():
        raise CaptureError(
            path,
            found="no face with texture coordinates",
            expected="a mesh with UVs and the atlas they belong to",
            remedy="unwrap and texture the mesh, then export it with its UVs",
        )
    if (raw.texture_id == ABSENT).all():
        raise CaptureError(
            path,
            found="no face whose material names a colour texture",
            expected="a material with an atlas (map_Kd, baseColorTexture or comment TextureFile)",
            remedy="export the mesh with its texture",
        )


def _check_numbers(path: Path, raw: RawSurface) -> None:
    for name, numbers in (("vertex", raw.vertices), ("texture coordinate", raw.uv)):
        bad = np.flatnonzero(~np.isfinite(numbers).all(axis=1))
        if len(bad):
            raise CaptureError(
                path,
                found=f"{name} {bad[0]} (of {len(bad)}) with numbers that are not finite",
                expected="finite coordinates",
                remedy=_EXPORT_AGAIN,
            )
    for name, rows, count, low in (
        ("vertex", raw.faces, len(raw.vertices), 0),
        ("texture coordinate", raw.uv_faces, len(raw.uv), ABSENT),
    ):
        bad = np.flatnonzero(((rows < low) | (rows >= count)).any(axis=1))
        if len(bad):
            raise CaptureError(
                f"{path}: triangle {bad[0]}",
                found=f"{name} indices {rows[bad[0]].tolist()}",
                expected=f"indices below {count}",
                remedy=_EXPORT_AGAIN,
            )


def _without_gaps(
    raw: RawSurface,
) -> tuple[Float64[np.ndarray, "t2 2"], Int32[np.ndarray, "f 3"], Int32[np.ndarray, " f"]]:
    """Give every face some uv: faces without one get a point, and no texture."""
    bare = (raw.uv_faces == ABSENT).any(axis=1)
    if not bare.any():
        return raw.uv, raw.uv_faces, raw.texture_id
    uv = np.concatenate([raw.uv, np.zeros((1, 2))])
    uv_faces = np.where(bare[:, None], np.int32(len(raw.uv)), raw.uv_faces)
    return uv, uv_faces, np.where(bare, np.int32(ABSENT), raw.texture_id)


def _read_atlases(
    path: Path, textures: tuple[TextureSource, ...], texture_id: Int32[np.ndarray, " f"]
) -> tuple[tuple[Atlas, ...], Int32[np.ndarray, " n"]]:
    """Read each used image once.

    Returns:
        The atlases in order of their first texture, and the row of each texture in them; one more
        row at the end makes ABSENT index to ABSENT.
    """
    atlases: list[Atlas] = []
    row_of: dict[Path | int, int] = {}
    rows = np.full(len(textures) + 1, ABSENT, np.int32)
    for index in map(int, np.unique(texture_id[texture_id != ABSENT])):
        source = textures[index]
        key = source.content.resolve() if isinstance(source.content, Path) else index
        if key not in row_of:
            row_of[key] = len(atlases)
            names = {atlas.name for atlas in atlases}
            atlases.append(_atlas(source, unique_name(source.name, names)))
        rows[index] = row_of[key]
    return tuple(atlases), rows


def _atlas(source: TextureSource, name: str) -> Atlas:
    stored: Stored
    kind: ImageKind
    if isinstance(source.content, Path) and not source.content.is_file():
        raise CaptureError(
            source.where,
            found=f"no file {source.content}",
            expected="the atlas that the mesh names",
            remedy=f"put the image there{_namesake(source.content)} or correct the name",
        )
    stored, kind = read_image(source.content, where=source.where)
    path = source.content if isinstance(source.content, Path) else None
    return Atlas(name=name, path=path, kind=kind, stored=stored)


def to_indices(numbers: Int64[np.ndarray, "..."]) -> Int32[np.ndarray, "..."]:
    """Narrow indices; those beyond 32 bits stay out of range instead of wrapping around."""
    return np.clip(numbers, ABSENT - 1, np.iinfo(np.int32).max).astype(np.int32)


def fans(
    corners: Int64[np.ndarray, " n"],
) -> tuple[Int64[np.ndarray, "f 3"], Int64[np.ndarray, " f"]]:
    """Cut polygons, listed corner after corner, into triangles around their first corner.

    Args:
        corners: of each polygon, three or more.

    Returns:
        The places of each triangle's corners in the list, and the polygon it comes from.
    """
    triangles = corners - 2
    polygon = np.repeat(np.arange(len(corners)), triangles)
    first = (np.cumsum(corners) - corners)[polygon]
    step = np.arange(len(polygon)) - (np.cumsum(triangles) - triangles)[polygon]
    return np.stack([first, first + step + 1, first + step + 2], axis=1), polygon


def texture_name(mesh: Path, image: Path) -> str:
    """Name an image file relative to the folder of its mesh, or plainly where it lies elsewhere."""
    folder = Path(os.path.normpath(mesh.parent))
    return image.relative_to(folder).as_posix() if image.is_relative_to(folder) else image.name


def unique_name(name: str, taken: set[str]) -> str:
    """Give a name that is not taken by numbering it before its extension."""
    path, number, unique = Path(name), 1, name
    while unique.casefold() in {each.casefold() for each in taken}:
        number += 1
        unique = path.with_name(f"{path.stem}_{number}{path.suffix}").as_posix()
    return unique


def _namesake(path: Path) -> str:
    """Point at a file whose name differs in case only: Windows does not mind, others do."""
    if not path.parent.is_dir():
        return ""
    for each in sorted(path.parent.iterdir()):
        if each.name.casefold() == path.name.casefold():
            return f" ('{each.name}' is there: mind the case)"
    return ""


def _sidecars(raw: RawSurface, atlases: tuple[Atlas, ...]) -> tuple[Path, ...]:
    own = {atlas.path.resolve() for atlas in atlases if atlas.path is not None}
    others = {each.resolve(): each for each in raw.sidecars if each.is_file()}
    return tuple(each for place, each in others.items() if place not in own)
