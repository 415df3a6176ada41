"""Scenes as capture directories and truths on disk."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from tests.scenes import Scene
from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.capture import View
from texsr.pipeline.color import to_integer


def write_scene(scene: Scene, root: Path) -> Path:
    """Write the capture directory: OBJ, atlas, photos, masks, COLMAP text. Return `root`."""
    (root / "images").mkdir(parents=True, exist_ok=True)
    (root / "sparse" / "0").mkdir(parents=True, exist_ok=True)
    _write_obj(scene.surface, root)
    for view, photo in zip(scene.views, scene.photos, strict=True):
        Image.fromarray(photo.color).save(root / "images" / view.name)
        if scene.masked:
            (root / "masks").mkdir(exist_ok=True)
            Image.fromarray(photo.valid.astype(np.uint8) * 255).save(root / "masks" / view.name)
    _write_colmap(scene.views, root / "sparse" / "0")
    return root


def write_truth(scene: Scene, root: Path) -> Path:
    """Write `atlas.png` and `mask.png` as `measure` reads them. Return `root`."""
    root.mkdir(parents=True, exist_ok=True)
    Image.fromarray(to_integer(scene.truth, np.dtype(np.uint8))).save(root / "atlas.png")
    Image.fromarray(scene.covered.astype(np.uint8) * 255).save(root / "mask.png")
    return root


def _write_obj(surface: TexturedMesh, root: Path) -> None:
    lines = ["mtllib mesh.mtl"]
    lines += [f"v {x:.17g} {y:.17g} {z:.17g}" for x, y, z in surface.mesh.vertices]
    lines += [f"vt {u:.17g} {v:.17g}" for u, v in surface.charts.uv]
    lines.append("usemtl surface")
    for corners, uvs in zip(surface.mesh.faces + 1, surface.charts.uv_faces + 1, strict=True):
        lines.append("f " + " ".join(f"{v}/{t}" for v, t in zip(corners, uvs, strict=True)))
    (root / "mesh.obj").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (root / "mesh.mtl").write_text("newmtl surface\nKd 1 1 1\nmap_Kd atlas.png\n", encoding="utf-8")
    Image.fromarray(surface.atlases[0].stored).save(root / "atlas.png")


def _write_colmap(views: Sequence[View], folder: Path) -> None:
    cameras, images = [], []
    for index, view in enumerate(views, start=1):
        camera = view.camera
        numbers = " ".join(f"{p:.17g}" for p in view.lens.params)
        cameras.append(f"{index} {view.lens.model} {camera.width_px} {camera.height_px} {numbers}")
        qx, qy, qz, qw = Rotation.from_matrix(camera.cam_from_world[:3, :3]).as_quat()
        pose = (qw, qx, qy, qz, *camera.cam_from_world[:3, 3])
        numbers = " ".join(f"{p:.17g}" for p in pose)
        images.append(f"{index} {numbers} {index} {view.name}\n")
    (folder / "cameras.txt").write_text("\n".join(cameras) + "\n", encoding="utf-8")
    (folder / "images.txt").write_text("\n".join(images) + "\n", encoding="utf-8")
    (folder / "points3D.txt").write_text("", encoding="utf-8")
