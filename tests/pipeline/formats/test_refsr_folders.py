"""Folders of the field are told apart, read in order, and refused where something is amiss."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from texsr.pipeline.color import to_float
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.refsr_folders import (
    detect_refsr_layout,
    read_refsr_folder,
    read_refsr_scene,
    read_rgb,
    write_refsr_scene,
)
from texsr.pipeline.refsr import RefsrLayout, RefsrPictures, RefsrScene
from texsr.pipeline.resample import resize


def paint(
    path: Path, *, seed: int = 0, size: tuple[int, int] = (24, 20), mode: str = "RGB"
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).convert(mode).save(path)
    return path


def numbered(root: Path) -> Path:
    for scene in range(2):
        for level in range(12):
            paint(root / f"{scene:03d}_{level}.png", seed=100 * scene + level)
    return root


def paired(root: Path) -> Path:
    for seed, name in enumerate(("a_0", "b 1")):
        paint(root / "input" / f"{name}.png", seed=seed)
        paint(root / "ref" / f"{name}.jpg", seed=seed + 10)
    return root


def matched(root: Path) -> Path:
    for seed, name in enumerate(("beach", "hall")):
        paint(root / "Sun_Hays_SR_groundtruth" / f"{name}.jpg", seed=seed)
        folder = f"{name}.jpg" if seed == 0 else name
        for match in range(3):
            path = root / "Sun_Hays_SR_scenematches" / folder / f"m{match}.jpg"
            paint(path, seed=10 * seed + match + 2)
    return root


def listed(root: Path) -> Path:
    lines = []
    for seed in range(2):
        paint(root / "hr" / f"x{seed}.png", seed=seed)
        paint(root / "more" / f"y{seed}.png", seed=seed + 10)
        lines.append(f"hr/x{seed}.png more/y{seed}.png more/y0.png")
    (root / "pairs.txt").write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    return root


def grouped(root: Path) -> Path:
    paint(root / "0001_church.jpg" / "church.jpg", seed=1)
    paint(root / "0001_church.jpg" / "b.jpg", seed=2)
    paint(root / "0001_church.jpg" / "a.jpg", seed=3)
    paint(root / "tower" / "truth.png", seed=4)
    paint(root / "tower" / "low.png", seed=5)
    paint(root / "tower" / "ref_1.png", seed=6)
    return root


MAKERS = {
    RefsrLayout.NUMBERED: numbered,
    RefsrLayout.PAIRED: paired,
    RefsrLayout.MATCHED: matched,
    RefsrLayout.LISTED: listed,
    RefsrLayout.GROUPED: grouped,
}


@pytest.mark.parametrize("layout", list(RefsrLayout))
def test_each_layout_is_told_from_the_others(layout, tmp_path):
    root = MAKERS[layout](tmp_path)
    (root / "ATTRIBUTION.txt").write_text("photo.jpg by somebody\n", encoding="utf-8")
    (root / ".DS_Store").write_bytes(b"\x00")
    assert detect_refsr_layout(root) is layout
    scenes = read_refsr_folder(root)
    assert len(scenes) == 2
    assert scenes == read_refsr_folder(root, layout)
    for scene in scenes:
        assert read_refsr_scene(scene).truth.shape == (20, 24, 3)


def test_levels_are_ordered_by_number_not_by_spelling(tmp_path):
    first, _ = read_refsr_folder(numbered(tmp_path))
    assert first.name == "000"
    assert first.truth.name == "000_0.png"
    assert [path.name for path in first.references] == [f"000_{n}.png" for n in range(1, 12)]


def test_partners_go_by_name_whatever_the_suffix(tmp_path):
    scenes = read_refsr_folder(paired(tmp_path))
    assert [(s.truth.name, s.references[0].name) for s in scenes] == [
        ("a_0.png", "a_0.jpg"),
        ("b 1.png", "b 1.jpg"),
    ]


def test_folders_of_references_are_named_after_the_file_or_its_stem(tmp_path):
    scenes = read_refsr_folder(matched(tmp_path))
    assert [len(scene.references) for scene in scenes] == [3, 3]
    assert scenes[0].references[0].parent.name == "beach.jpg"
    assert scenes[1].references[0].parent.name == "hall"


def test_lists_share_references_and_may_hold_tabs(tmp_path):
    scenes = read_refsr_folder(listed(tmp_path))
    assert [scene.name for scene in scenes] == ["hr/x0", "hr/x1"]
    assert [path.name for path in scenes[1].references] == ["y1.png", "y0.png"]
    paint(tmp_path / "hr" / "with space.png", seed=50)
    (tmp_path / "pairs.txt").write_text("hr/with space.png\tmore/y0.png\n", encoding="utf-8")
    (scene,) = read_refsr_folder(tmp_path)
    assert scene.truth.name == "with space.png"


def test_the_truth_of_a_group_is_named_by_the_group_or_plainly(tmp_path):
    church, tower = read_refsr_folder(grouped(tmp_path))
    assert (church.name, church.truth.name) == ("0001_church.jpg", "church.jpg")
    assert [path.name for path in church.references] == ["a.jpg", "b.jpg"]
    assert tower.truth.name == "truth.png"
    assert [path.name for path in tower.references] == ["ref_1.png"]


def test_two_layouts_in_one_folder_are_not_guessed_between(tmp_path):
    numbered(tmp_path)
    (tmp_path / "CUFED5_ref5_pairs.txt").write_text("001_0.png 001_5.png\n", encoding="utf-8")
    with pytest.raises(CaptureError, match="numbered or as listed"):
        read_refsr_folder(tmp_path)
    (scene,) = read_refsr_folder(tmp_path, RefsrLayout.LISTED)
    assert [path.name for path in scene.references] == ["001_5.png"]
    assert len(read_refsr_folder(tmp_path, RefsrLayout.NUMBERED)) == 2


def test_a_folder_above_says_which_one_was_meant(tmp_path):
    numbered(tmp_path / "test")
    paired(tmp_path / "train")
    with pytest.raises(CaptureError, match="one in test, train"):
        detect_refsr_layout(tmp_path)


@pytest.mark.parametrize(
    ("layout", "spoil", "said"),
    [
        ("numbered", lambda root: (root / "001_3.png").unlink(), "0, 1, 2, 4"),
        ("numbered", lambda root: (root / "001_0.png").unlink(), "without a gap"),
        ("numbered", lambda root: paint(root / "stray.png"), "stray.png"),
        ("numbered", lambda root: paint(root / "001_3.jpg"), "second 001_3"),
        ("numbered", lambda root: (root / "002_0.webp").write_bytes(b"RIFF"), "webp"),
        ("paired", lambda root: (root / "ref" / "a_0.jpg").unlink(), "without a partner.*a_0"),
        ("paired", lambda root: paint(root / "input" / "a_0.jpg"), "second 'a_0'"),
        ("paired", matched, "paired or as matched"),
        (
            "matched",
            lambda root: shutil.rmtree(root / "Sun_Hays_SR_scenematches" / "hall"),
            "0 folders of references for hall.jpg",
        ),
        (
            "matched",
            lambda root: paint(root / "Sun_Hays_SR_scenematches" / "hall.jpg" / "m.jpg"),
            "2 folders of references for hall.jpg",
        ),
        (
            "matched",
            lambda root: paint(root / "Sun_Hays_SR_scenematches" / "forest" / "m.jpg"),
            "without a truth.*forest",
        ),
        ("listed", lambda root: (root / "more" / "y1.png").unlink(), "line 2.*no such file"),
        ("listed", lambda root: _append(root, "hr/x0.png more/y1.png"), "2 scenes 'hr/x0'"),
        ("listed", lambda root: _append(root, "more/y0.png"), "line 4.*at least one reference"),
        ("listed", lambda root: _append(root, "more/y0.png more/y0.png"), "own references"),
        ("listed", lambda root: _append(root, "more/y0.png ../../etc/x.png"), "leads out"),
        (
            "listed",
            lambda root: shutil.copy(root / "pairs.txt", root / "more.txt"),
            "2 lists of pictures",
        ),
        ("grouped", lambda root: paint(root / "tower" / "input.png"), "2 of them named as a truth"),
        ("grouped", lambda root: (root / "tower" / "truth.png").unlink(), "0 of them named"),
    ],
)
def test_what_is_amiss_is_told(layout, spoil, said, tmp_path):
    root = MAKERS[RefsrLayout(layout)](tmp_path)
    spoil(root)
    with pytest.raises(CaptureError, match=said):
        read_refsr_folder(root)


def _append(root: Path, line: str) -> None:
    with (root / "pairs.txt").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


@pytest.mark.parametrize("name", ["nowhere", "file.txt"])
def test_no_folder_is_told(name, tmp_path):
    (tmp_path / "file.txt").write_text("a.png b.png", encoding="utf-8")
    with pytest.raises(CaptureError, match="a folder of truths"):
        read_refsr_folder(tmp_path / name)


def test_grey_is_repeated_and_alpha_and_scraps_are_refused(tmp_path):
    grey = read_rgb(paint(tmp_path / "grey.png", mode="L"))
    assert grey.shape == (20, 24, 3)
    assert (grey == grey[..., :1]).all()
    with pytest.raises(CaptureError, match="4 channels"):
        read_rgb(paint(tmp_path / "alpha.png", mode="RGBA"))
    with pytest.raises(CaptureError, match="at least 16 px"):
        read_rgb(paint(tmp_path / "scrap.png", size=(40, 15)))


def test_a_copy_of_the_truth_is_no_reference(tmp_path):
    truth = paint(tmp_path / "x_0.png", seed=1)
    shutil.copy(truth, tmp_path / "x_1.png")
    (scene,) = read_refsr_folder(tmp_path)
    with pytest.raises(CaptureError, match="same pixels as in the truth"):
        read_refsr_scene(scene)


def test_written_scenes_are_read_back_with_the_truth_cut_to_the_scale(tmp_path):
    scene = RefsrScene(
        name="x",
        truth=paint(tmp_path / "from" / "t.png", seed=1, size=(26, 19)),
        references=(
            paint(tmp_path / "from" / "r.png", seed=2, size=(33, 17)),
            paint(tmp_path / "from" / "s.png", seed=3),
        ),
    )
    before = read_refsr_scene(scene)
    write_refsr_scene(tmp_path / "to" / "x", before, scale=4)
    (again,) = read_refsr_folder(tmp_path / "to")
    after = read_refsr_scene(again)
    assert (after.truth == before.truth[:16, :24]).all()
    for old, new in zip(before.references, after.references, strict=True):
        assert (old == new).all()
    low = read_image_of(tmp_path / "to" / "x" / "low.png")
    ours = resize(to_float(after.truth), height=4, width=6)
    theirs = np.asarray(Image.fromarray(after.truth).resize((6, 4), Image.Resampling.BICUBIC))
    assert np.abs(low - np.clip(ours, 0, 1) * 255).max() <= 0.5 + 1e-4
    assert np.abs(low.astype(int) - theirs).max() <= 1


def test_a_truth_smaller_than_the_scale_cannot_be_written(tmp_path):
    truth = np.zeros((3, 40, 3), np.uint8)
    with pytest.raises(CaptureError, match="40 x 3 px"):
        write_refsr_scene(tmp_path / "x", RefsrPictures(truth=truth, references=()), scale=4)


def test_the_cufed5_sample_reads(shared):
    folder = shared / "benchmarks" / "CUFED5_sample"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    (scene,) = read_refsr_folder(folder / "test")
    assert (scene.name, len(scene.references)) == ("001", 5)
    assert read_refsr_scene(scene).truth.shape == (333, 500, 3)
    assert len(read_refsr_folder(folder / "train")) == 10


def read_image_of(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))
