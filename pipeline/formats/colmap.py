"""COLMAP sparse models: cameras and images, text and binary."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from texsr.pipeline.camera import Camera
from texsr.pipeline.capture import Finding, LeftOut, Severity
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.colmap_binary import read_cameras_binary, read_images_binary
from texsr.pipeline.formats.colmap_rows import CameraRow, ImageRow
from texsr.pipeline.formats.colmap_text import read_cameras_text, read_images_text
from texsr.pipeline.formats.shots import (
    Shot,
    ShotList,
    pose_from_quaternion,
    without_duplicates,
)
from texsr.pipeline.lens import Lens

SUFFIXES = (".bin", ".txt")  # in the order that COLMAP prefers them
CAMERAS_HEADER = "# CAMERA_ID MODEL WIDTH HEIGHT PARAMS[]\n"
IMAGES_HEADER = "# IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, then a line of POINTS2D\n"


def holds_colmap(folder: Path) -> bool:
    """Whether a folder holds a COLMAP model, whole or in part."""
    return any((folder / f"cameras{suffix}").is_file() for suffix in SUFFIXES)


def read_colmap(folder: Path) -> ShotList:
    """Read the cameras and images of a COLMAP model; the binary one where both are there.

    Rigs, frames and points of the model are not looked at: images carry their own poses.

    Raises:
        CaptureError: a file is missing, cut short or unreadable, a camera model is unknown, or
            camera numbers repeat. A bad pose or lens costs its own photos only.
    """
    suffix = _suffix_of_model(folder)
    cameras_path, images_path = folder / f"cameras{suffix}", folder / f"images{suffix}"
    binary = suffix == ".bin"
    lenses = _lenses(
        read_cameras_binary(cameras_path) if binary else read_cameras_text(cameras_path),
        cameras_path,
    )
    rows: Iterable[ImageRow] = (
        read_images_binary(images_path) if binary else read_images_text(images_path)
    )
    shots: list[Shot] = []
    left_out: list[LeftOut] = []
    for row in rows:
        try:
            shots.append(_shot(row, lenses))
        except CaptureError as reason:
            left_out.append(LeftOut(name=row.name, reason=reason))
    if not shots and not left_out:
        raise CaptureError(
            images_path,
            found="no image",
            expected="at least one image with a pose",
            remedy="export a model that holds registered images",
        )
    kept = without_duplicates(shots, left_out)
    findings = (_text_passed_over(folder),) if binary and _is_model(folder, ".txt") else ()
    return ShotList(path=folder, shots=kept, left_out=tuple(left_out), findings=findings)


def _is_model(folder: Path, suffix: str) -> bool:
    return all((folder / f"{stem}{suffix}").is_file() for stem in ("cameras", "images"))


def _text_passed_over(folder: Path) -> Finding:
    return Finding(
        severity=Severity.INFO,
        where=str(folder),
        text="the model is there as .bin and as .txt; the .bin was read, as COLMAP does",
        remedy="delete the one that is out of date",
    )


def _suffix_of_model(folder: Path) -> str:
    for suffix in SUFFIXES:
        if _is_model(folder, suffix):
            return suffix
    raise CaptureError(
        folder,
        found=", ".join(sorted(path.name for path in folder.glob("*.*"))[:8]) or "an empty folder",
        expected="cameras.bin and images.bin, or cameras.txt and images.txt",
        remedy="copy the whole COLMAP model, or name its folder in capture.toml as cameras.path",
    )


def _lenses(rows: Iterable[CameraRow], path: Path) -> dict[int, Lens | CaptureError]:
    """Build the lenses by camera number; one that cannot be used is kept as its error."""
    lenses: dict[int, Lens | CaptureError] = {}
    for row in rows:
        if row.camera_id in lenses:
            raise CaptureError(
                row.where,
                found=f"the camera number {row.camera_id} for the second time",
                expected="each CAMERA_ID once",
                remedy="export the model again",
            )
        try:
            lenses[row.camera_id] = Lens(
                model=row.model,
                params=row.params,
                width_px=row.width_px,
                height_px=row.height_px,
            )
        except CaptureError as fault:
            lenses[row.camera_id] = CaptureError(
                row.where, found=fault.found, expected=fault.expected, remedy=fault.remedy
            )
    if not lenses:
        raise CaptureError(
            path,
            found="no camera",
            expected="at least one camera",
            remedy="export the model again",
        )
    return lenses


def _shot(row: ImageRow, lenses: dict[int, Lens | CaptureError]) -> Shot:
    where = f"{row.where} ({row.name})"
    lens = lenses.get(row.camera_id)
    if lens is None:
        raise CaptureError(
            where,
            found=f"the camera number {row.camera_id}",
            expected="a CAMERA_ID that the file of cameras lists",
            remedy="export the model again or exclude the photo",
        )
    if isinstance(lens, CaptureError):
        raise lens
    pose = pose_from_quaternion(np.array(row.wxyz), np.array(row.translation), where=where)
    return Shot(name=row.name, where=where, lens=lens, cam_from_world=pose)


def write_colmap_text(folder: Path, views: Sequence[tuple[str, Camera]]) -> None:
    """Write pinhole cameras as a COLMAP text model without points.

    Args:
        folder: made if it is not there; cameras.txt, images.txt and points3D.txt are written.
        views: photo names, relative to the folder of photos, and their cameras.
    """
    from scipy.spatial.transform import Rotation

    camera_ids: dict[str, int] = {}
    images: list[str] = []
    for image_id, (name, camera) in enumerate(views, start=1):
        K = camera.K
        params = " ".join(repr(float(x)) for x in (K[0, 0], K[1, 1], K[0, 2], K[1, 2]))
        row = f"PINHOLE {camera.width_px} {camera.height_px} {params}"
        camera_id = camera_ids.setdefault(row, len(camera_ids) + 1)
        x, y, z, w = Rotation.from_matrix(camera.cam_from_world[:3, :3]).as_quat()
        pose = " ".join(repr(float(n)) for n in (w, x, y, z, *camera.cam_from_world[:3, 3]))
        images.append(f"{image_id} {pose} {camera_id} {name}\n\n")
    cameras = [f"{camera_id} {row}\n" for row, camera_id in camera_ids.items()]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cameras.txt").write_text(CAMERAS_HEADER + "".join(cameras), encoding="utf-8")
    (folder / "images.txt").write_text(IMAGES_HEADER + "".join(images), encoding="utf-8")
    (folder / "points3D.txt").write_text("# no points\n", encoding="utf-8")
