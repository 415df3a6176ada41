"""OBJ and its libraries: what exporters write, and what is wrong with a line."""

from pathlib import Path

import numpy as np
import pytest

from tests.textured_meshes import COLORS, MTL, OBJ, pixels, seen_at_corners, write_obj
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.meshes import read_textured_mesh

FACE = "f 1/1/1 2/2/1 3/3/1"


def test_corners_show_the_colour_painted_there(tmp_path: Path) -> None:
    surface = read_textured_mesh(write_obj(tmp_path), root=tmp_path)
    assert seen_at_corners(surface) == COLORS
    assert surface.mesh.vertices.dtype == np.float64
    assert surface.mesh.faces.dtype == np.int32
    assert surface.atlases[0].name == "atlas.png"
    assert surface.atlases[0].path == tmp_path / "atlas.png"
    assert surface.sidecars == (tmp_path / "square.mtl",)
    np.testing.assert_array_equal(surface.charts.chart_id, [0, 0])
    np.testing.assert_array_equal(surface.charts.material_id, [0, 0])


SAME = {
    "polygon": OBJ.replace(f"{FACE}\nf 1/1/1 3/3/1 4/4/1", "f 1/1/1 2/2/1 3/3/1 4/4/1"),
    "negative indices": OBJ.replace(FACE, "f -4/-4/-1 -3/-3/-1 -2/-2/-1"),
    "negative in the middle": OBJ.replace("vn 0 0 1", "vn 0 0 1\nusemtl paint\nf -4/-4 -3/-3 -2/-2")
    .replace(FACE + "\n", "")
    .replace("f 1/1/1 3/3/1 4/4/1", "v 9 9 9\nvt 9 9\nf 1/1/1 3/3/1 4/4/1"),
    "no normals": OBJ.replace("/1 ", " ").replace("/1\n", "\n"),
    "mixed corners": OBJ.replace(FACE, "f 1/1 2/2/1 3/3/1"),
    "Windows line ends": OBJ.replace("\n", "\r\n"),
    "old Mac line ends": OBJ.replace("\n", "\r"),
    "byte order mark": "\ufeff" + OBJ,
    "tabs and spaces": OBJ.replace("v ", "v\t ").replace("f ", "f   ").replace("vt ", "  vt\t"),
    "continued line": OBJ.replace(FACE, "f 1/1/1 2/2/1\\\n 3/3/1"),
    "comments behind": OBJ.replace("v 1 0 0", "v 1 0 0 # corner").replace(FACE, FACE + " # up"),
    "vertex colours": OBJ.replace("v 1 0 0", "v 1 0 0 0.5 0.5 0.5"),
    "w": OBJ.replace("vt 1 0", "vt 1 0 0.0").replace("v 0 1 0", "v 0 1 0 1.0"),
    "faces before vertices": OBJ.replace("v 0 0 0\n", "usemtl paint\n" + FACE + "\nv 0 0 0\n", 1)
    .replace(FACE + "\n", "", 2)
    .replace("v 0 0 0", FACE + "\nv 0 0 0", 1),
    "unknown statements": OBJ + "s off\nl 1 2\np 1\ng parts\nvp 0.5\ncurv 0 1\n",
    "no usemtl": OBJ.replace("usemtl paint\n", ""),
    "a long line": OBJ + "# " + "x" * 1_000_000 + "\n",
    "no last line end": OBJ.rstrip(),
}


@pytest.mark.parametrize("name", SAME)
def test_spellings_of_the_same_square(tmp_path: Path, name: str) -> None:
    surface = read_textured_mesh(write_obj(tmp_path, obj=SAME[name]), root=tmp_path)
    assert seen_at_corners(surface) == COLORS
    assert len(surface.mesh.faces) == 2


LIBRARIES = {
    "options": (
        "map_Kd -clamp on -bm 1.0 -s 1 1 1 -o 0 0 -mm 0 1 -texres 4 atlas.png",
        "atlas.png",
    ),
    "one number": ("map_Kd -s 1.000 -t 0 my atlas.png", "my atlas.png"),
    "a name that starts with a number": ("map_Kd -o 0 0 0 2 atlas.png", "2 atlas.png"),
    "spaces": ("map_Kd my old  atlas.png", "my old  atlas.png"),
    "trailing space": ("map_Kd atlas.png  \t", "atlas.png"),
    "backslashes": ("map_Kd maps\\sub\\atlas.png", "maps/sub/atlas.png"),
    "slashes": ("map_Kd ./maps/atlas.png", "maps/atlas.png"),
    "lower case": ("map_kd atlas.png", "atlas.png"),
    "ambient only": ("map_Ka atlas.png", "atlas.png"),
    "ambient beside": ("map_Ka gone.png\nmap_Kd atlas.png", "atlas.png"),
    "other maps missing": ("map_Bump -bm 0.5 gone.png\nmap_Kd atlas.png", "atlas.png"),
    "unicode": ("map_Kd schöne 文.png", "schöne 文.png"),
}


