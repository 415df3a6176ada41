"""PLY: both byte orders, uv by vertex or by corner, and what is wrong with a row."""

import struct
from pathlib import Path

import numpy as np
import pytest

from tests.textured_meshes import COLORS, pixels, seen_at_corners, write_ply
from texsr.pipeline.atlas import ImageKind
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.images import write_image
from texsr.pipeline.formats.meshes import read_textured_mesh

FORMS = ("ascii", "binary_little_endian", "binary_big_endian")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("per_corner", [True, False])
def test_corners_show_the_colour_painted_there(tmp_path: Path, form: str, per_corner: bool) -> None:
    surface = read_textured_mesh(write_ply(tmp_path, form, per_corner=per_corner), root=tmp_path)
    assert seen_at_corners(surface) == COLORS
    assert surface.mesh.vertices.dtype == np.float64
    assert surface.atlases[0].name == "atlas.png"
    np.testing.assert_array_equal(surface.charts.chart_id, [0, 0])


@pytest.mark.parametrize("names", [("u", "v"), ("texture_u", "texture_v")])
def test_other_names_of_uv(tmp_path: Path, names: tuple[str, str]) -> None:
    path = write_ply(tmp_path, per_corner=False)
    text = path.read_text()
    for old, new in zip("st", names, strict=True):
        text = text.replace(f"float {old}\n", f"float {new}\n")
    path.write_text(text)
    assert seen_at_corners(read_textured_mesh(path, root=tmp_path)) == COLORS


def polygons(form: str) -> bytes:
    """A quad with its corners' uv, a triangle without, a triangle of the second texture."""
    header = (
        f"ply\nformat {form} 1.0\ncomment TextureFile atlas.png\ncomment TextureFile my b.png\n"
        "element vertex 4\nproperty double x\nproperty double y\nproperty double z\n"
        "element face 3\nproperty list uint8 uint32 vertex_index\n"
        "property list uint8 float32 texcoord\nproperty int32 texnumber\nend_header\n"
    )
    quad = [0, 0, 1, 0, 1, 1, 0, 1]
    faces = [([0, 1, 2, 3], quad, 0), ([0, 1, 2], [], -1), ([0, 2, 3], [0, 0, 1, 1, 0, 1], 1)]
    points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
    if form == "ascii":
        rows = [" ".join(map(str, point)) for point in points]
        for corners, uv, texture in faces:
            rows.append(" ".join(map(str, [len(corners), *corners, len(uv), *uv, texture])))
        return (header + "\n".join(rows) + "\n").encode()
    order = "<" if "little" in form else ">"
    body = b"".join(struct.pack(order + "3d", *point) for point in points)
    for corners, uv, texture in faces:
        layout = f"{order}B{len(corners)}IB{len(uv)}fi"
        body += struct.pack(layout, len(corners), *corners, len(uv), *uv, texture)
    return header.encode() + body


@pytest.mark.parametrize("form", FORMS)
def test_polygons_of_several_sizes_and_textures(tmp_path: Path, form: str) -> None:
    (tmp_path / "square.ply").write_bytes(polygons(form))
    write_image(tmp_path / "atlas.png", ImageKind.PNG, pixels())
    write_image(tmp_path / "my b.png", ImageKind.PNG, pixels(shade=1))
    surface = read_textured_mesh(tmp_path / "square.ply", root=tmp_path)
    np.testing.assert_array_equal(surface.mesh.faces, [[0, 1, 2], [0, 2, 3], [0, 1, 2], [0, 2, 3]])
    np.testing.assert_array_equal(surface.charts.material_id, [0, 0, -1, 1])
    assert [atlas.name for atlas in surface.atlases] == ["atlas.png", "my b.png"]
    assert np.abs(surface.charts.uv_areas())[2] == 0
    np.testing.assert_allclose(surface.charts.uv_areas()[[0, 1, 3]], 0.5)


