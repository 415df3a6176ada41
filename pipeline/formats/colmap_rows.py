"""The rows of a COLMAP model, the same in text and in binary."""

from dataclasses import dataclass

from texsr.pipeline.errors import CaptureError
from texsr.pipeline.lens_models import LENS_MODELS


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraRow:
    """A camera as written; nothing about its numbers has been checked."""

    where: str
    camera_id: int
    model: str
    width_px: int
    height_px: int
    params: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """An image as written; nothing about its numbers has been checked."""

    where: str
    name: str
    camera_id: int
    wxyz: tuple[float, ...]  # of cam_from_world
    translation: tuple[float, ...]


def unknown_model(where: str, model: str) -> CaptureError:
    """Describe a camera model that is not in our table."""
    return CaptureError(
        where,
        found=f"the camera model {model}",
        expected="one of " + ", ".join(LENS_MODELS),
        remedy="undistort the photos in COLMAP, or calibrate with one of these models",
    )
