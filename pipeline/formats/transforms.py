"""transforms.json of nerfstudio and instant-ngp.

`transform_matrix` is world_from_cam with OpenGL axes (x right, y up, z backward). A key of a frame
stands before the same key of the file. nerfstudio moves the scene when it writes the file and notes
the move as `applied_transform` and `applied_scale`; frames are taken as they stand, because a mesh
exported from the same program was moved along. Where the mesh is from before the move, it is undone
on demand.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float64

from texsr.pipeline.camera import OPENCV_FROM_OPENGL
from texsr.pipeline.capture import Finding, LeftOut, Severity
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.json_fields import Fields, read_json
from texsr.pipeline.formats.shots import Shot, ShotList, rigid_inverse, without_duplicates
from texsr.pipeline.formats.transforms_lens import lens_of_frame

PhotoSize = Callable[[str, str], tuple[int, int]]  # name, where -> width, height in px


def read_transforms(
    path: Path, *, photo_size: PhotoSize, undo_applied_transform: bool = False
) -> ShotList:
    """Read the frames of a transforms.json.

    Args:
        path: the file.
        photo_size: asked for a photo's size where the file does not tell it.
        undo_applied_transform: bring the poses back to the world before nerfstudio's own move.

    Raises:
        CaptureError: the file is no transforms.json. A bad frame costs its own photo only.
    """
    document = read_json(path)
    frames: Any = document.get("frames")
    if not isinstance(frames, list) or not frames:
        raise CaptureError(
            f"{path}: frames",
            found="no frame" if isinstance(frames, list) else f"{frames!r:.60}",
            expected="a list with one entry a photo",
            remedy="export the file again",
        )
    undone = _undone(Fields(document, str(path))) if undo_applied_transform else (np.eye(4), 1.0)
    shots: list[Shot] = []
    left_out: list[LeftOut] = []
    for index, frame in enumerate(cast(list[Any], frames)):
        name = f"frames[{index}]"
        where = f"{path}: {name}"
        try:
            name = Fields.of(frame, where).text("file_path")
            fields = Fields({**document, **frame}, f"{where} ({name})")
            shots.append(_shot(fields, name, photo_size=photo_size, undone=undone))
        except CaptureError as reason:
            left_out.append(LeftOut(name=name, reason=reason))
    kept = without_duplicates(shots, left_out)
    moved = any(document.get(key) is not None for key in ("applied_transform", "applied_scale"))
    findings = (_moved(path, undo=undo_applied_transform),) if moved else ()
    return ShotList(path=path, shots=kept, left_out=tuple(left_out), findings=findings)


def _shot(
    fields: Fields,
    name: str,
    *,
    photo_size: PhotoSize,
    undone: tuple[Float64[np.ndarray, "4 4"], float],
) -> Shot:
    """Build one shot from the keys of its frame and of the file."""
    world_from_cam = fields.matrix("transform_matrix")
    original_from_moved, scale = undone
    world_from_cam[:3, 3] /= scale
    world_from_cam = original_from_moved @ world_from_cam
    cam_from_world = rigid_inverse(world_from_cam, where=f"{fields.where}: transform_matrix")
    return Shot(
        name=name,
        where=fields.where,
        lens=lens_of_frame(fields, photo_size=lambda: photo_size(name, fields.where)),
        cam_from_world=OPENCV_FROM_OPENGL @ cam_from_world,
        mask_name=fields.text("mask_path") if fields.get("mask_path") is not None else None,
    )


def _undone(fields: Fields) -> tuple[Float64[np.ndarray, "4 4"], float]:
    """Invert nerfstudio's move, which was a rigid transform and then a scale of the positions."""
    inverse = np.eye(4)
    if fields.get("applied_transform") is not None:
        where = f"{fields.where}: applied_transform"
        inverse = rigid_inverse(fields.matrix("applied_transform"), where=where)
    scale = fields.number("applied_scale", default=1.0)
    if scale <= 0.0:
        raise fields.fault("applied_scale", "a positive number")
    return inverse, scale


def _moved(path: Path, *, undo: bool) -> Finding:
    """Tell that nerfstudio moved the scene, and which world the poses are in now."""
    if undo:
        return Finding(
            severity=Severity.INFO,
            where=str(path),
            text="applied_transform was undone: poses are in the world before nerfstudio's move",
        )
    return Finding(
        severity=Severity.INFO,
        where=str(path),
        text="poses are in the world after nerfstudio's applied_transform",
        remedy="if the mesh is from before it, set cameras.undo_applied_transform = true "
        "in capture.toml",
    )
