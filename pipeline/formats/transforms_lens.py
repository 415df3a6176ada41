"""The lens of a frame of transforms.json."""

import math
from collections.abc import Callable

from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.json_fields import Fields
from texsr.pipeline.lens import Lens
from texsr.pipeline.lens_models import LENS_MODELS, lens_model

# nerfstudio and instant-ngp read the same keys for each name of a group.
PERSPECTIVE = ("SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV")
FISHEYE = (
    "SIMPLE_FISHEYE",
    "FISHEYE",
    "SIMPLE_RADIAL_FISHEYE",
    "RADIAL_FISHEYE",
    "OPENCV_FISHEYE",
)


def lens_of_frame(fields: Fields, *, photo_size: Callable[[], tuple[int, int]]) -> Lens:
    """Read camera_model, w, h, fl_x, fl_y, cx, cy, camera_angle_x and the coefficients.

    Without `camera_model` it is OPENCV, or OPENCV_FISHEYE where `is_fisheye` is true. A perspective
    lens takes k1, k2, k3, p1, p2 whatever its name is, as nerfstudio does.

    Args:
        fields: the keys of the frame and of the file.
        photo_size: width and height in px, asked for where w and h are not given.
    """
    if fields.get("w") is not None and fields.get("h") is not None:
        width, height = fields.count("w"), fields.count("h")
    else:
        width, height = photo_size()
    name, coefficients = _distortion(fields)
    fl_x, fl_y = _focals(fields, width, height)
    cx = fields.number("cx", default=width / 2.0)
    cy = fields.number("cy", default=height / 2.0)
    focals = (fl_x,) if lens_model(name).num_focals == 1 else (fl_x, fl_y)
    try:
        return Lens(
            model=name,
            params=(*focals, cx, cy, *coefficients),
            width_px=width,
            height_px=height,
        )
    except CaptureError as fault:
        raise CaptureError(
            fields.where, found=fault.found, expected=fault.expected, remedy=fault.remedy
        ) from None


def _focals(fields: Fields, width: int, height: int) -> tuple[float, float]:
    """Take the focal lengths as given, or from the fields of view."""
    if fields.get("fl_x") is not None:
        fl_x = fields.number("fl_x")
    else:
        fl_x = _focal_from_angle(fields, "camera_angle_x", width)
    if fields.get("fl_y") is not None:
        return fl_x, fields.number("fl_y")
    if fields.get("camera_angle_y") is not None:
        return fl_x, _focal_from_angle(fields, "camera_angle_y", height)
    return fl_x, fl_x


def _focal_from_angle(fields: Fields, key: str, side_px: int) -> float:
    angle = fields.number(key)
    if not 0.0 < angle < math.pi:
        raise fields.fault(key, "a field of view in radians, between 0 and pi, or fl_x and fl_y")
    return side_px / 2.0 / math.tan(angle / 2.0)


def _distortion(fields: Fields) -> tuple[str, tuple[float, ...]]:
    """Choose COLMAP's name of the lens model and its coefficients."""
    default = "OPENCV_FISHEYE" if fields.get("is_fisheye") else "OPENCV"
    name = fields.text("camera_model") if fields.get("camera_model") is not None else default
    if name in FISHEYE:
        return "OPENCV_FISHEYE", tuple(fields.number(f"k{n}", default=0.0) for n in range(1, 5))
    if name not in PERSPECTIVE:
        return _by_name(fields, name)
    k1, k2, k3, k4, p1, p2 = (
        fields.number(key, default=0.0) for key in ("k1", "k2", "k3", "k4", "p1", "p2")
    )
    if k4 != 0.0:
        raise fields.fault("k4", "0: no lens model of COLMAP has a fourth radial term here")
    if k3 != 0.0:
        return "FULL_OPENCV", (k1, k2, p1, p2, k3, 0.0, 0.0, 0.0)
    if any((k1, k2, p1, p2)):
        return "OPENCV", (k1, k2, p1, p2)
    return "PINHOLE", ()


def _by_name(fields: Fields, name: str) -> tuple[str, tuple[float, ...]]:
    """Read the coefficients of any other model under COLMAP's names for them."""
    try:
        coefficients = lens_model(name).coefficients
    except CaptureError as fault:
        raise CaptureError(
            f"{fields.where}: camera_model",
            found=fault.found,
            expected="one of " + ", ".join(LENS_MODELS),
            remedy=fault.remedy,
        ) from None
    return name, tuple(fields.number(key, default=0.0) for key in coefficients)