def test_windows_line_ends(tmp_path: Path) -> None:
    path = write_ply(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert seen_at_corners(read_textured_mesh(path, root=tmp_path)) == COLORS


def test_other_elements_are_passed_over(tmp_path: Path) -> None:
    path = write_ply(tmp_path)
    text = path.read_text().replace(
        "element face", "element camera 1\nproperty float view_px\nelement face"
    )
    text = text.replace("0 1 0 7\n", "0 1 0 7\n0.5\n")
    path.write_text(text)
    assert seen_at_corners(read_textured_mesh(path, root=tmp_path)) == COLORS


FAULTS: dict[str, tuple[str, str, str]] = {  # replace what by what; what the message names
    "no magic": ("ply\n", "plx\n", r"square\.ply:1"),
    "no format": ("format ascii 1.0\n", "", "no format line"),
    "unknown format": ("ascii", "utf8", r"square\.ply:2"),
    "no end": ("end_header\n", "", r"square\.ply:"),
    "unknown type": ("property double z", "property quad z", r"square\.ply:8"),
    "property of nothing": ("element vertex 4\n", "", r"square\.ply:5"),
    "negative count": ("element vertex 4", "element vertex -4", r"square\.ply:5"),
    "absurd count": ("element vertex 4", "element vertex 99999999999", "element"),
    "too many vertices": ("element vertex 4", "element vertex 5", "element"),
    "too few vertices": ("element vertex 4", "element vertex 3", "more data"),
    "too many faces": ("element face 2", "element face 3", "2 rows"),
    "too few faces": ("element face 2", "element face 1", "more data"),
    "no faces": ("element face 2", "element face 0", "more data"),
    "no vertex_indices": ("vertex_indices", "corners", "vertex_indices"),
    "no z": ("property double z", "property double depth", "x, y, z"),
    "list overrun": ("\n3 0 1 2 6", "\n4 0 1 2 6", "element face, row 0"),
    "negative list": ("\n3 0 1 2 6", "\n-3 0 1 2 6", "element face, row 0"),
    "two corners": ("\n3 0 1 2 6 0 0 1 0 1 1", "\n2 0 1 4 0 0 1 0", "2 corners"),
    "half a pair": ("3 0 1 2 6 0 0 1 0 1 1", "3 0 1 2 5 0 0 1 0 1", "row 0, texcoord"),
    "vertex out of range": ("\n3 0 1 2", "\n3 0 1 4", "triangle 0.*below 4"),
    "negative vertex": ("\n3 0 1 2", "\n3 0 1 -2", "triangle 0"),
    "fraction of a vertex": ("\n3 0 1 2", "\n3 0 1 1.5", "whole numbers"),
    "letters": ("\n3 0 1 2", "\n3 0 one 2", "element face.*numbers"),
    "NaN": ("1 1 0 7", "1 nan 0 7", "not finite"),
    "NaN of a vertex": ("\n3 0 1 2", "\n3 0 1 nan", "whole numbers"),
    "infinite uv": ("6 0 0 1 0 1 1", "6 0 0 inf 0 1 1", "texture coordinate 1"),
    "no texture": ("comment TextureFile atlas.png\n", "", "colour texture"),
    "texture missing": ("TextureFile atlas.png", "TextureFile gone.png", "TextureFile 'gone.png'"),
    "no uv": ("texcoord", "weights", "no face with texture coordinates"),
    "empty line": ("0 0 0 7\n", "\n0 0 0 7\n", "element"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_named(tmp_path: Path, name: str) -> None:
    old, new, message = FAULTS[name]
    path = write_ply(tmp_path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(CaptureError, match=message) as caught:
        read_textured_mesh(path, root=tmp_path)
    assert "square.ply" in caught.value.where


@pytest.mark.parametrize("form", FORMS[1:])
@pytest.mark.parametrize("cut", [1, 20, 60, 150, 400])
def test_binary_files_cut_short_are_refused(tmp_path: Path, form: str, cut: int) -> None:
    path = write_ply(tmp_path, form)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(CaptureError, match="square"):
        read_textured_mesh(path, root=tmp_path)


BINARY_FAULTS: dict[str, tuple[bytes, bytes]] = {
    "absurd count": (b"element face 2", b"element face 88888888888"),
    "one face too many": (b"element face 2", b"element face 3"),
    "one face too few": (b"element face 2", b"element face 1"),
    "one vertex too many": (b"element vertex 4", b"element vertex 5"),
    "list overrun": (b"\x03\x00\x00\x00\x00", b"\xff\x00\x00\x00\x00"),
    "ASCII said": (b"binary_little_endian", b"ascii"),
    "other order said": (b"binary_little_endian", b"binary_big_endian"),
}


@pytest.mark.parametrize("name", BINARY_FAULTS)
def test_binary_faults_are_refused(tmp_path: Path, name: str) -> None:
    old, new = BINARY_FAULTS[name]
    path = write_ply(tmp_path, "binary_little_endian")
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))
    with pytest.raises(CaptureError, match=r"square\.ply"):
        read_textured_mesh(path, root=tmp_path)


@pytest.mark.parametrize("number", ["7", "0.5", "nan", "inf"])
def test_texnumbers_that_name_no_texture_are_refused(tmp_path: Path, number: str) -> None:
    text = polygons("ascii").decode().replace("0 1 1 0 1 1\n", f"0 1 1 0 1 {number}\n")
    assert text.endswith(f" {number}\n")
    (tmp_path / "square.ply").write_text(text)
    with pytest.raises(CaptureError, match="row 2, texnumber"):
        read_textured_mesh(tmp_path / "square.ply", root=tmp_path)
