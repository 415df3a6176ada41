"""A capture directory comes in whole, as it is told to."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.small_captures import (
    NAMES,
    K,
    make_capture,
    make_mesh,
    make_photo,
    names_of,
    pose,
    said,
    spoil_pose,
    use_transforms,
)
from texsr.pipeline.capture import Severity
from texsr.pipeline.stages.load import LoadSettings, load_capture, load_photo

SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "captures"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "my capture"
    make_capture(root)
    return root


def test_a_good_capture_comes_in_whole(root: Path) -> None:
    capture = load_capture(root)
    assert names_of(capture) == list(NAMES)
    assert capture.left_out == capture.findings == ()
    assert capture.cameras_path == root / "sparse" / "0"
    assert (capture.unit_m, capture.scale, capture.mask_erosion_px) == (None, None, 3)
    assert capture.surface.path == root / "mesh.obj"
    for index, view in enumerate(capture.views):
        assert view.photo_path == root / "images" / NAMES[index]
        assert view.mask_path is None
        np.testing.assert_allclose(view.camera.cam_from_world, pose(index), atol=1e-12)
        np.testing.assert_array_equal(view.camera.K, K)
        photo = load_photo(view)
        assert photo.valid.all()
        assert np.array_equal(photo.color, np.asarray(Image.open(view.photo_path)))


@pytest.mark.parametrize(
    "spelt",
    [
        NAMES,
        tuple(f"images/{name}" for name in NAMES),
        tuple(f"./images/{name[:-4]}" for name in NAMES),
        tuple(f"images\\{name}" for name in NAMES),
    ],
    ids=["in images", "from the root", "without extension", "backslashes"],
)
def test_names_of_transforms_are_found_however_they_are_spelt(
    root: Path, spelt: tuple[str, ...]
) -> None:
    use_transforms(root, spelt)
    capture = load_capture(root)
    assert names_of(capture) == list(spelt)
    assert [view.photo_path for view in capture.views] == [root / "images" / n for n in NAMES]
    assert capture.findings == ()
    for index, view in enumerate(capture.views):
        np.testing.assert_allclose(view.camera.cam_from_world, pose(index), atol=1e-12)


def test_sizes_that_transforms_do_not_tell_are_read(root: Path) -> None:
    use_transforms(root, NAMES, w=None, h=None)
    assert load_capture(root).views[0].lens.width_px == 64


def test_another_extension_is_taken_and_said(root: Path) -> None:
    (root / "images" / "a.jpg").rename(root / "images" / "A.JPEG")
    capture = load_capture(root)
    assert capture.views[0].photo_path.name == "A.JPEG"
    assert "warning: 1 photos were taken by stem" in said(capture)
    assert "a.jpg -> A.JPEG" in said(capture)


def test_the_photo_of_another_folder_is_not_taken(root: Path) -> None:
    (root / "images" / "left" / "b b.jpg").unlink()
    make_photo(root / "images" / "right" / "b b.jpg")
    (left_out,) = load_capture(root).left_out
    assert left_out.name == "left/b b.jpg"


def test_mesh_is_taken_before_other_meshes_and_names_win(root: Path) -> None:
    make_mesh(root, "decimated.obj")
    assert load_capture(root).surface.path.name == "mesh.obj"
    (root / "capture.toml").write_text("mesh = 'decimated.obj'")
    assert load_capture(root).surface.path.name == "decimated.obj"
    settings = LoadSettings(mesh="mesh.obj")
    assert load_capture(root, settings).surface.path.name == "mesh.obj"


def test_two_camera_files_say_which_was_taken(root: Path) -> None:
    model = root / "sparse" / "0"
    shutil.copytree(model, root / "sparse" / "1")
    shutil.copy(model / "cameras.txt", root)
    (root / "transforms.json").write_text("{}")
    (finding,) = load_capture(root).findings
    assert "cameras were taken from sparse/0" in finding.text
    assert "also there: the root, transforms.json, sparse/1" in finding.text
    for name in ("sparse/1", "sparse/1/images.txt"):
        assert load_capture(root, LoadSettings(cameras=name)).cameras_path.name == "1"


@pytest.mark.parametrize("place", ["sparse/0", "sparse", "colmap/sparse/0", "."])
def test_cameras_are_found_in_the_usual_places(root: Path, place: str) -> None:
    model = root.parent / "model"
    shutil.move(root / "sparse" / "0", model)
    shutil.rmtree(root / "sparse")
    shutil.copytree(model, root / place, dirs_exist_ok=True)
    assert len(load_capture(root).views) == 3


def test_include_and_exclude_match_ends_of_names(root: Path) -> None:
    assert names_of(load_capture(root, LoadSettings(exclude=("b b.jpg",)))) == ["a.jpg", NAMES[2]]
    assert names_of(load_capture(root, LoadSettings(include=("left/*",)))) == list(NAMES[1:])
    (root / "capture.toml").write_text("photos.include = ['*.jpg']\nphotos.exclude = ['ç.jpg']")
    capture = load_capture(root, LoadSettings(exclude=("a.jpg",), strict=True))
    assert names_of(capture) == ["left/b b.jpg"]
    assert capture.left_out == ()
    assert "info: 2 photos were left out as asked for: a.jpg, left/ç.jpg" in said(capture)


def test_an_excluded_bad_photo_is_no_fault(root: Path) -> None:
    (root / "images" / "a.jpg").unlink()
    spoil_pose(root, "nan")
    capture = load_capture(root, LoadSettings(exclude=("a.jpg", "b b.jpg"), strict=True))
    assert names_of(capture) == ["left/ç.jpg"]


def test_a_pattern_that_matches_nothing_is_said(root: Path) -> None:
    (finding,) = load_capture(root, LoadSettings(exclude=("b.jpg",))).findings
    assert finding.severity is Severity.WARNING
    assert "'b.jpg' matches no photo" in finding.text


def test_wishes_of_capture_toml_come_through(root: Path) -> None:
    (root / "capture.toml").write_text("scale = 2\nunit_m = 0.001\nmask_erosion_px = 7\n")
    capture = load_capture(root)
    assert (capture.scale, capture.unit_m, capture.mask_erosion_px) == (2.0, 0.001, 7)


def test_a_second_set_joins_under_its_own_names(root: Path) -> None:
    shutil.copytree(root / "images", root / "close" / "photos")
    shutil.copytree(root / "sparse" / "0", root / "close" / "model")
    make_photo(root / "close" / "masks" / "a.png")
    (root / "capture.toml").write_text(
        "[second_set]\ncameras = 'close/model'\nimages = 'close/photos'\nmasks = 'close/masks'\n"
    )
    capture = load_capture(root, LoadSettings(exclude=("second_set/left/*",)))
    assert names_of(capture) == [*NAMES, "second_set/a.jpg"]
    assert [view.second_set for view in capture.views] == [False] * 3 + [True]
    assert capture.views[3].photo_path == root / "close" / "photos" / "a.jpg"
    assert capture.views[3].mask_path == root / "close" / "masks" / "a.png"


@pytest.mark.parametrize("name", ["a.png", "a.jpg.png"])
def test_masks_are_found_and_eroded(root: Path, name: str) -> None:
    white = np.zeros((48, 64), np.uint8)
    white[10:40, :50] = 255
    (root / "masks").mkdir()
    Image.fromarray(white).save(root / "masks" / name)
    capture = load_capture(root)
    assert capture.views[0].mask_path == root / "masks" / name
    assert "warning: 2 photos have no mask, though others do" in said(capture)
    expected = np.zeros((48, 64), bool)
    expected[13:37, :47] = True  # the photo's own border takes nothing
    np.testing.assert_array_equal(load_photo(capture.views[0]).valid, expected)
    whole = load_photo(capture.views[0], mask_erosion_px=0).valid
    np.testing.assert_array_equal(whole, white > 0)


def test_exif_orientation_is_said_and_not_applied(root: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = root / "images" / "a.jpg"
    Image.open(path).copy().save(path, exif=exif)
    capture = load_capture(root)
    assert "EXIF orientation, which is not applied" in said(capture)
    assert load_photo(capture.views[0]).color.shape == (48, 64, 3)


def test_a_lens_is_undone_with_photo_and_mask(root: Path) -> None:
    use_transforms(root, NAMES[:1], k1=0.4, camera_model="OPENCV")
    (root / "masks").mkdir()
    Image.new("L", (64, 48), 255).save(root / "masks" / "a.png")
    capture = load_capture(root)
    view = capture.views[0]
    assert "have their distortion removed on load: OPENCV" in said(capture)
    photo = load_photo(view)
    assert not photo.valid[0, 0]
    assert not photo.color[0, 0].any()
    y, x = np.nonzero(photo.valid)
    _, inside = view.lens.raw_px(np.stack([x + 0.5, y + 0.5], axis=1))
    assert inside.all()  # and a white mask takes nothing from the lens's own border
    assert (
        photo.valid.sum()
        == view.lens.raw_px(
            np.stack(np.meshgrid(np.arange(64) + 0.5, np.arange(48) + 0.5), axis=2).reshape(-1, 2)
        )[1].sum()
    )


CAPTURES = sorted(path.parent for path in SHARED.rglob("mesh.obj"))


@pytest.mark.skipif(not CAPTURES, reason="the shared captures are not here")
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: "-".join(path.parts[-3:-1]))
def test_captures_at_hand_come_in_whole(path: Path) -> None:
    capture = load_capture(path, LoadSettings(strict=True))
    num_photos = len(list((path / "images").iterdir()))
    assert len(capture.views) == num_photos
    assert capture.left_out == ()
    seen = 0
    for view in capture.views:
        px, depth = view.camera.project(capture.surface.mesh.vertices)
        size = np.array([view.camera.width_px, view.camera.height_px])
        seen += int((depth > 0).all() and ((px >= 0) & (px <= size)).all(axis=1).mean() > 0.5)
    assert seen == num_photos
