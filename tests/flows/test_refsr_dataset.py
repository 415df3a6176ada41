"""Folders of references are surveyed whole, and written anew in one layout."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from texsr.flows.refsr_dataset import refsr_dataset
from texsr.pipeline.errors import CaptureError, OutputError
from texsr.pipeline.formats.refsr_folders import read_refsr_folder, read_refsr_scene
from texsr.pipeline.refsr import RefsrLayout


def paint(path: Path, seed: int, *, size: tuple[int, int] = (24, 20)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)


@pytest.fixture
def root(tmp_path) -> Path:
    root = tmp_path / "listed"
    for seed, size in enumerate([(24, 20), (33, 18)]):
        paint(root / "hr" / f"x{seed}.png", seed, size=size)
    for seed in range(3):
        paint(root / "more" / f"y{seed}.png", seed + 10, size=(40 + seed, 16))
    lines = ["hr/x0.png more/y0.png", "hr/x1.png more/y1.png more/y2.png"]
    (root / "pairs.txt").write_text("\n".join(lines), encoding="utf-8")
    (root / "ATTRIBUTION.txt").write_text("by the tests", encoding="utf-8")
    return root


def test_a_survey_tells_counts_and_sizes_and_writes_nothing(root):
    before = sorted(root.rglob("*"))
    told: list[tuple[str, int, int]] = []
    found = refsr_dataset(root, progress=lambda *step: told.append(step))
    assert found.layout is RefsrLayout.LISTED
    assert (found.num_scenes, found.num_references) == (2, (1, 2))
    assert (found.truth_px, found.reference_px) == ((18, 33), (16, 42))
    assert not found.validation_only
    assert found.out is None
    assert told == [("scenes", 0, 2), ("scenes", 1, 2), ("scenes", 2, 2)]
    assert sorted(root.rglob("*")) == before


def test_scenes_written_anew_hold_the_same_pictures(root, tmp_path):
    found = refsr_dataset(root, out=tmp_path / "out", scale=2)
    assert found.out == tmp_path / "out"
    scenes = read_refsr_folder(tmp_path / "out")
    assert [scene.name for scene in scenes] == ["hr__x0", "hr__x1"]
    for old, new in zip(read_refsr_folder(root), scenes, strict=True):
        before, after = read_refsr_scene(old), read_refsr_scene(new)
        height, width, _ = after.truth.shape
        assert (height % 2, width % 2) == (0, 0)
        np.testing.assert_array_equal(after.truth, before.truth[:height, :width])
        for one, other in zip(before.references, after.references, strict=True):
            np.testing.assert_array_equal(one, other)
    note = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert note["scenes"]["hr__x1"] == ["hr/x1.png", "more/y1.png", "more/y2.png"]
    assert (note["scale"], note["layout"]) == (2, "listed")
    assert (tmp_path / "out" / "ATTRIBUTION.txt").read_text() == "by the tests"


def test_one_bad_picture_leaves_nothing_behind(root, tmp_path):
    data = (root / "more" / "y2.png").read_bytes()
    (root / "more" / "y2.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(CaptureError, match=r"y2\.png"):
        refsr_dataset(root, out=tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["listed"]


def test_names_that_would_fall_together_are_told(root, tmp_path):
    paint(root / "hr__x0.png", 99)
    with (root / "pairs.txt").open("a", encoding="utf-8") as file:
        file.write("\nhr__x0.png more/y0.png\n")
    assert refsr_dataset(root).num_scenes == 3
    with pytest.raises(CaptureError, match="both be written to hr__x0/"):
        refsr_dataset(root, out=tmp_path / "out")


def test_sets_are_not_written_where_they_come_from(root):
    with pytest.raises(OutputError, match="a place inside"):
        refsr_dataset(root, out=root / "out")


def test_a_set_from_validation_data_says_so_ever_after(root, tmp_path):
    kept = tmp_path / "shared" / "data" / "benchmarks" / "mine"
    kept.parent.mkdir(parents=True)
    root.rename(kept)
    assert refsr_dataset(kept).validation_only
    assert refsr_dataset(kept, out=tmp_path / "out").validation_only
    assert refsr_dataset(tmp_path / "out").validation_only
