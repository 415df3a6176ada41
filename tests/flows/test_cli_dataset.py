"""`texsr dataset`: options reach the builders; answers for people and for programs."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.scene_cameras import orbit
from tests.scene_files import write_scene
from tests.scenes import Scene, Shape, make_scene
from texsr.flows.cli_dataset import app
from texsr.pipeline.formats.texture_map_folders import read_texture_maps


def call(*words: object, code: int = 0):
    outcome = CliRunner().invoke(app, [str(word) for word in words])
    assert outcome.exit_code == code, outcome.output
    return outcome


def answer(*words: object, code: int = 0) -> dict:
    facts = json.loads(call(*words, "--json", code=code).stdout)
    assert facts["exit_code"] == code
    return facts


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(Shape.PLANE, low_tx=128, scale=1, cameras=orbit(3, size_px=64, half=True))


@pytest.fixture
def capture(scene, tmp_path) -> Path:
    return write_scene(scene, tmp_path / "vase")


@pytest.fixture
def folder(tmp_path, rng) -> Path:
    root = tmp_path / "cufed"
    root.mkdir()
    for level in range(3):
        noise = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(noise).save(root / f"001_{level}.png")
    return root


def test_refsr_tells_people_what_there_is(folder):
    said = call("refsr", folder).stdout
    assert "1 scene (numbered), references each: 2;" in said
    assert "truths of 20 to 24 px" in said


def test_refsr_writes_what_programs_find(folder, tmp_path):
    facts = answer("refsr", folder, "--out", tmp_path / "out", "--layout", "numbered")
    assert facts["status"] == "done"
    assert facts["layout"] == "numbered"
    assert facts["num_references"] == [2, 2]
    assert (Path(facts["out"]) / "001" / "ref_02.png").is_file()


def test_bad_words_and_bad_folders_exit_2(folder, tmp_path):
    facts = answer("refsr", folder, "--layout", "stacked", code=2)
    assert (facts["error"], facts["where"]) == ("SettingsError", "--layout")
    assert "numbered or paired or matched" in facts["expected"]
    assert answer("refsr", tmp_path / "nowhere", code=2)["error"] == "CaptureError"


def test_own_warns_where_roles_are_not_known(capture, tmp_path):
    outcome = call("own", capture, "--out", tmp_path / "out", "--no-full-photos")
    assert "3 of 3 photos at 0.25 of their size" in outcome.stdout
    assert "warning: it is not known which photos" in outcome.stdout
    assert not (tmp_path / "out" / "truth" / "photos").exists()


def test_options_of_own_reach_the_builder(capture, tmp_path):
    (tmp_path / "fresh.txt").write_text("001.png\n", encoding="utf-8")
    words = ["--out", tmp_path / "out", "--scale", 2, "--photo-scale", 0.75, "--licence", "CC0-1.0"]
    facts = answer("own", capture, *words, "--references-only", tmp_path / "fresh.txt")
    assert (facts["scale"], facts["photo_scale"]) == (2, 0.75)
    assert facts["licence"] == "CC0-1.0"
    assert facts["roles_known"] is True
    assert [photo["used"] for photo in facts["photos"]] == [False, True, False]
    assert (tmp_path / "out" / "truth" / "photos" / "images" / "000.png").is_file()
    said = answer("own", capture, "--out", tmp_path / "out", code=2)
    assert said["error"] == "OutputError"


def test_what_own_makes_can_be_cut_into_texture_maps(capture, tmp_path):
    answer("own", capture, "--out", tmp_path / "own", "--photo-scale", 1.0)
    words = ["--out", tmp_path / "maps", "--tile-size", 16, "--references", 2, "--licence", "CC0"]
    facts = answer("texture-maps", tmp_path / "own", *words)
    assert facts["num_tiles"] == 4
    assert facts["maps"] == {"own": 4}
    read = read_texture_maps(tmp_path / "maps")
    assert (read.scale, read.licence, read.num_tiles) == (4, "CC0", 4)
    counts = [len(tile.references) for tile in read.maps[0].tiles]
    assert sum(counts) == facts["num_references"] > 0
    assert max(counts) <= 2
    said = call("texture-maps", tmp_path / "own", "--out", tmp_path / "more", "--tile-size", 16)
    assert "4 tiles of 1 map at x4" in said.stdout
    assert "turned" in said.stdout
    assert facts["turned"] is read.turned is True
    raw = answer(
        "texture-maps", tmp_path / "own", "--out", tmp_path / "raw", "--as-photographed", *words[2:]
    )
    assert raw["turned"] is read_texture_maps(tmp_path / "raw").turned is False


def test_help_shows_examples():
    for command in ("refsr", "texture-maps", "own"):
        assert f"texsr dataset {command}" in " ".join(call(command, "--help").stdout.split())
