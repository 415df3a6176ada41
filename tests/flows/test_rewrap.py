"""`texsr unwrap`: a mesh comes back with charts of its own and the colours it had."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.scene_files import write_scene
from tests.scene_variants import with_stacked_uvs
from tests.scenes import Shape, make_scene, waves
from texsr.flows.cli import app
from texsr.pipeline.atlas import uv_to_texel
from texsr.pipeline.formats.meshes import read_textured_mesh
from texsr.pipeline.mipmap import bilinear


def answer(*words: object) -> tuple[int, dict]:
    outcome = CliRunner().invoke(app, ["unwrap", *map(str, words), "--json"])
    return outcome.exit_code, json.loads(outcome.stdout)


@pytest.fixture(scope="module")
def scene():
    return make_scene(Shape.CUBE, low_tx=96, scale=2, cameras=[], color_of=waves(cycles_per_unit=1))


@pytest.fixture
def textured(scene, tmp_path) -> Path:
    return write_scene(scene, tmp_path / "scan") / "mesh.obj"


@pytest.fixture
def needs_open3d() -> None:
    try:
        import open3d  # noqa: F401
    except (ImportError, OSError) as error:
        pytest.skip(f"Open3D lacks a system library: {error}")


@pytest.mark.usefixtures("needs_open3d")
def test_colours_follow_the_surface_onto_the_new_charts(scene, textured, tmp_path) -> None:
    code, facts = answer(textured, "--out", tmp_path / "new")
    assert (code, facts["status"]) == (0, "done")
    made = read_textured_mesh(Path(facts["mesh"]), root=tmp_path / "new")
    assert len(made.mesh.faces) == len(scene.surface.mesh.faces)
    middle = made.mesh.vertices[made.mesh.faces].mean(axis=1)
    uv = made.charts.uv[made.charts.uv_faces].mean(axis=1)
    height, width = facts["size_tx"]
    texel = uv_to_texel(uv, height_tx=height, width_tx=width)
    color = bilinear(made.atlases[0].stored, texel, 3)
    assert np.abs(color - scene.color_of(middle)).max() < 8 / 255


@pytest.mark.usefixtures("needs_open3d")
def test_stacked_charts_come_apart(scene, textured, tmp_path) -> None:
    stacked = write_scene(with_stacked_uvs(scene), tmp_path / "stacked") / "mesh.obj"
    options = ("--colors", textured, "--size", 128, "--out", tmp_path / "new")
    code, facts = answer(stacked, *options)
    assert code == 0
    charts = read_textured_mesh(Path(facts["mesh"]), root=tmp_path / "new").charts
    boxes = [charts.uv[face] for face in charts.uv_faces]
    middles = np.array([box.mean(axis=0) for box in boxes])
    apart = np.linalg.norm(middles[:, None] - middles[None], axis=2)
    assert apart[~np.eye(len(middles), dtype=bool)].min() > 2 / 128


def test_a_mesh_without_texture_needs_one_to_take_it_from(textured, tmp_path) -> None:
    bare = tmp_path / "bare.stl"
    bare.write_bytes(b"solid")
    code, facts = answer(bare, "--out", tmp_path / "new")
    assert code == 2
    assert {"where", "found", "expected", "remedy"} <= facts.keys()
    assert not (tmp_path / "new").exists()


def test_a_taken_place_is_refused_and_left_alone(textured, tmp_path) -> None:
    code, facts = answer(textured, "--out", textured.parent)
    assert code == 2
    assert "already there" in facts["found"]
