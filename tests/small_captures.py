"""A capture directory of three small photos, for the tests of loading; and ways to spoil it."""

import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from texsr.pipeline.camera import OPENCV_FROM_OPENGL, Camera
from texsr.pipeline.capture import Capture
from texsr.pipeline.formats.colmap import write_colmap_text

NAMES = ("a.jpg", "left/b b.jpg", "left/ç.jpg")
K = np.array([[90.0, 0, 32], [0, 90.0, 24], [0, 0, 1]])


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


def make_capture(root: Path) -> None:
    """Write a good capture with COLMAP cameras."""
    for index, name in enumerate(NAMES):
        make_photo(root / "images" / name, seed=index)
    make_mesh(root)
    write_colmap_text(
        root / "sparse" / "0", [(name, camera(index)) for index, name in enumerate(NAMES)]
    )


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


def spoil_pose(root: Path, value: str) -> None:
    path = root / "sparse" / "0" / "images.txt"
    rows = path.read_text().split("\n")
    tokens = rows[3].split(" ")
    tokens[1] = value
    rows[3] = " ".join(tokens)
    path.write_text("\n".join(rows))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
