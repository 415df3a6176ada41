"""glTF and GLB: geometry, uv and images as they are stored, and what is wrong with a field."""

import copy
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.textured_meshes import (
    COLORS,
    FACES,
    VERTICES,
    data_uri,
    glb,
    gltf_parts,
    image_bytes,
    pixels,
    seen_at_corners,
    write_glb,
    write_gltf,
)
from texsr.pipeline.atlas import ImageKind, TexturedMesh
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.json_edit import edited
from texsr.pipeline.formats.meshes import read_textured_mesh

Change = Callable[[dict[str, Any]], Any]


def read_glb(folder: Path, change: Change, buffer: bytes | None = None) -> TexturedMesh:
    """Read the square's GLB after a change of its document."""
    parts = gltf_parts(image_bytes(folder, ImageKind.PNG, pixels()))
    document = copy.deepcopy(parts.document)
    change(document)
    path = folder / "square.glb"
    path.write_bytes(glb(document, parts.buffer if buffer is None else buffer))
    return read_textured_mesh(path, root=folder)


def primitive(document: dict[str, Any]) -> dict[str, Any]:
    return document["meshes"][0]["primitives"][0]


def append(document: dict[str, Any], array: np.ndarray, kind: str, **keys: Any) -> int:
    """Add an accessor over a data URI buffer of its own."""
    code = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
    data = array.tobytes()
    buffer = {"byteLength": len(data), "uri": data_uri("application/octet-stream", data)}
    document["buffers"].append(buffer)
    view = {"buffer": len(document["buffers"]) - 1, "byteLength": len(data)}
    document["bufferViews"].append(view)
    accessor = {
        "bufferView": len(document["bufferViews"]) - 1,
        "componentType": code[array.dtype.str[1:]],
        "count": len(array),
        "type": kind,
        **keys,
    }
    document["accessors"].append(accessor)
    return len(document["accessors"]) - 1


@pytest.mark.parametrize("kind", ["glb", "files", "inline"])
def test_corners_show_the_colour_painted_there(tmp_path: Path, kind: str) -> None:
    inline = kind == "inline"
    path = write_glb(tmp_path) if kind == "glb" else write_gltf(tmp_path, inline=inline)
    surface = read_textured_mesh(path, root=tmp_path)
    assert seen_at_corners(surface) == COLORS
    assert surface.mesh.vertices.dtype == np.float64
    names = {"glb": "image_0.png", "files": "atlas.png", "inline": "paint.png"}
    assert surface.atlases[0].name == names[kind]
    in_file = kind == "files"
    assert surface.atlases[0].path == (tmp_path / "atlas.png" if in_file else None)
    assert surface.sidecars == ((tmp_path / "square data.bin",) if in_file else ())


def test_the_container_is_told_by_the_content(tmp_path: Path) -> None:
    path = write_glb(tmp_path).rename(tmp_path / "square.gltf")
    assert seen_at_corners(read_textured_mesh(path, root=tmp_path)) == COLORS


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_normalised_uv(tmp_path: Path, dtype: str) -> None:
    top = np.iinfo(dtype).max
    uv = np.stack([VERTICES[:, 0], 1 - VERTICES[:, 1]], axis=1) * top

    def change(document: dict[str, Any]) -> None:
        row = append(document, uv.astype("<" + dtype), "VEC2", normalized=True)
        primitive(document)["attributes"]["TEXCOORD_0"] = row

    assert seen_at_corners(read_glb(tmp_path, change)) == COLORS


def test_strides_and_offsets(tmp_path: Path) -> None:
    uv = np.stack([VERTICES[:, 0], 1 - VERTICES[:, 1]], axis=1)
    rows = np.concatenate([np.full((4, 2), 9.0), VERTICES, uv], axis=1).astype("<f4")

    def change(document: dict[str, Any]) -> None:
        row = append(document, rows, "VEC3", byteOffset=8)
        document["bufferViews"][-1]["byteStride"] = 28
        document["accessors"].append(
            {**document["accessors"][row], "type": "VEC2", "byteOffset": 20}
        )
        primitive(document)["attributes"] = {"POSITION": row, "TEXCOORD_0": row + 1}

    assert seen_at_corners(read_glb(tmp_path, change)) == COLORS


