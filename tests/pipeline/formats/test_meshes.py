"""What all mesh formats share: confinement, real meshes, and what is no mesh."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.pipeline.formats.test_paths import ESCAPES
from tests.textured_meshes import (
    MTL,
    OBJ,
    gltf_parts,
    pixels,
    write_glb,
    write_gltf,
    write_obj,
    write_ply,
)
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.meshes import read_textured_mesh

SHARED = Path(__file__).parents[4] / "shared" / "data"


def gltf_with_buffer(folder: Path, uri: str) -> Path:
    buffer = {"byteLength": len(gltf_parts().buffer), "uri": uri}
    return write_gltf(folder, buffers=[buffer])


CARRIERS: dict[str, Callable[[Path, str], Path]] = {
    "mtllib": lambda folder, name: write_obj(folder, obj=OBJ.replace("square.mtl", name)),
    "map_Kd": lambda folder, name: write_obj(folder, mtl=MTL.replace("atlas.png", name)),
    "glTF image": lambda folder, name: write_gltf(folder, images=[{"uri": name}]),
    "glTF buffer": gltf_with_buffer,
    "TextureFile": lambda folder, name: write_ply(folder, texture=name),
}


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("spelling", ESCAPES)
def test_no_name_leads_out_of_the_capture(tmp_path: Path, carrier: str, spelling: str) -> None:
    root = tmp_path / "capture"
    # What an escape would find: a file that could be used as it is.
    write_obj(tmp_path, atlas="secret.png")
    shutil.copy(tmp_path / "square.mtl", tmp_path / "secret.mtl")
    name = ESCAPES[spelling]
    path = CARRIERS[carrier](root, name.replace(".png", ".mtl") if carrier == "mtllib" else name)
    with pytest.raises(CaptureError):
        read_textured_mesh(path, root=root)


@pytest.mark.parametrize("folder", [False, True])
def test_no_link_leads_out_of_the_capture(tmp_path: Path, folder: bool) -> None:
    root = tmp_path / "capture"
    path = write_obj(root, mtl=MTL.replace("atlas.png", "link/atlas.png" if folder else "link"))
    (root / "atlas.png").rename(tmp_path / "atlas.png")
    (root / "link").symlink_to(tmp_path if folder else tmp_path / "atlas.png")
    with pytest.raises(CaptureError, match="symbolic link"):
        read_textured_mesh(path, root=root)


def test_maps_that_nobody_needs_may_be_missing_or_outside(tmp_path: Path) -> None:
    mtl = MTL + "map_Bump ../outside.png\nmap_Ns C:/maps/gone.png\nmap_d gone.png\n"
    surface = read_textured_mesh(write_obj(tmp_path, mtl=mtl), root=tmp_path)
    assert surface.sidecars == (tmp_path / "square.mtl",)
    images = [{"uri": "atlas.png"}, {"uri": "../out.png"}, {"uri": "gone.png"}]
    surface = read_textured_mesh(write_gltf(tmp_path, images=images), root=tmp_path)
    assert surface.sidecars == (tmp_path / "square data.bin",)


@pytest.mark.parametrize("name", ["mesh.fbx", "mesh", "mesh.obj.zip"])
def test_other_formats_are_refused_with_what_would_do(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(CaptureError, match=r"\.glb, \.gltf, \.obj, \.ply"):
        read_textured_mesh(tmp_path / name, root=tmp_path)


@pytest.mark.parametrize("suffix", ["obj", "ply", "glb", "gltf"])
def test_missing_files_and_folders_are_refused(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"folder.{suffix}").mkdir()
    for name in ("gone", "folder"):
        with pytest.raises(CaptureError, match=name):
            read_textured_mesh(tmp_path / f"{name}.{suffix}", root=tmp_path)


WRITERS: dict[str, Callable[[Path], Path]] = {
    "obj": write_obj,
    "ply": write_ply,
    "ply binary": lambda folder: write_ply(folder, "binary_little_endian"),
    "glb": write_glb,
    "gltf": write_gltf,
}


@pytest.mark.parametrize("name", WRITERS)
@settings(
    max_examples=60,
    deadline=5000,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_damaged_files_are_read_or_refused_and_nothing_else(
    tmp_path: Path, name: str, data: st.DataObject
) -> None:
    path = WRITERS[name](tmp_path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        length = data.draw(st.integers(0, 6))
        content[at : at + length] = data.draw(
            st.binary(max_size=6) | st.just(b"-1") | st.just(b"9")
        )
        content = content or bytearray(b"x")
    path.write_bytes(content)
    try:
        surface = read_textured_mesh(path, root=tmp_path)
    except CaptureError as error:
        assert error.found  # noqa: PT017
        return
    assert surface.mesh.faces.max() < len(surface.mesh.vertices)
    assert surface.charts.uv_faces.max() < len(surface.charts.uv)
    assert surface.atlases[0].stored.shape == pixels().shape


REAL = {  # vertices, texture coordinates, faces, charts
    "captures/real/conch/mesh.obj": (18098, 23979, 36000, 664),
    "captures/simulated/bowl_d05/capture/mesh.obj": (38397, 38397, 45298, 314),
    "captures/simulated/head_d035/capture/mesh.obj": (35368, 35368, 17684, 11),
    "scans/polyhaven_sofa_03/mesh.obj": None,
    "scans/ocrtoc_redbull/mesh.obj": None,
}


@pytest.mark.parametrize("name", REAL)
def test_real_meshes_are_read(name: str) -> None:
    path = SHARED / name
    if not path.is_file():
        pytest.skip("the shared captures are not here")
    surface = read_textured_mesh(path, root=path.parent)
    mesh, charts = surface.mesh, surface.charts
    assert (charts.material_id == 0).all()
    assert len(surface.atlases) == 1
    assert charts.uv.min() > -0.01
    assert charts.uv.max() < 1.01
    counts = (len(mesh.vertices), len(charts.uv), len(mesh.faces), int(charts.chart_id.max()) + 1)
    assert REAL[name] in (None, counts)


def test_another_reader_finds_the_same_mesh() -> None:
    path = SHARED / "captures/simulated/poker_d07/capture/mesh.obj"
    if not path.is_file():
        pytest.skip("the shared captures are not here")
    import trimesh

    theirs = trimesh.load(path, process=False, maintain_order=True)
    ours = read_textured_mesh(path, root=path.parent)
    assert len(theirs.faces) == len(ours.mesh.faces)
    np.testing.assert_allclose(
        theirs.vertices[theirs.faces], ours.mesh.vertices[ours.mesh.faces], atol=1e-12
    )
    np.testing.assert_allclose(
        theirs.visual.uv[theirs.faces], ours.charts.uv[ours.charts.uv_faces], atol=1e-12
    )


def test_another_reader_understands_what_we_write(tmp_path: Path) -> None:
    import trimesh

    from tests.textured_meshes import enlarged
    from texsr.pipeline.stages.export import export_surface

    surface = read_textured_mesh(write_glb(tmp_path / "in"), root=tmp_path)
    export_surface(surface, [enlarged(pixels())], tmp_path / "out")
    scene = trimesh.load(tmp_path / "out" / "square.glb", process=False)
    (mesh,) = scene.geometry.values()
    image = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"))
    np.testing.assert_array_equal(image, enlarged(pixels()))
    np.testing.assert_allclose(mesh.visual.uv, surface.charts.uv)
    assert json.dumps(scene.graph.to_flattened())
