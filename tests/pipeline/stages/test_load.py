"""A capture directory comes in whole, or tells what is wrong with it."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from texsr.pipeline.camera import OPENCV_FROM_OPENGL, Camera
from texsr.pipeline.capture import Capture, Severity
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.colmap import write_colmap_text
from texsr.pipeline.stages.load import LoadSettings, load_capture, load_photo

NAMES = ("a.jpg", "left/b b.jpg", "left/ç.jpg")
K = np.array([[90.0, 0, 32], [0, 90.0, 24], [0, 0, 1]])
SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "captures"


def pose(index: int) -> np.ndarray:
    cam_from_world = np.eye(4)
    cam_from_world[:3, 3] = [0.1 * index, 0.0, 2.0]
    return cam_from_world


def make_photo(path: Path, seed: int = 0, size: tuple[int, int] = (64, 48)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)


def make_mesh(root: Path, name: str = "mesh.obj") -> None:
    (root / name).write_text(
        "mtllib mesh.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\n"
        "usemtl skin\nf 1/1 2/2 3/3\n"
    )
    (root / "mesh.mtl").write_text("newmtl skin\nmap_Kd atlas.png\n")
    make_photo(root / "atlas.png", size=(16, 16))


def camera(index: int) -> Camera:
    return Camera(K=K, cam_from_world=pose(index), width_px=64, height_px=48)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a good capture with COLMAP cameras."""
    root = tmp_path / "my capture"
    for index, name in enumerate(NAMES):
        make_photo(root / "images" / name, seed=index)
    make_mesh(root)
    write_colmap_text(
        root / "sparse" / "0", [(name, camera(index)) for index, name in enumerate(NAMES)]
    )
    return root


def use_transforms(root: Path, names: tuple[str, ...], **keys: object) -> None:
    shutil.rmtree(root / "sparse", ignore_errors=True)
    frames = [
        {
            "file_path": name,
            "transform_matrix": (np.linalg.inv(pose(index)) @ OPENCV_FROM_OPENGL).tolist(),
        }
        for index, name in enumerate(names)
    ]
    document = {"fl_x": 90.0, "cx": 32.0, "cy": 24.0, "w": 64, "h": 48, **keys, "frames": frames}
    (root / "transforms.json").write_text(json.dumps(document))


def names_of(capture: Capture) -> list[str]:
    return [view.name for view in capture.views]


def said(capture: Capture) -> str:
    return "\n".join(f"{f.severity.value}: {f.text} {f.remedy}" for f in capture.findings)


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


