"""What camera files tell: where a photo was taken from, and through which lens."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from texsr.pipeline.capture import Finding, LeftOut
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.lens import Lens

MAX_QUATERNION_DRIFT = 1e-3
MAX_ROTATION_DRIFT = 1e-4
MAX_NUMBER = 1e15  # in a pose


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shot:
    """One row of a camera file. Its photo has not been looked for yet."""

    name: str  # as the file gives it; not yet confined
    where: str  # file and line or field, for messages
    lens: Lens
    cam_from_world: Float64[np.ndarray, "4 4"]
    mask_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotList:
    """A camera file: the shots that can be used, and why the others cannot."""

    path: Path
    shots: tuple[Shot, ...]
    left_out: tuple[LeftOut, ...]
    findings: tuple[Finding, ...] = ()


def pose_from_quaternion(
    wxyz: Float64[np.ndarray, " 4"], translation: Float64[np.ndarray, " 3"], *, where: str
) -> Float64[np.ndarray, "4 4"]:
    """Build `cam_from_world` from a scalar-first quaternion and a translation.

    Raises:
        CaptureError: numbers are not finite, or the quaternion is off unit length by over 1e-3.
    """
    length = math.hypot(*wxyz)
    if not (math.isfinite(length) and _is_sane(translation)):
        raise _not_finite(where)
    if abs(length - 1.0) > MAX_QUATERNION_DRIFT:
        raise CaptureError(
            where,
            found=f"a quaternion of length {length:.4g}",
            expected="a unit quaternion, w first",
            remedy="export the pose again or exclude the photo",
        )
    w, x, y, z = wxyz / length
    pose = np.eye(4)
    pose[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    pose[:3, 3] = translation
    return pose


def rigid_inverse(pose: Float64[np.ndarray, "4 4"], *, where: str) -> Float64[np.ndarray, "4 4"]:
    """Invert a pose, after bringing its rotation back onto the nearest true one.

    Raises:
        CaptureError: numbers are not finite, or the pose holds scale, skew or mirroring.
    """
    if not _is_sane(pose):
        raise _not_finite(where)
    rotation = pose[:3, :3]
    drift = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    bottom = float(np.abs(pose[3] - [0.0, 0.0, 0.0, 1.0]).max())
    mirrored = float(np.linalg.det(rotation)) < 0.0
    if drift > MAX_ROTATION_DRIFT or bottom > MAX_ROTATION_DRIFT or mirrored:
        scale = float(np.linalg.norm(rotation)) / 3**0.5
        raise CaptureError(
            where,
            found=f"a pose of scale {scale:.4g}, off orthonormal by {drift:.1e}"
            + (", mirrored" if mirrored else "")
            + (", with a bottom row other than 0 0 0 1" if bottom > MAX_ROTATION_DRIFT else ""),
            expected="a rotation and a translation only",
            remedy="remove scale, skew and mirroring from the exported pose, or exclude the photo",
        )
    left, _, right = np.linalg.svd(rotation)
    inverse = np.eye(4)
    inverse[:3, :3] = (left @ right).T
    inverse[:3, 3] = -inverse[:3, :3] @ pose[:3, 3]
    return inverse


def _is_sane(numbers: Float64[np.ndarray, "..."]) -> bool:
    """Whether numbers are finite, and small enough for their products to be."""
    return bool((np.abs(numbers) < MAX_NUMBER).all())  # False for NaN


def _not_finite(where: str) -> CaptureError:
    return CaptureError(
        where,
        found="a pose with NaN, infinite or absurdly large numbers",
        expected=f"finite numbers below {MAX_NUMBER:g}",
        remedy="export the pose again or exclude the photo",
    )


def without_duplicates(shots: list[Shot], left_out: list[LeftOut]) -> tuple[Shot, ...]:
    """Leave out, into `left_out`, every shot whose name another one carries too.

    Which of two poses is the true one cannot be told, so neither is kept.
    """
    count: dict[str, int] = {}
    for shot in shots:
        count[shot.name] = count.get(shot.name, 0) + 1
    for shot in shots:
        if count[shot.name] > 1:
            reason = CaptureError(
                shot.where,
                found=f"the name {shot.name!r}, used {count[shot.name]} times",
                expected="one pose for each photo",
                remedy="remove the poses that are not true",
            )
            left_out.append(LeftOut(name=shot.name, reason=reason))
    return tuple(shot for shot in shots if count[shot.name] == 1)
