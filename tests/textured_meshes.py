"""A textured square in every container, small enough to check by hand.

The square stands in the plane z = 0 between (0, 0) and (1, 1), and uv = (x, y). Its atlas has one
colour a quadrant, so the colour under a corner tells which corner it is.
"""

import base64
import copy
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from texsr.pipeline.atlas import ImageKind, TexturedMesh
from texsr.pipeline.formats.images import write_image
from texsr.pipeline.formats.meshes import read_textured_mesh

Change = Callable[[dict[str, Any]], Any]
"""Of a glTF document."""

VERTICES = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], dtype=float)
FACES = np.array([[0, 1, 2], [0, 2, 3]])
# What the atlas shows at the world position of each vertex.
COLORS = {(0, 0): (255, 0, 0), (1, 0): (0, 255, 0), (1, 1): (250, 250, 250), (0, 1): (0, 0, 255)}
HEIGHT, WIDTH = 8, 12  # not square, so that swapped axes show


def pixels(*, shade: int = 0, channels: int = 3) -> np.ndarray:
    """The atlas; `shade` makes different ones."""
    image = np.zeros((HEIGHT, WIDTH, channels), np.uint8)
    for (u, v), color in COLORS.items():
        rows = slice(0, HEIGHT // 2) if v else slice(HEIGHT // 2, HEIGHT)
        columns = slice(WIDTH // 2, WIDTH) if u else slice(0, WIDTH // 2)
        image[rows, columns, :3] = np.array(color[:channels]) // (1 + shade)
    return image


def enlarged(stored: np.ndarray) -> np.ndarray:
    """What a super-resolved atlas looks like: four times the size, same samples."""
    return stored.repeat(4, axis=0).repeat(4, axis=1)


def image_bytes(folder: Path, kind: ImageKind, stored: np.ndarray) -> bytes:
    """Encode an image."""
    path = folder / "encoded.tmp"
    write_image(path, kind, stored)
    data = path.read_bytes()
    path.unlink()
    return data


def seen_at_corners(surface: TexturedMesh) -> dict[tuple[int, int], tuple[int, ...]]:
    """Look up the colour just inside each corner of each face, by the corner's world position."""
    seen: dict[tuple[int, int], tuple[int, ...]] = {}
    corners = surface.charts.uv[surface.charts.uv_faces]  # f 3 2
    inner = corners * 0.9 + corners.mean(axis=1, keepdims=True) * 0.1
    for face, material in enumerate(surface.charts.material_id):
        stored = surface.atlases[material].stored
        for corner in range(3):
            u, v = inner[face, corner]
            texel = stored[int((1 - v) * stored.shape[0]), int(u * stored.shape[1])]
            x, y, _ = surface.mesh.vertices[surface.mesh.faces[face, corner]]
            seen[round(x), round(y)] = tuple(texel.tolist())
    return seen


def assert_same_mesh(one: TexturedMesh, two: TexturedMesh) -> None:
    np.testing.assert_array_equal(one.mesh.vertices, two.mesh.vertices)
    np.testing.assert_array_equal(one.mesh.faces, two.mesh.faces)
    np.testing.assert_array_equal(one.charts.uv, two.charts.uv)
    np.testing.assert_array_equal(one.charts.uv_faces, two.charts.uv_faces)
    np.testing.assert_array_equal(one.charts.material_id, two.charts.material_id)
    assert [each.name for each in one.atlases] == [each.name for each in two.atlases]


OBJ = """# a square
mtllib square.mtl
o square
v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0
vt 0 0
vt 1 0
vt 1 1
vt 0 1
vn 0 0 1
usemtl paint
f 1/1/1 2/2/1 3/3/1
f 1/1/1 3/3/1 4/4/1
"""
MTL = "newmtl paint\nKd 1 1 1\nmap_Kd atlas.png\n"


def write_obj(
    folder: Path, *, obj: str | bytes = OBJ, mtl: str | bytes = MTL, atlas: str = "atlas.png"
) -> Path:
    """Write an OBJ, its library and its atlas."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("square.obj", obj), ("square.mtl", mtl)):
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    if atlas:
        (folder / atlas).parent.mkdir(parents=True, exist_ok=True)
        kind = ImageKind.JPEG if atlas.endswith(("jpg", "jpeg")) else ImageKind.PNG
        write_image(folder / atlas, kind, pixels())
    return folder / "square.obj"


def ply_header(form: str, *, per_corner: bool, texture: str = "atlas.png") -> str:
    """The header of the square's PLY."""
    vertex_uv = "" if per_corner else "property float s\nproperty float t\n"
    face_uv = "property list uchar float texcoord\n" if per_corner else ""
    return (
        f"ply\nformat {form} 1.0\ncomment made by hand\ncomment TextureFile {texture}\n"
        "element vertex 4\nproperty float x\nproperty float y\nproperty double z\n"
        f"{vertex_uv}property uchar red\nelement face 2\nproperty list uchar int vertex_indices\n"
        f"{face_uv}property int flags\nend_header\n"
    )


def write_ply(
    folder: Path, form: str = "ascii", *, per_corner: bool = True, texture: str = "atlas.png"
) -> Path:
    """Write a PLY and its atlas."""
    folder.mkdir(parents=True, exist_ok=True)
    header = ply_header(form, per_corner=per_corner, texture=texture)
    rows: list[list[tuple[str, float]]] = []  # of (struct letter, value)
    for x, y, z in VERTICES:
        uv = [] if per_corner else [("f", x), ("f", y)]
        rows.append([("f", x), ("f", y), ("d", z), *uv, ("B", 7)])
    for face in FACES.tolist():
        uv = [("f", value) for corner in face for value in VERTICES[corner, :2]]
        listed = [("B", 6), *uv] if per_corner else []
        rows.append([("B", 3), *(("i", corner) for corner in face), *listed, ("i", -5)])
    if form == "ascii":
        body = "".join(" ".join(f"{value:g}" for _, value in row) + "\n" for row in rows).encode()
    else:
        order = "<" if "little" in form else ">"
        body = b"".join(
            struct.pack(order + letter, value if letter in "fd" else int(value))
            for row in rows
            for letter, value in row
        )
    (folder / "square.ply").write_bytes(header.encode() + body)
    write_image(folder / "atlas.png", ImageKind.PNG, pixels())
    return folder / "square.ply"


@dataclass(frozen=True, slots=True, kw_only=True)
class GltfParts:
    """A glTF document and its one buffer: positions, image, uv, indices, in this order."""

    document: dict[str, Any]
    buffer: bytes


def gltf_parts(image: bytes = b"", mime: str = "image/png") -> GltfParts:
    """Build the square; an image given is embedded, else `atlas.png` is named."""
    positions = VERTICES.astype("<f4").tobytes()
    uv = np.stack([VERTICES[:, 0], 1 - VERTICES[:, 1]], axis=1).astype("<f4").tobytes()
    indices = FACES.astype("<u2").tobytes()
    padded = image + bytes(-len(image) % 4)
    starts = np.cumsum([0, len(positions), len(padded), len(uv)]).tolist()
    lengths = [len(positions), len(image), len(uv), len(indices)]
    views = [
        {"buffer": 0, "byteOffset": start, "byteLength": length}
        for start, length in zip(starts, lengths, strict=True)
    ]
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "by hand"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "square", "extras": {"keep": [1, 2.50, "é"]}}],
        "meshes": [
            {
                "primitives": [
                    {
                        "attributes": {"POSITION": 0, "TEXCOORD_0": 1},
                        "indices": 2,
                        "material": 0,
                    }
                ]
            }
        ],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0}],
        "images": [{"bufferView": 1, "mimeType": mime} if image else {"uri": "atlas.png"}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3"},
            {"bufferView": 2, "componentType": 5126, "count": 4, "type": "VEC2"},
            {"bufferView": 3, "componentType": 5123, "count": 6, "type": "SCALAR"},
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": starts[-1] + lengths[-1]}],
    }
    if not image:  # an empty view would break the rules
        views[1] = {**views[0]}
    return GltfParts(document=document, buffer=positions + padded + uv + indices)


