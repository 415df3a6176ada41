"""A glTF or GLB changes in nothing but its images, wherever these lie."""

import copy
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.textured_meshes import (
    assert_same_mesh,
    data_uri,
    enlarged,
    glb,
    gltf_parts,
    image_bytes,
    pixels,
    write_glb,
)
from texsr.pipeline.atlas import ImageKind
from texsr.pipeline.formats.meshes import read_textured_mesh
from texsr.pipeline.stages.export import export_surface


def glb_parts(data: bytes) -> tuple[dict[str, Any], bytes]:
    (length,) = struct.unpack_from("<I", data, 12)
    start = 20 + length + 8
    (size,) = struct.unpack_from("<I", data, 20 + length)
    return json.loads(data[20 : 20 + length]), data[start : start + size]


def test_a_glb_changes_nowhere_but_in_its_image(tmp_path: Path) -> None:
    path = write_glb(tmp_path / "in")
    surface = read_textured_mesh(path, root=tmp_path / "in")
    export_surface(surface, [enlarged(pixels())], tmp_path / "out")
    old, old_data = glb_parts(path.read_bytes())
    data = (tmp_path / "out" / "square.glb").read_bytes()
    new, new_data = glb_parts(data)
    assert struct.unpack_from("<I", data, 8)[0] == len(data)
    assert len(new_data) % 4 == 0
    for view, (before, after) in enumerate(
        zip(old["bufferViews"], new["bufferViews"], strict=True)
    ):
        if view != 1:
            one, two = (
                data[each["byteOffset"] : each["byteOffset"] + each["byteLength"]]
                for data, each in ((old_data, before), (new_data, after))
            )
            assert one == two
            assert after["byteOffset"] % 4 == 0
        before["byteOffset"] = before["byteLength"] = 0
        after["byteOffset"] = after["byteLength"] = 0
    assert old["buffers"][0]["byteLength"] != new["buffers"][0]["byteLength"]
    old["buffers"] = new["buffers"] = []
    assert old == new
    assert b'"extras": {\n    "keep": [\n     1,\n     2.5,\n     "\\u00e9"' in data


def write_shared_view(folder: Path) -> Path:
    """A GLB whose image lies inside a view that another one overlaps."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = gltf_parts(image_bytes(folder, ImageKind.PNG, pixels()))
    document = copy.deepcopy(parts.document)
    document["bufferViews"].append({"buffer": 0, "byteLength": len(parts.buffer)})
    (folder / "square.glb").write_bytes(glb(document, parts.buffer))
    return folder / "square.glb"


def write_view_with_extension(folder: Path) -> Path:
    """A GLB with an optional extension that may hold offsets of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = gltf_parts(image_bytes(folder, ImageKind.PNG, pixels()))
    document = copy.deepcopy(parts.document)
    document["bufferViews"][2]["extensions"] = {"EXT_other": {"byteOffset": 4}}
    (folder / "square.glb").write_bytes(glb(document, parts.buffer))
    return folder / "square.glb"


def write_image_first(folder: Path) -> Path:
    """A GLB whose image begins the buffer, its offset left out, and is used by two materials."""
    folder.mkdir(parents=True, exist_ok=True)
    image = image_bytes(folder, ImageKind.PNG, pixels())
    image += bytes(-len(image) % 4)
    parts = gltf_parts()
    document = copy.deepcopy(parts.document)
    for view in document["bufferViews"]:
        view["byteOffset"] += len(image)
    document["bufferViews"][1] = {"buffer": 0, "byteLength": len(image)}
    document["images"] = [{"bufferView": 1, "mimeType": "image/png"}] * 2
    document["buffers"][0]["byteLength"] += len(image)
    (folder / "square.glb").write_bytes(glb(document, image + parts.buffer))
    return folder / "square.glb"


@pytest.mark.parametrize("write", [write_shared_view, write_view_with_extension, write_image_first])
def test_unusual_layouts_of_a_glb(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    path = write(tmp_path / "in")
    surface = read_textured_mesh(path, root=tmp_path / "in")
    export_surface(surface, [enlarged(pixels())], tmp_path / "out")
    again = read_textured_mesh(tmp_path / "out" / "square.glb", root=tmp_path / "out")
    assert_same_mesh(surface, again)
    np.testing.assert_array_equal(again.atlases[0].stored, enlarged(pixels()))
    if write is not write_image_first:  # what may be looked at by others has not moved
        old, new = (glb_parts(each.path.read_bytes())[1] for each in (surface, again))
        assert new.startswith(old.rstrip(b"\0"))


@pytest.mark.parametrize("inline", [False, True])
def test_images_inside_a_buffer_of_a_gltf(tmp_path: Path, inline: bool) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    parts = gltf_parts(image_bytes(folder, ImageKind.PNG, pixels()))
    document = copy.deepcopy(parts.document)
    uri = data_uri("application/octet-stream", parts.buffer) if inline else "data/a%20b.bin"
    document["buffers"][0]["uri"] = uri
    if not inline:
        (folder / "data").mkdir()
        (folder / "data" / "a b.bin").write_bytes(parts.buffer)
    (folder / "square.gltf").write_text("\ufeff" + json.dumps(document), "utf-8")
    surface = read_textured_mesh(folder / "square.gltf", root=folder)
    written = export_surface(surface, [enlarged(pixels())], tmp_path / "out")
    again = read_textured_mesh(tmp_path / "out" / "square.gltf", root=tmp_path / "out")
    assert_same_mesh(surface, again)
    np.testing.assert_array_equal(again.atlases[0].stored, enlarged(pixels()))
    assert len(written) == (1 if inline else 2)
    assert again.path.read_text("utf-8").startswith("\ufeff")


def test_16_bit_images_inside_a_glb(tmp_path: Path) -> None:
    stored = np.random.default_rng(0).integers(0, 65536, (8, 12, 4)).astype(np.uint16)
    tmp_path.joinpath("in").mkdir()
    parts = gltf_parts(image_bytes(tmp_path, ImageKind.PNG, stored))
    (tmp_path / "in" / "square.glb").write_bytes(glb(parts.document, parts.buffer))
    surface = read_textured_mesh(tmp_path / "in" / "square.glb", root=tmp_path)
    export_surface(surface, [enlarged(stored)], tmp_path / "out")
    again = read_textured_mesh(tmp_path / "out" / "square.glb", root=tmp_path)
    np.testing.assert_array_equal(again.atlases[0].stored, enlarged(stored))