@pytest.mark.parametrize("name", LIBRARIES)
def test_spellings_of_the_texture(tmp_path: Path, name: str) -> None:
    line, atlas = LIBRARIES[name]
    path = write_obj(tmp_path, mtl=f"# made\nnewmtl paint\n{line}\n", atlas=atlas)
    surface = read_textured_mesh(path, root=tmp_path)
    assert seen_at_corners(surface) == COLORS
    assert surface.atlases[0].name == atlas


def test_latin_1_names_are_read(tmp_path: Path) -> None:
    path = write_obj(tmp_path, mtl=MTL.replace("atlas", "süß").encode("latin-1"), atlas="süß.png")
    assert seen_at_corners(read_textured_mesh(path, root=tmp_path)) == COLORS


def test_library_names_with_spaces_and_several_libraries(tmp_path: Path) -> None:
    path = write_obj(tmp_path, obj=OBJ.replace("square.mtl", "my square.mtl"))
    (tmp_path / "square.mtl").rename(tmp_path / "my square.mtl")
    assert seen_at_corners(read_textured_mesh(path, root=tmp_path)) == COLORS
    path.write_text(OBJ.replace("square.mtl", "one.mtl two.mtl\nmtllib one.mtl"))
    (tmp_path / "one.mtl").write_text("newmtl other\nKd 1 0 0\n")
    (tmp_path / "two.mtl").write_text(MTL)
    surface = read_textured_mesh(path, root=tmp_path)
    assert seen_at_corners(surface) == COLORS
    assert surface.sidecars == (tmp_path / "one.mtl", tmp_path / "two.mtl")


def test_materials_become_atlases_by_their_image(tmp_path: Path) -> None:
    from texsr.pipeline.atlas import ImageKind
    from texsr.pipeline.formats.images import write_image

    faces = ("paint", "plain", "twin", "second", "unused image")
    obj = OBJ.split("usemtl")[0] + "".join(f"usemtl {name}\nf 1/1 2/2 3/3\n" for name in faces[:4])
    mtl = (
        "newmtl second\nmap_Kd b.png\nnewmtl paint\nmap_Kd atlas.png\nnewmtl plain\nKd 1 0 0\n"
        "newmtl twin\nmap_Kd ./atlas.png\nnewmtl unused image\nmap_Kd gone.png\n"
    )
    write_image(tmp_path / "b.png", ImageKind.PNG, pixels(shade=1))
    surface = read_textured_mesh(write_obj(tmp_path, obj=obj, mtl=mtl), root=tmp_path)
    names = [surface.atlases[row].name if row >= 0 else "" for row in surface.charts.material_id]
    assert names == ["atlas.png", "", "atlas.png", "b.png"]
    assert len(surface.atlases) == 2


def test_faces_without_uv_keep_their_place_and_get_no_atlas(tmp_path: Path) -> None:
    obj = OBJ + "f 1 2 3\nf 1//1 2//1 3//1\nf 1/1 2/2 3\nf 1/1 1/1 1/1\n"
    surface = read_textured_mesh(write_obj(tmp_path, obj=obj), root=tmp_path)
    np.testing.assert_array_equal(surface.charts.material_id, [0, 0, -1, -1, -1, 0])
    np.testing.assert_array_equal(surface.mesh.faces[2], [0, 1, 2])
    assert np.abs(surface.charts.uv_areas())[2:].max() == 0
    assert surface.charts.uv.shape == (5, 2)


def test_blocks_join_seamlessly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    relative = SAME["negative in the middle"]
    whole = read_textured_mesh(write_obj(tmp_path, obj=relative), root=tmp_path)
    monkeypatch.setattr("texsr.pipeline.formats.obj.BLOCK_LINES", 3)
    pieces = read_textured_mesh(write_obj(tmp_path, obj=relative), root=tmp_path)
    np.testing.assert_array_equal(whole.mesh.faces, pieces.mesh.faces)
    np.testing.assert_array_equal(whole.charts.uv_faces, pieces.charts.uv_faces)
    np.testing.assert_array_equal(whole.mesh.vertices, pieces.mesh.vertices)