def glb(document: dict[str, Any] | str, buffer: bytes) -> bytes:
    """Pack a GLB."""
    text = document if isinstance(document, str) else json.dumps(document, indent=1)
    encoded = text.encode()
    encoded += b" " * (-len(encoded) % 4)
    buffer += bytes(-len(buffer) % 4)
    head = struct.pack("<III", 0x46546C67, 2, 28 + len(encoded) + len(buffer))
    json_chunk = struct.pack("<II", len(encoded), 0x4E4F534A) + encoded
    return head + json_chunk + struct.pack("<II", len(buffer), 0x004E4942) + buffer


def data_uri(mime: str, data: bytes) -> str:
    """Pack a data URI."""
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def write_glb(folder: Path, *, kind: ImageKind = ImageKind.PNG, **changes: Any) -> Path:
    """Write a GLB with its image inside."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = gltf_parts(image_bytes(folder, kind, pixels()), f"image/{kind.value}")
    path = folder / "square.glb"
    path.write_bytes(glb({**parts.document, **changes}, parts.buffer))
    return path


def write_gltf(folder: Path, *, inline: bool = False, **changes: Any) -> Path:
    """Write a glTF with files of its own, or with data URIs."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = gltf_parts()
    buffer = {"byteLength": len(parts.buffer), "uri": "square%20data.bin"}
    document = {**parts.document, "buffers": [buffer]}
    if inline:
        buffer["uri"] = data_uri("application/octet-stream", parts.buffer)
        image = image_bytes(folder, ImageKind.PNG, pixels())
        document["images"] = [{"uri": data_uri("image/png", image), "name": "paint"}]
    else:
        (folder / "square data.bin").write_bytes(parts.buffer)
        write_image(folder / "atlas.png", ImageKind.PNG, pixels())
    path = folder / "square.gltf"
    path.write_text(json.dumps({**document, **changes}, indent=2, ensure_ascii=False), "utf-8")
    return path


def read_changed_glb(folder: Path, change: Change, buffer: bytes | None = None) -> TexturedMesh:
    """Read the square's GLB after a change of its document."""
    parts = gltf_parts(image_bytes(folder, ImageKind.PNG, pixels()))
    document = copy.deepcopy(parts.document)
    change(document)
    path = folder / "square.glb"
    path.write_bytes(glb(document, parts.buffer if buffer is None else buffer))
    return read_textured_mesh(path, root=folder)
