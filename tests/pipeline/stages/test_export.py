"""What comes out is what came in, but for the textures."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.textured_meshes import (
    COLORS,
    MTL,
    OBJ,
    assert_same_mesh,
    enlarged,
    pixels,
    seen_at_corners,
    write_glb,
    write_gltf,
    write_obj,
    write_ply,
)
from texsr.pipeline.atlas import ImageKind
from texsr.pipeline.errors import OutputError
from texsr.pipeline.formats.images import read_image, write_image
from texsr.pipeline.formats.meshes import read_textured_mesh
from texsr.pipeline.stages.export import export_surface, stored_textures, texture_places

SEVERAL_OBJ = OBJ + "usemtl second\nf 1/1/1 2/2/1 3/3/1\nusemtl plain\nf 1/1/1 2/2/1 3/3/1\n"
SEVERAL_MTL = (
    "# two\r\nnewmtl paint\r\n  map_Kd  atlas.png\r\nnewmtl plain\r\nKd 1 0 0\r\n"
    "newmtl second\r\nmap_Kd -clamp on maps\\b 2.png\r\nmap_Bump maps/bump.png\r\n"
)


def write_several(folder: Path) -> Path:
    """An OBJ with two atlases, one in a folder, and a bump map that is no atlas."""
    path = write_obj(folder, obj=SEVERAL_OBJ, mtl=SEVERAL_MTL)
    (folder / "maps").mkdir()
    write_image(folder / "maps" / "b 2.png", ImageKind.PNG, pixels(shade=1))
    (folder / "maps" / "bump.png").write_bytes(b"whatever it is")
    return path


CONTAINERS: dict[str, Callable[[Path], Path]] = {
    "obj": write_obj,
    "obj with several materials": write_several,
    "glb": write_glb,
    "gltf with files": write_gltf,
    "gltf with data URIs": lambda folder: write_gltf(folder, inline=True),
    "ply ascii": lambda folder: write_ply(folder, "ascii"),
    "ply binary, by vertex": lambda folder: write_ply(
        folder, "binary_little_endian", per_corner=False
    ),
    "ply big endian": lambda folder: write_ply(folder, "binary_big_endian"),
}


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", CONTAINERS)
def test_what_is_untouched_comes_back_bit_for_bit(tmp_path: Path, name: str) -> None:
    source, out = tmp_path / "in", tmp_path / "out" / "deep"
    surface = read_textured_mesh(CONTAINERS[name](source), root=source)
    before = tree(source)
    textures = [enlarged(each) for each in stored_textures(surface)]
    written = export_surface(surface, textures, out)
    again = read_textured_mesh(out / surface.path.name, root=out)
    assert_same_mesh(surface, again)
    assert seen_at_corners(again).keys() == COLORS.keys()
    for atlas, texture in zip(again.atlases, textures, strict=True):
        np.testing.assert_array_equal(atlas.stored, texture)
    assert written[0] == out / surface.path.name
    assert {path.relative_to(out).as_posix() for path in written} == tree(out).keys()
    assert len(written) == len(set(written))
    assert tree(source) == before
    own = {path.name for path in written} & {each.name.split("/")[-1] for each in surface.atlases}
    embedded = any(atlas.path is None for atlas in surface.atlases)
    for place, data in tree(out).items():
        changed = Path(place).name in own or (embedded and place == surface.path.name)
        assert (data == before[place]) is not changed


@pytest.mark.parametrize("name", CONTAINERS)
def test_exporting_what_was_read_changes_no_pixel(tmp_path: Path, name: str) -> None:
    surface = read_textured_mesh(CONTAINERS[name](tmp_path / "in"), root=tmp_path / "in")
    export_surface(surface, stored_textures(surface), tmp_path / "out")
    again = read_textured_mesh(tmp_path / "out" / surface.path.name, root=tmp_path / "out")
    assert_same_mesh(surface, again)
    for one, two in zip(surface.atlases, again.atlases, strict=True):
        np.testing.assert_array_equal(one.stored, two.stored)


JPEGS: dict[str, Callable[[Path], Path]] = {
    "obj": lambda folder: write_obj(
        folder,
        mtl="newmtl paint\r\nmap_Kd -clamp on  tex\\at las.JPG \r\nmap_Ka tex/at las.JPG\r\n",
        atlas="tex/at las.JPG",
    ),
    "ply": lambda folder: write_ply(folder, "binary_big_endian", texture="at las.jpg"),
    "gltf": lambda folder: write_gltf(
        folder, images=[{"uri": "at%20las.jpg", "mimeType": "image/jpeg"}]
    ),
    "glb": lambda folder: write_glb(folder, kind=ImageKind.JPEG),
    "glb with a file": lambda folder: write_glb(folder, images=[{"uri": "at%20las.jpg"}]),
}


def write_jpeg_mesh(folder: Path, name: str) -> Path:
    path = JPEGS[name](folder)
    for atlas in (folder / "at las.jpg", folder / "tex" / "at las.JPG"):
        if atlas.parent.is_dir():
            write_image(atlas, ImageKind.JPEG, pixels())
    return path


@pytest.mark.parametrize("name", JPEGS)
def test_jpegs_stay_jpegs_unless_told_otherwise(tmp_path: Path, name: str) -> None:
    surface = read_textured_mesh(write_jpeg_mesh(tmp_path / "in", name), root=tmp_path / "in")
    texture = enlarged(surface.atlases[0].stored)
    export_surface(surface, [texture], tmp_path / "same")
    same = read_textured_mesh(tmp_path / "same" / surface.path.name, root=tmp_path / "same")
    assert same.atlases[0].kind is ImageKind.JPEG
    assert_same_mesh(surface, same)
    export_surface(surface, [texture], tmp_path / "png", texture_format="png")
    png = read_textured_mesh(tmp_path / "png" / surface.path.name, root=tmp_path / "png")
    assert png.atlases[0].kind is ImageKind.PNG
    np.testing.assert_array_equal(png.atlases[0].stored, texture)
    np.testing.assert_array_equal(surface.charts.uv, png.charts.uv)
    assert png.atlases[0].path is None or png.atlases[0].path.suffix == ".png"
    assert not list((tmp_path / "png").rglob("*.jpg"))
    (place,) = texture_places(surface, tmp_path / "png", texture_format="png")
    assert place == (png.atlases[0].path or tmp_path / "png" / "image_0.png")


def test_renaming_edits_only_the_name(tmp_path: Path) -> None:
    surface = read_textured_mesh(write_jpeg_mesh(tmp_path / "in", "obj"), root=tmp_path / "in")
    export_surface(surface, stored_textures(surface), tmp_path / "out", texture_format="png")
    before, after = tree(tmp_path / "in"), tree(tmp_path / "out")
    assert after["square.mtl"] == before["square.mtl"].replace(b".JPG", b".png")
    assert after["square.obj"] == before["square.obj"]
    surface = read_textured_mesh(write_jpeg_mesh(tmp_path / "b", "ply"), root=tmp_path / "b")
    export_surface(surface, stored_textures(surface), tmp_path / "c", texture_format="png")
    before, after = tree(tmp_path / "b"), tree(tmp_path / "c")
    assert after["square.ply"] == before["square.ply"].replace(b".jpg", b".png")


def test_a_renamed_texture_takes_nobodys_place(tmp_path: Path) -> None:
    mtl = "newmtl paint\nmap_Kd a.jpg\nmap_Bump a.png\n"
    path = write_obj(tmp_path / "in", mtl=mtl, atlas="a.jpg")
    (tmp_path / "in" / "a.png").write_bytes(b"the bump map")
    surface = read_textured_mesh(path, root=tmp_path / "in")
    export_surface(surface, stored_textures(surface), tmp_path / "out", texture_format="png")
    assert (tmp_path / "out" / "a.png").read_bytes() == b"the bump map"
    assert (tmp_path / "out" / "square.mtl").read_text() == mtl.replace("a.jpg", "a.jpg.png")
    again = read_textured_mesh(tmp_path / "out" / "square.obj", root=tmp_path / "out")
    assert again.atlases[0].kind is ImageKind.PNG


def test_textures_above_the_mesh_stay_inside_the_output(tmp_path: Path) -> None:
    root = tmp_path / "in"
    path = write_obj(root / "meshes", mtl=MTL.replace("atlas", "../maps/atlas"))
    (root / "maps").mkdir()
    (root / "meshes" / "atlas.png").rename(root / "maps" / "atlas.png")
    surface = read_textured_mesh(path, root=root)
    written = export_surface(surface, [enlarged(pixels())], tmp_path / "out")
    assert written[0] == tmp_path / "out" / "meshes" / "square.obj"
    assert sorted(tree(tmp_path / "out")) == [
        "maps/atlas.png",
        "meshes/square.mtl",
        "meshes/square.obj",
    ]
    again = read_textured_mesh(written[0], root=tmp_path / "out")
    assert_same_mesh(surface, again)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in", "out"]


@pytest.mark.parametrize("kind", [ImageKind.PNG, ImageKind.TIFF])
@pytest.mark.parametrize("channels", [1, 2, 4])
def test_16_bits_and_alpha_stay(tmp_path: Path, kind: ImageKind, channels: int) -> None:
    stored = np.random.default_rng(0).integers(0, 65536, (8, 12, channels)).astype(np.uint16)
    path = write_obj(tmp_path / "in")
    write_image(tmp_path / "in" / "atlas.png", kind, stored)
    surface = read_textured_mesh(path, root=tmp_path / "in")
    np.testing.assert_array_equal(surface.atlases[0].stored, stored)
    export_surface(surface, [enlarged(stored)], tmp_path / "out", texture_format="png")
    again, found = read_image(tmp_path / "out" / "atlas.png", where="atlas")
    assert found is kind
    np.testing.assert_array_equal(again, enlarged(stored))


@pytest.mark.parametrize("name", ["obj", "glb", "gltf with data URIs"])
def test_the_same_export_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    surface = read_textured_mesh(CONTAINERS[name](tmp_path / "in"), root=tmp_path / "in")
    for out in ("one", "two"):
        export_surface(surface, stored_textures(surface), tmp_path / out)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_memory_maps_go_out_as_arrays_do(tmp_path: Path) -> None:
    surface = read_textured_mesh(write_glb(tmp_path / "in"), root=tmp_path / "in")
    texture = enlarged(pixels())
    mapped = np.memmap(tmp_path / "raw", np.uint8, "w+", shape=texture.shape)
    mapped[:] = texture
    export_surface(surface, [mapped], tmp_path / "one")
    export_surface(surface, [texture], tmp_path / "two")
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


@pytest.mark.parametrize("name", ["obj", "glb"])
def test_an_output_that_cannot_be_written_is_a_typed_error(tmp_path: Path, name: str) -> None:
    surface = read_textured_mesh(CONTAINERS[name](tmp_path / "in"), root=tmp_path / "in")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        export_surface(surface, stored_textures(surface), tmp_path / "file" / "out")
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_glb_beyond_its_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    surface = read_textured_mesh(write_glb(tmp_path / "in"), root=tmp_path / "in")
    monkeypatch.setattr("texsr.pipeline.formats.gltf_write.MAX_GLB_BYTES", 1000)
    with pytest.raises(OutputError, match="smaller --scale"):
        export_surface(surface, stored_textures(surface), tmp_path / "out")
    assert tree(tmp_path / "out") == {}
