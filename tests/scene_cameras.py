"""Cameras around analytic scenes: placed, rolled, spread in an orbit."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from texsr.pipeline import viewpoints
from texsr.pipeline.camera import Camera


def look_at(
    position: Sequence[float],
    target: Sequence[float] = (0.0, 0.0, 0.0),
    *,
    size_px: int,
    focal: float,
) -> Camera:
    """Place a square-pixel camera; `focal` is in photo widths. World z is up where it can be."""
    middle = size_px / 2
    K = np.array([[focal * size_px, 0, middle], [0, focal * size_px, middle], [0, 0, 1.0]])
    eye, aim = np.asarray(position, np.float64), np.asarray(target, np.float64)
    return viewpoints.look_at(eye, aim, K, size_px)


def rolled(camera: Camera, angle_rad: float) -> Camera:
    """The same camera, turned about the way it looks."""
    turn = np.eye(4)
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    turn[:2, :2] = [[cos, -sin], [sin, cos]]
    return replace(camera, cam_from_world=turn @ camera.cam_from_world)


def orbit(
    num_views: int,
    *,
    size_px: int = 96,
    distance: float = 4.0,
    focal: float = 1.2,
    half: bool = False,
) -> list[Camera]:
    """Spread cameras around the origin; `half` keeps them where z > 0.2 of the distance."""
    golden = np.pi * (3 - np.sqrt(5))
    cameras = []
    for i in range(num_views):
        z = 1 - 0.8 * (i + 0.5) / num_views if half else 1 - 2 * (i + 0.5) / num_views
        radius = np.sqrt(1 - z * z)
        around = np.array([radius * np.cos(golden * i), radius * np.sin(golden * i), z])
        cameras.append(look_at(around * distance, size_px=size_px, focal=focal))
    return cameras