def test_sparse_accessors_replace_rows(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        where = append(document, np.array([1, 3], "<u2"), "SCALAR")
        what = append(document, np.array([[5, 0, 0], [0, 5, 0]], "<f4"), "VEC3")
        views = [document["accessors"][row]["bufferView"] for row in (where, what)]
        document["accessors"][0]["sparse"] = {
            "count": 2,
            "indices": {"bufferView": views[0], "componentType": 5123},
            "values": {"bufferView": views[1]},
        }

    surface = read_glb(tmp_path, change)
    expected = VERTICES.copy()
    expected[1], expected[3] = (5, 0, 0), (0, 5, 0)
    np.testing.assert_array_equal(surface.mesh.vertices, expected)


def test_sparse_accessors_start_from_zeros_without_a_view(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        where = append(document, np.array([1, 2, 3], "<u1"), "SCALAR")
        what = append(document, VERTICES[1:].astype("<f4"), "VEC3")
        views = [document["accessors"][row]["bufferView"] for row in (where, what)]
        del document["accessors"][0]["bufferView"]
        document["accessors"][0]["sparse"] = {
            "count": 3,
            "indices": {"bufferView": views[0], "componentType": 5121},
            "values": {"bufferView": views[1]},
        }

    assert seen_at_corners(read_glb(tmp_path, change)) == COLORS


def test_quantised_positions(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["extensionsRequired"] = ["KHR_mesh_quantization"]
        row = append(document, (VERTICES * 127).astype("<i1"), "VEC3", normalized=True)
        primitive(document)["attributes"]["POSITION"] = row

    assert seen_at_corners(read_glb(tmp_path, change)) == COLORS


@pytest.mark.parametrize(("mode", "order"), [(5, [0, 1, 3, 2]), (6, [0, 1, 2, 3])])
def test_strips_and_fans_keep_their_winding(tmp_path: Path, mode: int, order: list[int]) -> None:
    def change(document: dict[str, Any]) -> None:
        primitive(document)["mode"] = mode
        primitive(document)["indices"] = append(document, np.array(order, "<u4"), "SCALAR")

    surface = read_glb(tmp_path, change)
    assert seen_at_corners(surface) == COLORS
    np.testing.assert_allclose(surface.mesh.face_normals()[:, 2], 1)


def test_without_indices_and_without_scenes(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        uv = np.stack([VERTICES[:, 0], 1 - VERTICES[:, 1]], axis=1)[FACES.reshape(-1)]
        points = append(document, VERTICES[FACES.reshape(-1)].astype("<f4"), "VEC3")
        row = append(document, uv.astype("<f4"), "VEC2")
        primitive(document)["attributes"] = {"POSITION": points, "TEXCOORD_0": row}
        del primitive(document)["indices"], document["scene"], document["scenes"]

    surface = read_glb(tmp_path, change)
    assert seen_at_corners(surface) == COLORS
    assert len(surface.mesh.vertices) == 6


def test_nodes_place_their_meshes(tmp_path: Path) -> None:
    half = float(np.sqrt(0.5))
    turn_z = [0, 0, half, half]  # a quarter turn: x -> y

    def change(document: dict[str, Any]) -> None:
        document["nodes"] = [
            {"children": [1, 2], "translation": [10, 0, 0]},
            {"mesh": 0, "rotation": turn_z, "scale": [2, 3, 1], "translation": [0, 0, 1]},
            {"mesh": 0, "matrix": [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 5, 6, 7, 1]},
            {"mesh": 0},  # no part of the scene
        ]

    surface = read_glb(tmp_path, change)
    x, y, z = VERTICES.T
    turned = np.stack([10 - 3 * y, 2 * x, z + 1], axis=1)
    mirrored = np.stack([15 - x, 6 + y, z + 7], axis=1)
    np.testing.assert_allclose(surface.mesh.vertices, np.concatenate([turned, mirrored]), atol=1e-9)
    np.testing.assert_allclose(surface.mesh.face_normals()[:, 2], 1)  # mirrored ones, too
    assert len(surface.atlases) == 1


def test_the_second_uv_set_and_its_transform(tmp_path: Path) -> None:
    uv = np.stack([VERTICES[:, 0], 1 - VERTICES[:, 1]], axis=1)
    angle = 0.4
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    before = ((uv - [0.25, -0.5]) @ np.linalg.inv(turn).T) / [0.5, 2.0]

    def change(document: dict[str, Any]) -> None:
        row = append(document, before.astype("<f4"), "VEC2")
        primitive(document)["attributes"]["TEXCOORD_3"] = row
        document["extensionsRequired"] = ["KHR_texture_transform"]
        moved = {"offset": [0.25, -0.5], "scale": [0.5, 2.0], "rotation": angle, "texCoord": 3}
        document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"] = {
            "index": 0,
            "texCoord": 1,
            "extensions": {"KHR_texture_transform": moved},
        }

    surface = read_glb(tmp_path, change)
    assert seen_at_corners(surface) == COLORS
    np.testing.assert_allclose(surface.charts.uv, VERTICES[:, :2], atol=1e-6)


def test_materials_without_texture_and_shared_images(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        one = primitive(document)
        document["materials"] += [{}, copy.deepcopy(document["materials"][0])]
        document["materials"][2]["pbrMetallicRoughness"]["baseColorTexture"]["index"] = 1
        document["textures"].append({"source": 1})
        document["images"].append({**document["images"][0], "name": "the same"})
        bare = {"attributes": {"POSITION": 0}, "indices": 2, "material": 0}
        points = {"attributes": {"POSITION": 0}, "mode": 0}
        document["meshes"][0]["primitives"] = [
            one,
            {**one, "material": 1},
            {**one, "material": 2},
            bare,
            points,
        ]

    surface = read_glb(tmp_path, change)
    material = surface.charts.material_id.reshape(4, 2)
    np.testing.assert_array_equal(material, [[0, 0], [-1, -1], [0, 0], [-1, -1]])
    assert len(surface.atlases) == 1


def test_names_of_embedded_images_are_safe_and_unique(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["images"][0]["name"] = "../../etc/A b.png"
        document["images"].append({"uri": data_uri("image/png", b""), "name": "a_b"})
        image = image_bytes(tmp_path, ImageKind.JPEG, pixels())
        document["images"].append({"uri": data_uri("image/jpeg", image), "name": "a b"})
        document["textures"].append({"source": 2})
        material = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 1}}}
        document["materials"].append(material)
        document["meshes"][0]["primitives"].append({**primitive(document), "material": 1})

    surface = read_glb(tmp_path, change)
    assert [atlas.name for atlas in surface.atlases] == ["A_b.png", "a_b.jpg"]


def set_at(*place: str | int, to: Any) -> Change:
    """A change of one field."""

    def change(document: dict[str, Any]) -> None:
        node: Any = document
        for key in place[:-1]:
            node = node[key]
        node[place[-1]] = to

    return change


def drop(*place: str | int) -> Change:
    """Removal of one field."""

    def change(document: dict[str, Any]) -> None:
        node: Any = document
        for key in place[:-1]:
            node = node[key]
        del node[place[-1]]

    return change


PRIMITIVE = ("meshes", 0, "primitives", 0)
FAULTS: dict[str, tuple[Change, str]] = {
    "compressed": (
        set_at("extensionsRequired", to=["KHR_draco_mesh_compression"]),
        r"extensionsRequired\[0\].*KHR_draco_mesh_compression",
    ),
    "version 1": (set_at("asset", "version", to="1.0"), r"glTF 1\.0"),
    "no asset": (drop("asset"), "no 'asset'"),
    "scene that is none": (set_at("scene", to=3), "index 3 into 'scenes'"),
    "node that is none": (set_at("scenes", 0, "nodes", to=[9]), "index 9 into 'nodes'"),
    "cyclic nodes": (set_at("nodes", 0, "children", to=[0]), r"nodes\[0\].*a node reached twice"),
    "quaternion of zeros": (set_at("nodes", 0, "rotation", to=[0, 0, 0, 0]), "unit quaternion"),
    "matrix of nine": (set_at("nodes", 0, "matrix", to=[1] * 9), r"nodes\[0\]\.matrix.*16 numbers"),
    "NaN in a matrix": (set_at("nodes", 0, "translation", to=[0, float("nan"), 0]), "finite"),
    "huge number": (set_at("nodes", 0, "scale", to=[10**400, 1, 1]), r"scale\[0\]"),
    "mesh that is none": (set_at("nodes", 0, "mesh", to=1), "index 1 into 'meshes'"),
    "mesh by name": (set_at("nodes", 0, "mesh", to="square"), r"nodes\[0\]\.mesh.*whole number"),
    "nodes no array": (set_at("nodes", to={"a": 1}), "nodes.*an array"),
    "no attributes": (drop(*PRIMITIVE, "attributes"), r"primitives\[0\].*no 'attributes'"),
    "no positions": (drop(*PRIMITIVE, "attributes", "POSITION"), "no 'POSITION'"),
    "no uv": (drop(*PRIMITIVE, "attributes", "TEXCOORD_0"), "no face with texture coordinates"),
    "no material": (drop(*PRIMITIVE, "material"), "colour texture"),
    "material that is none": (set_at(*PRIMITIVE, "material", to=4), r"\.material.*one of 1"),
    "points only": (set_at(*PRIMITIVE, "mode", to=0), "0 triangles"),
    "negative index": (set_at(*PRIMITIVE, "indices", to=-1), r"indices.*0 or more"),
    "indices of a vector": (set_at(*PRIMITIVE, "indices", to=0), r"accessors\[0\].*SCALAR"),
    "five indices": (set_at("accessors", 2, "count", to=5), "multiple of three"),
    "accessor overflow": (set_at("accessors", 0, "count", to=5), r"accessors\[0\].*rows inside"),
    "absurd count": (set_at("accessors", 0, "count", to=10**15), r"accessors\[0\]"),
    "count without data": (drop("accessors", 0, "bufferView"), r"accessors\[0\].*uncompressed"),
    "unknown component": (set_at("accessors", 0, "componentType", to=5130), "componentType 5130"),
    "uv count": (set_at("accessors", 1, "count", to=3), "3 texture coordinates for 4 vertices"),
    "vertex out of range": (set_at("accessors", 0, "count", to=3), r"vertex index 3"),
    "view outside": (set_at("bufferViews", 0, "byteOffset", to=10**6), r"bufferViews\[0\]"),
    "view that is none": (set_at("accessors", 0, "bufferView", to=77), "index 77"),
    "buffer too long": (set_at("buffers", 0, "byteLength", to=10**6), r"buffers\[0\].*byteLength"),
    "buffer missing": (set_at("buffers", 0, "uri", to="gone.bin"), r"buffers\[0\]\.uri.*gone\.bin"),
    "buffer broken": (
        set_at("buffers", 0, "uri", to="data:application/octet-stream;base64,@@@"),
        r"buffers\[0\]\.uri.*damaged",
    ),
    "texture that is none": (set_at("textures", to=[]), "index 0 into 'textures'"),
    "texture of an extension": (drop("textures", 0, "source"), r"textures\[0\].*without source"),
    "image that is none": (set_at("textures", 0, "source", to=5), r"textures\[0\].*image 5"),
    "image without data": (set_at("images", to=[{}]), r"images\[0\].*neither"),
    "image is no image": (set_at("images", 0, "bufferView", to=0), r"images\[0\].*no image"),
    "image missing": (set_at("images", to=[{"uri": "gone.png"}]), r"images\[0\].*gone\.png"),
    "image fetched": (set_at("images", to=[{"uri": "http://a.b/c.png"}]), r"images\[0\].*URI"),
    "image unpacked": (set_at("images", to=[{"uri": "data:image/png,abc"}]), "without base64"),
    "image uri a number": (set_at("images", to=[{"uri": 5}]), r"images\[0\]\.uri.*string"),
    "sparse out of range": (
        set_at(
            "accessors",
            0,
            "sparse",
            to={
                "count": 1,
                "indices": {"bufferView": 3, "byteOffset": 4, "componentType": 5121},
                "values": {"bufferView": 99},
            },
        ),
        "index 99",
    ),
    "sparse order": (
        set_at(
            "accessors",
            0,
            "sparse",
            to={
                "count": 2,
                "indices": {"bufferView": 0, "componentType": 5121},
                "values": {"bufferView": 0},
            },
        ),
        r"sparse\.indices.*rising",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_named_by_field(tmp_path: Path, name: str) -> None:
    change, message = FAULTS[name]
    with pytest.raises(CaptureError, match=message) as caught:
        read_glb(tmp_path, change)
    assert "square.glb" in caught.value.where


def test_cycles_through_several_nodes_end(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["nodes"] = [{"children": [(index + 1) % 500]} for index in range(500)]

    with pytest.raises(CaptureError, match="reached twice"):
        read_glb(tmp_path, change)


def spoiled(data: bytes) -> dict[str, bytes]:
    """Broken containers made of a whole one."""
    length = len(data)
    return {
        "empty": b"",
        "magic alone": data[:4],
        "header alone": data[:12],
        "cut": data[: length // 2],
        "cut by one": data[:-1],
        "longer": data + b"\0\0\0\0",
        "version 1": data[:4] + struct.pack("<I", 1) + data[8:],
        "length lies": data[:8] + struct.pack("<I", length + 400) + data[12:],
        "chunk length lies": data[:12] + struct.pack("<I", 0x7FFFFFFF) + data[16:],
        "BIN first": data[:16] + struct.pack("<I", 0x004E4942) + data[20:],
        "not UTF-8": data.replace(b"by hand", b"by\xff\xfe\xfdnd"),
        "not JSON": data.replace(b'"asset"', b'"asset '),
        "no magic": b"glTG" + data[4:],
        "nested too deep": glb('{"asset":' + "[" * 200_000, b""),
        "an array": glb("[]", b""),
    }


@pytest.mark.parametrize("name", spoiled(bytes(64)))
def test_broken_containers_are_refused(tmp_path: Path, name: str) -> None:
    path = write_glb(tmp_path)
    path.write_bytes(spoiled(path.read_bytes())[name])
    with pytest.raises(CaptureError, match=r"square\.glb"):
        read_textured_mesh(path, root=tmp_path)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)


@given(
    document=st.dictionaries(st.sampled_from('abc\n"é'), values, min_size=1),
    indent=st.sampled_from([None, 0, 3, "\t"]),
    ascii_only=st.booleans(),
    new=values,
    data=st.data(),
)
def test_editing_json_changes_one_value_and_no_other_character(
    document: dict[str, Any], indent: Any, ascii_only: bool, new: Any, data: st.DataObject
) -> None:
    text = "\n " + json.dumps(document, indent=indent, ensure_ascii=ascii_only) + " "
    place: list[str | int] = []
    node: Any = document
    while isinstance(node, dict | list) and node and (not place or data.draw(st.booleans())):
        key = data.draw(
            st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node)))
        )
        place.append(key)
        parent, node = node, node[key]
    changed = "".join(edited(text, {tuple(place): [json.dumps(new)]}))
    old = json.dumps(node)
    parent[place[-1]] = new
    assert json.loads(changed) == document
    back = "".join(edited(changed, {tuple(place): old}))
    parent[place[-1]] = json.loads(old)
    assert json.loads(back) == document
    if not isinstance(node, dict | list | str):
        assert back == text


def test_editing_json_adds_a_missing_member() -> None:
    assert "".join(edited('{"a": [{}, {"b": 1}]}', {("a", 0, "c"): "2", ("a", 1, "c"): "3"})) == (
        '{"a": [{"c":2}, {"c":3,"b": 1}]}'
    )
