"""transforms.json, written for captures of our own making."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from texsr.pipeline.camera import OPENCV_FROM_OPENGL, Camera
from texsr.pipeline.formats.writing import write_file


def write_transforms(
    path: Path, views: Sequence[tuple[str, Camera]], *, radial_k1: float = 0.0
) -> None:
    """Write cameras with per-frame intrinsics.

    Args:
        path: of the transforms.json.
        views: photo paths relative to it, and the cameras.
        radial_k1: first radial coefficient of the lens that all photos were taken through.
    """
    frames: list[dict[str, Any]] = []
    for name, camera in views:
        world_from_gl = np.linalg.inv(camera.cam_from_world) @ OPENCV_FROM_OPENGL
        frames.append(
            {
                "file_path": name,
                "w": camera.width_px,
                "h": camera.height_px,
                "fl_x": float(camera.K[0, 0]),
                "fl_y": float(camera.K[1, 1]),
                "cx": float(camera.K[0, 2]),
                "cy": float(camera.K[1, 2]),
                "transform_matrix": world_from_gl.tolist(),
            }
        )
    document: dict[str, Any] = {"camera_model": "PINHOLE", "frames": frames}
    if radial_k1 != 0.0:
        document |= {"camera_model": "SIMPLE_RADIAL", "k1": radial_k1}
    write_file(path, (json.dumps(document, indent=1) + "\n").encode())
