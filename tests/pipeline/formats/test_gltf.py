"""glTF and GLB: geometry, uv and images as they are stored."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.textured_meshes import (
    COLORS,
    FACES,
    VERTICES,
    data_uri,
    image_bytes,
    pixels,
    read_changed_glb,
    seen_at_corners,
    write_glb,
    write_gltf,
)
from texsr.pipeline.atlas import ImageKind
from texsr.pipeline.formats.meshes import read_textured_mesh


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

    assert seen_at_corners(read_changed_glb(tmp_path, change)) == COLORS


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

    assert seen_at_corners(read_changed_glb(tmp_path, change)) == COLORS


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

    surface = read_changed_glb(tmp_path, change)
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

    assert seen_at_corners(read_changed_glb(tmp_path, change)) == COLORS


def test_quantised_positions(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["extensionsRequired"] = ["KHR_mesh_quantization"]
        row = append(document, (VERTICES * 127).astype("<i1"), "VEC3", normalized=True)
        primitive(document)["attributes"]["POSITION"] = row

    assert seen_at_corners(read_changed_glb(tmp_path, change)) == COLORS


@pytest.mark.parametrize(("mode", "order"), [(5, [0, 1, 3, 2]), (6, [0, 1, 2, 3])])
def test_strips_and_fans_keep_their_winding(tmp_path: Path, mode: int, order: list[int]) -> None:
    def change(document: dict[str, Any]) -> None:
        primitive(document)["mode"] = mode
        primitive(document)["indices"] = append(document, np.array(order, "<u4"), "SCALAR")

    surface = read_changed_glb(tmp_path, change)
    assert seen_at_corners(surface) == COLORS
    np.testing.assert_allclose(surface.mesh.face_normals()[:, 2], 1)


def test_without_indices_and_without_scenes(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        uv = np.stack([VERTICES[:, 0], 1 - VERTICES[:, 1]], axis=1)[FACES.reshape(-1)]
        points = append(document, VERTICES[FACES.reshape(-1)].astype("<f4"), "VEC3")
        row = append(document, uv.astype("<f4"), "VEC2")
        primitive(document)["attributes"] = {"POSITION": points, "TEXCOORD_0": row}
        del primitive(document)["indices"], document["scene"], document["scenes"]

    surface = read_changed_glb(tmp_path, change)
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

    surface = read_changed_glb(tmp_path, change)
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

    surface = read_changed_glb(tmp_path, change)
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

    surface = read_changed_glb(tmp_path, change)
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

    surface = read_changed_glb(tmp_path, change)
    assert [atlas.name for atlas in surface.atlases] == ["A_b.png", "a_b.jpg"]
