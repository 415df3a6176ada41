"""What is wrong with a glTF or GLB is named by file and field."""

import struct
from pathlib import Path
from typing import Any

import pytest

from tests.textured_meshes import Change, glb, read_changed_glb, write_glb
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.meshes import read_textured_mesh


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
        read_changed_glb(tmp_path, change)
    assert "square.glb" in caught.value.where


def test_cycles_through_several_nodes_end(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["nodes"] = [{"children": [(index + 1) % 500]} for index in range(500)]

    with pytest.raises(CaptureError, match="reached twice"):
        read_changed_glb(tmp_path, change)


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
