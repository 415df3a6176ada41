"""Where to stand around an object: cameras that a careful person would have taken photos from."""

import numpy as np
from jaxtyping import Float64

from texsr.pipeline.camera import Camera
from texsr.pipeline.mesh import Charts, Mesh

FRAME_MARGIN = 1.06  # of the distance at which the object's ball touches the frame
DISTANCE_SPREAD = 0.12
JITTER_RAD = 0.08
MIN_COSINE = 0.2  # of faces that count as seen


def look_at(
    position: Float64[np.ndarray, " 3"], target: Float64[np.ndarray, " 3"], K: np.ndarray, size: int
) -> Camera:
    """Aim a camera with square pictures; world z is up where it can be."""
    forward = target - position
    forward = forward / np.linalg.norm(forward)
    up = np.array([0.0, 0.0, 1.0]) if abs(forward[2]) < 0.99 else np.array([0.0, 1.0, 0.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    cam_from_world = np.eye(4)
    cam_from_world[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    cam_from_world[:3, 3] = -cam_from_world[:3, :3] @ position
    return Camera(K=K, cam_from_world=cam_from_world, width_px=size, height_px=size)


def around(
    mesh: Mesh,
    rng: np.random.Generator,
    *,
    num_views: int,
    field_of_view_deg: float,
    max_elevation_deg: float,
) -> list[Camera]:
    """Spread cameras on a spiral around a mesh so that it fills the frame.

    Returns:
        Cameras of pictures 1 px wide; `Camera.scaled` gives them a size.
    """
    used = mesh.vertices[np.unique(mesh.faces)]
    centre = (used.min(axis=0) + used.max(axis=0)) / 2
    radius = float(np.linalg.norm(used - centre, axis=1).max())
    half = np.radians(field_of_view_deg) / 2
    focal = 0.5 / np.tan(half)
    K = np.array([[focal, 0.0, 0.5], [0.0, focal, 0.5], [0.0, 0.0, 1.0]])
    top = np.sin(np.radians(max_elevation_deg))
    golden = np.pi * (3.0 - np.sqrt(5.0))
    turn = rng.uniform(0, 2 * np.pi)
    cameras: list[Camera] = []
    for index in range(num_views):
        height = top * (1.0 - 2.0 * (index + 0.5) / num_views)
        level = np.sqrt(1.0 - height * height)
        angle = turn + golden * index
        direction = np.array([level * np.cos(angle), level * np.sin(angle), height])
        direction += rng.normal(size=3) * JITTER_RAD
        direction /= np.linalg.norm(direction)
        distance = radius / np.sin(half) * FRAME_MARGIN * (1 + DISTANCE_SPREAD * rng.uniform())
        cameras.append(look_at(centre + direction * distance, centre, K, 1))
    return cameras


def px_per_texel(
    mesh: Mesh, charts: Charts, cameras: list[Camera], *, size_tx: tuple[int, int]
) -> float:
    """Measure how finely the photos sample an atlas: px per texel of each place's best photo.

    What stands in front is not looked at.

    Args:
        mesh: the surface.
        charts: its place in the atlas.
        cameras: of the photos.
        size_tx: height and width of the atlas.

    Returns:
        The median over the surface, px (not px²) per texel; 0 where nothing is seen.
    """
    area = mesh.face_areas()
    texels = np.abs(charts.uv_areas()) * size_tx[0] * size_tx[1]
    usable = (area > 0) & (texels > 0)
    centres = mesh.vertices[mesh.faces[usable]].mean(axis=1)
    normals = mesh.face_normals()[usable]
    best = np.zeros(len(centres))
    for camera in cameras:
        toward = camera.centre - centres
        distance = np.linalg.norm(toward, axis=1)
        cosine = (toward * normals).sum(axis=1) / distance
        px_per_unit = np.sqrt(np.abs(cosine)) * camera.K[0, 0] / distance
        best = np.maximum(best, np.where(cosine > MIN_COSINE, px_per_unit, 0.0))
    finest = best / np.sqrt(texels[usable] / area[usable])
    return _weighted_median(finest, area[usable])


def _weighted_median(
    values: Float64[np.ndarray, " n"], weights: Float64[np.ndarray, " n"]
) -> float:
    if len(values) == 0:
        return 0.0
    order = np.argsort(values)
    passed = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(passed, passed[-1] / 2)])
