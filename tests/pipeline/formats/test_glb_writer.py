import json
import struct
from dataclasses import replace

import numpy as np
import pytest
import trimesh

from tests.scenes import Shape, make_scene
from texsr.pipeline.formats.glb_writer import preview_glb


def chunks(data):
    magic, version, size = struct.unpack_from("<4sII", data)
    assert (magic, version, size) == (b"glTF", 2, len(data))
    length, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON"
    return json.loads(data[20 : 20 + length]), data[20 + length + 8 :]


@pytest.fixture(scope="module")
def sphere():
    return make_scene(Shape.SPHERE, low_tx=16, cameras=[]).surface


def test_corners_keep_place_and_uv(sphere):
    data, atlases = preview_glb(sphere, np.eye(3))
    document, body = chunks(data)
    primitive = document["meshes"][0]["primitives"][0]

    def read(accessor, dtype, width):
        entry = document["accessors"][accessor]
        view = document["bufferViews"][entry["bufferView"]]
        part = body[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        return np.frombuffer(part, dtype).reshape(entry["count"], width)

    node = document["nodes"][0]
    place = read(primitive["attributes"]["POSITION"], np.uint16, 4)[:, :3] / 65535
    place = place * node["scale"] + node["translation"]
    uv = read(primitive["attributes"]["TEXCOORD_0"], np.uint16, 2) / 65535
    corner = read(primitive["indices"], np.uint16, 1)[:, 0]
    mesh, charts = sphere.mesh, sphere.charts
    assert atlases == (0,)
    assert np.abs(place[corner] - mesh.vertices[mesh.faces.reshape(-1)]).max() < 5e-5
    expected = charts.uv[charts.uv_faces.reshape(-1)] * [1, -1] + [0, 1]
    assert np.abs(uv[corner] - expected).max() < 1e-5


def test_other_readers_see_the_same_surface(sphere, tmp_path):
    path = tmp_path / "mesh.glb"
    turn = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])
    path.write_bytes(preview_glb(sphere, turn)[0])
    document, _ = chunks(path.read_bytes())
    for accessor in document["accessors"]:
        view = document["bufferViews"][accessor["bufferView"]]
        assert view["byteOffset"] % 4 == 0
        assert view.get("byteStride", 4) % 4 == 0
    assert "KHR_materials_unlit" in document["materials"][0]["extensions"]
    loaded = trimesh.load(path, force="mesh", process=False)
    assert len(loaded.faces) == len(sphere.mesh.faces)


def test_uv_beyond_the_square_are_kept(sphere):
    moved = replace(sphere, charts=replace(sphere.charts, uv=sphere.charts.uv + 2.0))
    document, _ = chunks(preview_glb(moved, np.eye(3))[0])
    uv = document["meshes"][0]["primitives"][0]["attributes"]["TEXCOORD_0"]
    assert document["accessors"][uv]["componentType"] == 5126


def test_each_material_is_a_primitive(sphere):
    half = (np.arange(len(sphere.mesh.faces)) % 2 - 1).astype(np.int32)
    split = replace(sphere, charts=replace(sphere.charts, material_id=half))
    data, atlases = preview_glb(split, np.eye(3))
    assert atlases == (-1, 0)
    document, _ = chunks(data)
    assert len(document["meshes"][0]["primitives"]) == 2
    shades = [m["pbrMetallicRoughness"]["baseColorFactor"][0] for m in document["materials"]]
    assert shades == [0.214, 1.0]  # bare faces are grey
