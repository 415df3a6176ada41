"""glTF 2.0 and GLB: the triangles of the default scene and their base colour textures."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.gltf_accessors import read_accessor
from texsr.pipeline.formats.gltf_container import Gltf, image_names, is_data, open_gltf
from texsr.pipeline.formats.gltf_nodes import placed_meshes
from texsr.pipeline.formats.json_node import JsonNode
from texsr.pipeline.formats.surfaces import ABSENT, RawSurface, TextureSource, to_indices

# Extensions that change neither where triangles lie nor which texels colour them.
_HARMLESS = ("KHR_materials_", "KHR_lights_", "KHR_xmp", "KHR_animation_", "KHR_node_visibility")
_UNDERSTOOD = frozenset({"KHR_texture_transform", "KHR_mesh_quantization"})
_TRIANGLES, _STRIP, _FAN = 4, 5, 6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """One primitive, placed in the world."""

    vertices: Float64[np.ndarray, "v 3"]
    faces: Int64[np.ndarray, "f 3"]
    uv: Float64[np.ndarray, "t 2"]  # a row a vertex, or none at all
    texture_id: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _BaseColor:
    """How a material finds its base colour."""

    texture_id: int = ABSENT
    tex_coord: int = 0
    transform: Float64[np.ndarray, "2 3"]  # on glTF's uv, v down


def read_gltf(path: Path, root: Path) -> RawSurface:
    """Read the triangles of the default scene, node transforms applied.

    glTF counts v from the top of the image down; ours is turned.

    Raises:
        CaptureError: a required extension that we cannot honour (compression, mostly), or a field
            that is missing, of another type or out of range.
    """
    gltf = open_gltf(path, root)
    _check_extensions(gltf.document)
    names = image_names(gltf)
    ids = {name: row for row, name in enumerate(dict.fromkeys(names))}
    colors = [_base_color(gltf, node, names, ids) for node in gltf.document.items("materials")]
    parts = [
        part for mesh, world in placed_meshes(gltf) for part in _parts(gltf, mesh, world, colors)
    ]
    used = {part.texture_id for part in parts if len(part.uv)} - {ABSENT}
    sources: list[TextureSource] = []
    for name, row in ids.items():
        place = gltf.document.item("images", names.index(name))
        content = gltf.image(names.index(name)) if row in used else b""
        sources.append(TextureSource(name=name, content=content, where=place.where))
    return _assemble(parts, tuple(sources), _sidecars(gltf))


def _check_extensions(document: JsonNode) -> None:
    for node in document.items("extensionsRequired"):
        name = node.text()
        if name not in _UNDERSTOOD and not name.startswith(_HARMLESS):
            raise CaptureError(
                node.where,
                found=f"the required extension {name}",
                expected="plain glTF 2.0 geometry and PNG or JPEG images",
                remedy="export again without compression, or unpack it (gltf-transform does)",
            )


def _base_color(
    gltf: Gltf, material: JsonNode, names: list[str], ids: dict[str, int]
) -> _BaseColor:
    info = material.path("pbrMetallicRoughness", "baseColorTexture")
    identity = np.eye(3)[:2]
    if info is None:
        return _BaseColor(transform=identity)
    texture = gltf.document.item("textures", info["index"].index())
    source = texture.get("source")
    if source is None:
        raise texture.fault(
            found="a texture without source", expected="a PNG or JPEG image, not an extension's"
        )
    image = source.index()
    if image >= len(names):
        raise texture.fault(found=f"image {image}", expected=f"one of {len(names)}")
    moved = info.path("extensions", "KHR_texture_transform")
    return _BaseColor(
        texture_id=ids[names[image]],
        tex_coord=(moved or info).index_of("texCoord", info.index_of("texCoord", 0)),
        transform=identity if moved is None else _texture_transform(moved),
    )


def _texture_transform(node: JsonNode) -> Float64[np.ndarray, "2 3"]:
    """Build translation x rotation x scale, as KHR_texture_transform defines them."""
    offset, scale, turn = node.get("offset"), node.get("scale"), node.get("rotation")
    x, y = (0.0, 0.0) if offset is None else offset.numbers(2)
    wide, high = (1.0, 1.0) if scale is None else scale.numbers(2)
    angle = 0.0 if turn is None else turn.number()
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    return np.array([[cos * wide, sin * high, x], [-sin * wide, cos * high, y]])


def _parts(
    gltf: Gltf, mesh: JsonNode, world: Float64[np.ndarray, "4 4"], colors: list[_BaseColor]
) -> Iterator[_Part]:
    for primitive in mesh.items("primitives"):
        mode = primitive.index_of("mode", _TRIANGLES)
        if mode in (_TRIANGLES, _STRIP, _FAN):
            yield _part(gltf, primitive, mode, world, colors)


def _part(
    gltf: Gltf,
    primitive: JsonNode,
    mode: int,
    world: Float64[np.ndarray, "4 4"],
    colors: list[_BaseColor],
) -> _Part:
    attributes = primitive["attributes"]
    points = read_accessor(gltf, attributes["POSITION"].index(), kind="VEC3")
    faces = _faces(gltf, primitive, mode, len(points))
    if np.linalg.det(world[:3, :3]) < 0:
        faces = faces[:, ::-1]  # a mirrored node turns its triangles round (glTF 2.0, 3.7.4)
    material = primitive.get("material")
    color = _BaseColor(transform=np.eye(3)[:2])
    if material is not None:
        if material.index() >= len(colors):
            raise material.fault(found=f"{material.value}", expected=f"one of {len(colors)}")
        color = colors[material.index()]
    uv = np.zeros((0, 2))
    coordinates = attributes.get(f"TEXCOORD_{color.tex_coord}")
    if coordinates is not None:
        down = read_accessor(gltf, coordinates.index(), kind="VEC2")
        if len(down) != len(points):
            found = f"{len(down)} texture coordinates for {len(points)} vertices"
            raise primitive.fault(found=found, expected="one for each")
        if not np.array_equal(color.transform, np.eye(3)[:2]):
            down = down @ color.transform[:, :2].T + color.transform[:, 2]
        uv = np.stack([down[:, 0], 1.0 - down[:, 1]], axis=1)
    return _Part(
        vertices=points @ world[:3, :3].T + world[:3, 3],
        faces=faces,
        uv=uv,
        texture_id=color.texture_id,
    )


def _faces(gltf: Gltf, primitive: JsonNode, mode: int, num_points: int) -> Int64[np.ndarray, "f 3"]:
    indices = primitive.get("indices")
    order = np.arange(num_points)
    if indices is not None:
        order = read_accessor(gltf, indices.index(), kind="SCALAR")[:, 0].astype(np.int64)
    bad = np.flatnonzero((order < 0) | (order >= num_points))
    if len(bad):
        raise primitive.fault(
            found=f"the vertex index {order[bad[0]]}", expected=f"one of {num_points} vertices"
        )
    if mode == _TRIANGLES:
        if len(order) % 3:
            raise primitive.fault(found=f"{len(order)} indices", expected="a multiple of three")
        return order.reshape(-1, 3)
    first = np.arange(max(0, len(order) - 2))
    if mode == _FAN:
        return np.stack([order[np.zeros_like(first)], order[first + 1], order[first + 2]], axis=1)
    odd = first % 2  # every other triangle of a strip is wound the other way
    return np.stack([order[first], order[first + 1 + odd], order[first + 2 - odd]], axis=1)


def _assemble(
    parts: list[_Part], textures: tuple[TextureSource, ...], sidecars: tuple[Path, ...]
) -> RawSurface:
    faces, uv_faces = [np.zeros((0, 3), np.int64)], [np.zeros((0, 3), np.int64)]
    texture_id = [np.zeros(0, np.int64)]
    num_vertices = num_uv = 0
    for part in parts:
        faces.append(part.faces + num_vertices)
        missing = np.full_like(part.faces, ABSENT)
        uv_faces.append(part.faces + num_uv if len(part.uv) else missing)
        texture_id.append(np.full(len(part.faces), part.texture_id))
        num_vertices, num_uv = num_vertices + len(part.vertices), num_uv + len(part.uv)
    return RawSurface(
        vertices=np.concatenate([np.zeros((0, 3)), *(part.vertices for part in parts)]),
        faces=to_indices(np.concatenate(faces)),
        uv=np.concatenate([np.zeros((0, 2)), *(part.uv for part in parts)]),
        uv_faces=to_indices(np.concatenate(uv_faces)),
        texture_id=to_indices(np.concatenate(texture_id)),
        textures=textures,
        sidecars=sidecars,
    )


def _sidecars(gltf: Gltf) -> tuple[Path, ...]:
    """List the buffers and images that lie in files of their own."""
    files: list[Path] = []
    for key in ("buffers", "images"):
        for node in gltf.document.items(key):
            uri = node.get("uri")
            if uri is not None and not is_data(uri):
                try:
                    files.append(gltf.file(uri))
                except CaptureError:
                    # An image no triangle shows, which we would only copy: left where it is.
                    continue
    return tuple(files)