def spoil_pose(root: Path, value: str) -> None:
    path = root / "sparse" / "0" / "images.txt"
    rows = path.read_text().split("\n")
    tokens = rows[3].split(" ")
    tokens[1] = value
    rows[3] = " ".join(tokens)
    path.write_text("\n".join(rows))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda root: (root / "images/left/b b.jpg").unlink(), "found no photo"),
    "empty": (lambda root: (root / "images/left/b b.jpg").write_bytes(b""), "no JPEG"),
    "text": (lambda root: (root / "images/left/b b.jpg").write_text("hello"), "no JPEG"),
    "cut short": (lambda root: truncate(root / "images/left/b b.jpg"), "cut short"),
    "wrong size": (
        lambda root: make_photo(root / "images/left/b b.jpg", size=(128, 96)),
        "128 x 96 px; expected 64 x 48",
    ),
    "turned": (
        lambda root: make_photo(root / "images/left/b b.jpg", size=(48, 64)),
        "turned against its intrinsics",
    ),
    "blank": (
        lambda root: Image.new("RGB", (64, 48), (9, 9, 9)).save(root / "images/left/b b.jpg"),
        "blank",
    ),
    "NaN pose": (lambda root: spoil_pose(root, "nan"), "NaN"),
    "non-rigid pose": (lambda root: spoil_pose(root, "1.5"), "quaternion of length"),
    "a folder": (
        lambda root: (
            (root / "images/left/b b.jpg").unlink(),
            (root / "images/left/b b.jpg").mkdir(),
        ),
        "found no photo",
    ),
    "link that leaves": (
        lambda root: (
            (root / "images/left/b b.jpg").rename(root.parent / "out.jpg"),
            (root / "images/left/b b.jpg").symlink_to(root.parent / "out.jpg"),
        ),
        "symbolic link",
    ),
    "bad mask": (
        lambda root: make_photo(root / "masks/left/b b.png", size=(10, 10)),
        "mask: found b b.png of 10 x 10 px",
    ),
    "mask that is none": (
        lambda root: (
            (root / "masks/left").mkdir(parents=True),
            (root / "masks/left/b b.jpg.png").write_text("x"),
        ),
        "no JPEG",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_photo_costs_only_itself(root: Path, kind: str) -> None:
    damage, message = BAD[kind]
    damage(root)
    capture = load_capture(root)
    assert names_of(capture) == [NAMES[0], NAMES[2]]
    (left_out,) = capture.left_out
    assert left_out.name == NAMES[1]
    assert re.search(message, str(left_out.reason))
    assert isinstance(left_out.reason, CaptureError)
    with pytest.raises(CaptureError, match=message):
        load_capture(root, LoadSettings(strict=True))


def test_no_usable_photo_is_an_error_that_says_why(root: Path) -> None:
    shutil.rmtree(root / "images")
    with pytest.raises(CaptureError, match=r"3 were left out, the first because of .*no photo"):
        load_capture(root)


@pytest.mark.parametrize(
    "name",
    [
        "../../secret.jpg",
        "/etc/passwd",
        "C:\\x.jpg",
        "%2e%2e/..%2fsecret.jpg",
        "%252e%252e%252f..%5c..",
        "http://x/y.jpg",
    ],
)
@pytest.mark.parametrize("carrier", ["colmap", "transforms", "mask_path"])
def test_names_that_leave_the_capture_are_refused(root: Path, name: str, carrier: str) -> None:
    make_photo(root.parent / "secret.jpg")
    if carrier == "colmap":
        write_colmap_text(root / "sparse" / "0", [(NAMES[0], camera(0)), (name, camera(1))])
    elif carrier == "transforms":
        use_transforms(root, (NAMES[0], name))
    else:
        use_transforms(root, NAMES[:2])
        document = json.loads((root / "transforms.json").read_text())
        document["frames"][1]["mask_path"] = name
        (root / "transforms.json").write_text(json.dumps(document))
    capture = load_capture(root)
    assert names_of(capture) == [NAMES[0]]
    assert "stays inside" in capture.left_out[0].reason.expected


def no_directory(root: Path) -> None:
    shutil.rmtree(root)


def a_file(root: Path) -> None:
    shutil.rmtree(root)
    root.write_text("x")


def nothing_in_it(root: Path) -> None:
    shutil.rmtree(root)
    root.mkdir()


FATAL: dict[str, tuple[Callable[[Path], object], str]] = {
    "no directory": (no_directory, "nothing there; expected a capture directory"),
    "a file": (a_file, "found a file"),
    "empty": (nothing_in_it, "an empty directory"),
    "no mesh": (lambda root: (root / "mesh.obj").unlink(), "no mesh"),
    "several meshes": (
        lambda root: [
            (root / "mesh.obj").rename(root / "one.obj"),
            shutil.copy(root / "one.obj", root / "two.obj"),
        ],
        r"several meshes: one\.obj, two\.obj.*capture\.toml: mesh =",
    ),
    "no cameras": (lambda root: shutil.rmtree(root / "sparse"), r"no cameras.*sparse/0"),
    "Metashape's cameras": (
        lambda root: [
            shutil.rmtree(root / "sparse"),
            (root / "cameras.xml").write_text("<document/>"),
        ],
        r"cameras\.xml, a Metashape file \(not read\)",
    ),
    "half a model": (lambda root: (root / "sparse/0/images.txt").unlink(), r"cameras\.txt"),
    "unknown lens": (
        lambda root: (root / "sparse/0/cameras.txt").write_text("1 WIDE 64 48 1 2 3\n"),
        r"cameras\.txt: line 1: found the camera model 'WIDE'",
    ),
    "broken transforms": (
        lambda root: [
            shutil.rmtree(root / "sparse"),
            (root / "transforms.json").write_text("{"),
        ],
        "no JSON",
    ),
    "mesh named, not there": (
        lambda root: (root / "capture.toml").write_text("mesh = 'other.obj'"),
        r"mesh: found the name 'other\.obj', and no such file",
    ),
    "mesh outside": (
        lambda root: (root / "capture.toml").write_text("mesh = '../other.obj'"),
        "leads out of the capture",
    ),
    "cameras named, not there": (
        lambda root: (root / "capture.toml").write_text("cameras = 'sparse/7'"),
        "cameras: found the name 'sparse/7', and nothing there",
    ),
    "cameras named, another format": (
        lambda root: [
            (root / "capture.toml").write_text("cameras = 'cameras.xml'"),
            (root / "cameras.xml").write_text("<document/>"),
        ],
        "and a Metashape file there; expected a folder with a COLMAP model",
    ),
    "bad capture.toml": (lambda root: (root / "capture.toml").write_text("x"), "no TOML"),
    "no photo wanted": (
        lambda root: (root / "capture.toml").write_text("photos.exclude = ['*']"),
        "include and exclude",
    ),
}


@pytest.mark.parametrize("kind", FATAL)
def test_a_capture_that_cannot_be_used_says_what_to_do(root: Path, kind: str) -> None:
    damage, message = FATAL[kind]
    damage(root)
    with pytest.raises(CaptureError, match=f"(?s){message}") as caught:
        load_capture(root)
    assert caught.value.remedy


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_told(root: Path) -> None:
    (root / "sparse/0/cameras.txt").chmod(0)
    with pytest.raises(CaptureError, match="permissions"):
        load_capture(root)


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


def test_a_mask_that_leaves_nothing_is_told(root: Path) -> None:
    (root / "masks").mkdir()
    Image.new("L", (64, 48)).save(root / "masks" / "a.png")
    with pytest.raises(CaptureError, match=r"a\.jpg: found no pixel inside"):
        load_photo(load_capture(root).views[0])


def test_a_photo_that_changes_after_load_is_told(root: Path) -> None:
    view = load_capture(root).views[0]
    make_photo(view.photo_path, size=(32, 48))
    with pytest.raises(CaptureError, match=r"a\.jpg: found 32 x 48 px; expected 64 x 48"):
        load_photo(view)
    truncate(view.photo_path)
    with pytest.raises(CaptureError, match=r"a\.jpg: .*cut short"):
        load_photo(view)


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
