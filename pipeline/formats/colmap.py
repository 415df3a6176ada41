"""COLMAP sparse models: cameras and images, text and binary."""

from collections.abc import Sequence
from pathlib import Path

from texsr.pipeline.camera import Camera

CAMERAS_HEADER = "# CAMERA_ID MODEL WIDTH HEIGHT PARAMS[]\n"
IMAGES_HEADER = "# IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, then a line of POINTS2D\n"


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