FAULTS: dict[str, tuple[str, str]] = {  # the file, and what the message names
    "empty": ("", "0 vertices"),
    "binary": ("\0\1\2\x7f" * 50, "0 vertices"),
    "no faces": (OBJ.split("usemtl")[0], "0 triangles"),
    "no texture coordinates": (
        OBJ.replace("/1/1", "").replace("/2/1", "").replace("/3/1", "").replace("/4/1", ""),
        "no face with texture coordinates",
    ),
    "index 0": (OBJ.replace(FACE, "f 0/1/1 2/2/1 3/3/1"), r"square\.obj:14"),
    "uv index 0": (OBJ.replace(FACE, "f 1/0/1 2/2/1 3/3/1"), r"square\.obj:14"),
    "vertex out of range": (OBJ.replace(FACE, "f 1/1/1 2/2/1 9/3/1"), r"square\.obj:14.*vertex 9"),
    "uv out of range": (OBJ.replace(FACE, "f 1/1/1 2/7/1 3/3/1"), r"obj:14.*coordinate 7"),
    "too far back": (OBJ.replace(FACE, "f -5/1/1 2/2/1 3/3/1"), r"square\.obj:14"),
    "beyond 64 bits": (OBJ.replace(FACE, "f 1/1/1 2/2/1 99999999999999999999/3/1"), "obj:14"),
    "beyond 32 bits": (OBJ.replace(FACE, "f 1/1/1 2/2/1 4294967297/3/1"), r"square\.obj:14"),
    "two corners": (OBJ.replace(FACE, "f 1/1/1 2/2/1"), r"square\.obj:14"),
    "no corners": (OBJ.replace(FACE, "f"), r"square\.obj:14"),
    "four parts": (OBJ.replace(FACE, "f 1/1/1/1 2/2/1/1 3/3/1/1"), r"square\.obj:14"),
    "empty parts": (OBJ.replace(FACE, "f 1/ /2 3/3/1"), r"square\.obj:14"),
    "fraction": (OBJ.replace(FACE, "f 1.5/1/1 2/2/1 3/3/1"), r"square\.obj:14"),
    "letters": (OBJ.replace(FACE, "f a/1/1 2/2/1 3/3/1"), r"square\.obj:14"),
    "NaN": (OBJ.replace("v 1 0 0", "v 1 nan 0"), r"square\.obj:5.*finite"),
    "infinite uv": (OBJ.replace("vt 1 0", "vt inf 0"), r"square\.obj:9"),
    "two numbers": (OBJ.replace("v 1 0 0", "v 1 0"), r"square\.obj:5.*3 finite numbers"),
    "one number a uv": (OBJ.replace("vt 1 0", "vt 1"), r"square\.obj:9"),
    "no numbers": (OBJ.replace("v 0 0 0", "v"), r"square\.obj:4"),
    "decimal commas": (OBJ.replace("v 1 0 0", "v 1,0 0,0 0,0"), r"square\.obj:5"),
    "cut in a number": (OBJ.split("vt 1 1")[0] + "v 0.", "square.obj"),
    "cut in the faces": (OBJ[:-9], r"square\.obj:15"),
    "no library": (OBJ.replace("mtllib square.mtl\n", ""), "no library defines"),
    "library missing": (OBJ.replace("square.mtl", "gone.mtl"), r"obj:2: mtllib.*gone\.mtl"),
    "one of two missing": (OBJ.replace("square.mtl", "square.mtl gone.mtl"), r"gone\.mtl"),
    "unknown material": (OBJ.replace("usemtl paint", "usemtl oil"), r"obj:13: usemtl.*'oil'"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_named_by_line(tmp_path: Path, name: str) -> None:
    obj, message = FAULTS[name]
    with pytest.raises(CaptureError, match=message) as caught:
        read_textured_mesh(write_obj(tmp_path, obj=obj), root=tmp_path)
    assert "square" in caught.value.where
    assert caught.value.remedy


LIBRARY_FAULTS: dict[str, tuple[str, str]] = {
    "empty": ("", "no library defines"),
    "no texture": ("newmtl paint\nKd 1 1 1\n", "no face whose material names a colour texture"),
    "no name": ("newmtl paint\nmap_Kd\n", "no face whose material"),
    "options alone": ("newmtl paint\nmap_Kd -s 1 1\n", r"mtl:2: map_kd of 'paint'"),
    "missing": ("newmtl paint\nmap_Kd gone.png\n", r"mtl:2: map_kd of 'paint'.*no file"),
    "other case": ("newmtl paint\nmap_Kd ATLAS.png\n", r"'atlas\.png' is there: mind the case"),
    "a folder": ("newmtl paint\nmap_Kd .\n", "map_kd of 'paint'"),
    "not an image": ("newmtl paint\nmap_Kd square.obj\n", "map_kd of 'paint'.*no image"),
    "scaled": ("newmtl paint\nmap_Kd -s 2 2 2 atlas.png\n", "scales, shifts"),
    "shifted": ("newmtl paint\nmap_Kd -o 0.5 0 0 atlas.png\n", "scales, shifts"),
    "turbulent": ("newmtl paint\nmap_Kd -t 0.1 atlas.png\n", "scales, shifts"),
}


@pytest.mark.parametrize("name", LIBRARY_FAULTS)
def test_faults_of_libraries_are_named(tmp_path: Path, name: str) -> None:
    mtl, message = LIBRARY_FAULTS[name]
    with pytest.raises(CaptureError, match=message):
        read_textured_mesh(write_obj(tmp_path, mtl=mtl), root=tmp_path)
