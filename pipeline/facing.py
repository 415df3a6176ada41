"""Which way an object stands, and cameras that walk around it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from texsr.pipeline.camera import Camera

FIELD_OF_VIEW_RAD = np.deg2rad(32.0)
ELEVATION_RAD = np.deg2rad(18.0)
FILL = 0.94  # of the picture that the object may take


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facing:
    """Up and front of an object, orthonormal, in world coordinates."""

    up: Float64[np.ndarray, " 3"] = field(default_factory=lambda: np.array([0.0, 0.0, 1.0]))
    front: Float64[np.ndarray, " 3"] = field(default_factory=lambda: np.array([0.0, -1.0, 0.0]))

    @classmethod
    def of(cls, cameras: Sequence[Camera], centre: Float64[np.ndarray, " 3"]) -> "Facing":
        """Take up from how the photos were held, and front from the side most of them saw."""
        if not cameras:
            return cls()
        up = -np.stack([camera.cam_from_world[1, :3] for camera in cameras]).mean(axis=0)
        seen_from = np.stack([camera.centre - centre for camera in cameras])
        up = _unit(up, np.array([0.0, 0.0, 1.0]))
        middle = _unit(seen_from.mean(axis=0), seen_from[0])
        return cls(up=up, front=_across(middle, up))

    @property
    def gltf_from_world(self) -> Float64[np.ndarray, "3 3"]:
        """The rotation into glTF's axes: y up, z toward the viewer."""
        return np.stack([np.cross(self.up, self.front), self.up, self.front])


def turntable(
    facing: Facing, points: Float64[np.ndarray, "n 3"], *, num_frames: int, size_px: int
) -> list[Camera]:
    """Place cameras all around an object, its front first, counter-clockwise seen from above.

    All stand at one distance, from where the object fills the picture at its widest, and all
    pictures have one height, no larger than the object needs.

    Args:
        facing: how the object stands.
        points: that must be in every picture, world coordinates; the mesh's vertices.
        num_frames: cameras in a full turn.
        size_px: width of the pictures, and the greatest height.
    """
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    away = [_toward(facing, turn) for turn in np.arange(num_frames) * (2 * np.pi / num_frames)]
    views = [look_at(centre + toward, centre, facing.up, size_px=size_px) for toward in away]
    half = np.tan(FIELD_OF_VIEW_RAD / 2) * FILL
    placed = [(points - centre) @ view.cam_from_world[:3, :3].T for view in views]  # n 3
    distance = max(float((np.abs(p[:, :2]).max(axis=1) / half - p[:, 2]).max()) for p in placed)
    tall = max(float((np.abs(p[:, 1]) / (distance + p[:, 2])).max()) for p in placed) / half
    height = min(size_px, max(size_px // 2, round(size_px * tall)))
    cameras = [
        look_at(centre + distance * toward, centre, facing.up, size_px=size_px) for toward in away
    ]
    top = (size_px - height) // 2
    return [camera.cropped(x=0, y=top, width=size_px, height=height) for camera in cameras]


def _toward(facing: Facing, turn: float) -> Float64[np.ndarray, " 3"]:
    """Give the direction to a camera after a turn from the front, in radians."""
    side = np.cross(facing.up, facing.front)
    around = np.cos(turn) * facing.front + np.sin(turn) * side
    return np.cos(ELEVATION_RAD) * around + np.sin(ELEVATION_RAD) * facing.up


def look_at(
    eye: Float64[np.ndarray, " 3"],
    target: Float64[np.ndarray, " 3"],
    up: Float64[np.ndarray, " 3"],
    *,
    size_px: int,
) -> Camera:
    """Place a camera with square pixels at `eye`, its axis through `target`, `up` upward."""
    forward = _unit(target - eye, np.array([0.0, 0.0, -1.0]))
    down = _across(-up, forward)
    rotation = np.stack([np.cross(down, forward), down, forward])
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, -rotation @ eye
    focal_px = size_px / 2 / np.tan(FIELD_OF_VIEW_RAD / 2)
    K = np.array([[focal_px, 0.0, size_px / 2], [0.0, focal_px, size_px / 2], [0.0, 0.0, 1.0]])
    return Camera(K=K, cam_from_world=pose, width_px=size_px, height_px=size_px)


def _across(
    direction: Float64[np.ndarray, " 3"], axis: Float64[np.ndarray, " 3"]
) -> Float64[np.ndarray, " 3"]:
    """Give the unit part of a direction across a unit axis; any one where there is none."""
    spare = np.eye(3)[np.abs(axis).argmin()]
    return _unit(direction - axis * (direction @ axis), spare - axis * (spare @ axis))


def _unit(
    vector: Float64[np.ndarray, " 3"], instead: Float64[np.ndarray, " 3"]
) -> Float64[np.ndarray, " 3"]:
    length = np.linalg.norm(vector)
    return vector / length if length > 1e-9 else instead / np.linalg.norm(instead)
