"""The mistakes that camera files are written with, each with what undoes it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Float64

from texsr.pipeline.camera import OPENCV_FROM_OPENGL, Camera

Pixels = Float64[np.ndarray, "n 2"]
Pose = Float64[np.ndarray, "4 4"]


def _same_camera(camera: Camera) -> Camera:
    return camera


def _same_pixels(px: Pixels, camera: Camera) -> Pixels:
    return px


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A convention that was taken for another."""

    name: str
    remedy: str
    camera: Callable[[Camera], Camera] = _same_camera
    """Gives the camera that was meant."""
    pixels: Callable[[Pixels, Camera], Pixels] = _same_pixels
    """Gives the pixels that were meant, of those that the camera projects to."""
    flips_v: bool = False
    """Whether the texture is read upside down."""


def known_mistakes() -> tuple[Mistake, ...]:
    """List the mistakes that can be told from the right reading, the commonest first."""
    return (*_pose_mistakes(), *_world_mistakes(), *_lens_mistakes(), *_image_mistakes())


def _posed(
    change: Callable[[Float64[np.ndarray, "4 4"]], np.ndarray],
) -> Callable[[Camera], Camera]:
    def apply(camera: Camera) -> Camera:
        pose = np.asarray(change(camera.cam_from_world), np.float64)
        return replace(camera, cam_from_world=pose)

    return apply


def _pose_mistakes() -> tuple[Mistake, ...]:
    gl = OPENCV_FROM_OPENGL
    return (
        Mistake(
            name="poses inverted: world_from_cam was written where cam_from_world is read",
            remedy="invert each 4 x 4 pose and export again",
            camera=_posed(np.linalg.inv),
        ),
        Mistake(
            name="OpenGL camera axes (y up, z backward) read as OpenCV's, or the reverse",
            remedy="negate the camera's y and z axes in each pose",
            camera=_posed(lambda pose: gl @ pose),
        ),
        Mistake(
            name="poses inverted and OpenGL camera axes read as OpenCV's",
            remedy="invert each pose, then negate the camera's y and z axes",
            camera=_posed(lambda pose: gl @ np.linalg.inv(pose)),
        ),
        Mistake(
            name="OpenCV cam_from_world poses read as OpenGL world_from_cam",
            remedy="write world_from_cam with OpenGL camera axes, as transforms.json wants it",
            camera=_posed(lambda pose: np.linalg.inv(gl @ pose)),
        ),
        Mistake(
            name="rotations transposed",
            remedy="write the rotation matrices row by row, not column by column",
            camera=_posed(_transposed),
        ),
        Mistake(
            name="quaternions written x y z w and read w x y z",
            remedy="write the scalar part of each quaternion first",
            camera=_posed(lambda pose: _reordered(pose, [3, 0, 1, 2])),
        ),
        Mistake(
            name="quaternions written w x y z and read x y z w",
            remedy="write the scalar part of each quaternion last",
            camera=_posed(lambda pose: _reordered(pose, [1, 2, 3, 0])),
        ),
        Mistake(
            name="camera centres written where translations are read",
            remedy="write t = -R @ centre",
            camera=_posed(lambda pose: _moved(pose, -pose[:3, :3] @ pose[:3, 3])),
        ),
    )


def _world_mistakes() -> tuple[Mistake, ...]:
    tilts = [
        Mistake(
            name=f"mesh and cameras in different world axes: the mesh is turned by {degrees} "
            f"degrees about {axis} (y up against z up)",
            remedy="export mesh and cameras with the same up axis",
            camera=_posed(partial(_in_turned_world, turn=_turn(index, degrees))),
        )
        for index, axis in enumerate("xyz")
        for degrees in (90, -90, 180)
    ]
    units = [
        Mistake(
            name=f"mesh and cameras in different units: the mesh is {factor:g} times too large",
            remedy="export mesh and cameras in the same unit",
            camera=_posed(lambda pose, by=factor: _moved(pose, pose[:3, 3] * by)),
        )
        for factor in (1000.0, 100.0, 10.0, 0.1, 0.01, 0.001)
    ]
    return (*tilts, *units)


def _lens_mistakes() -> tuple[Mistake, ...]:
    sizes = [
        Mistake(
            name=f"intrinsics of a photo {1 / factor:g} times as wide as the one there",
            remedy=f"multiply fx, fy, cx and cy by {factor:g}, or bring the original photos",
            camera=lambda camera, by=factor: replace(camera, K=np.diag([by, by, 1.0]) @ camera.K),
        )
        for factor in (0.5, 2.0, 0.25, 4.0)
    ]
    lenses = [
        Mistake(
            name=f"distorted photos (k1 about {k1:g}) with an undistorted camera model",
            remedy="undistort the photos, or write their lens model to the camera file",
            pixels=lambda px, camera, k1=k1: _bent(px, camera, k1),
        )
        for k1 in (-0.3, -0.15, -0.07, 0.07, 0.15, 0.3)
    ]
    return (
        *sizes,
        Mistake(
            name="principal point with x and y swapped",
            remedy="write cx before cy",
            camera=_swapped_centre,
        ),
        *lenses,
    )


def _image_mistakes() -> tuple[Mistake, ...]:
    return (
        Mistake(
            name="photos upside down",
            remedy="turn the photos, or drop the EXIF turn that they were calibrated without",
            pixels=lambda px, camera: np.array([camera.width_px, camera.height_px]) - px,
        ),
        Mistake(
            name="photos flipped top to bottom (y up in the camera file)",
            remedy="negate the camera's y axis, and cy = height - cy",
            pixels=lambda px, camera: np.array([0, camera.height_px]) + px * [1, -1],
        ),
        Mistake(
            name="photos mirrored left to right",
            remedy="mirror the photos back",
            pixels=lambda px, camera: np.array([camera.width_px, 0]) + px * [-1, 1],
        ),
        Mistake(
            name="texture upside down: v counted from the top",
            remedy="write v = 1 - v to the mesh, or flip the atlas",
            flips_v=True,
        ),
    )


def _moved(pose: Pose, translation: Float64[np.ndarray, " 3"]) -> Pose:
    moved = pose.copy()
    moved[:3, 3] = translation
    return moved


def _in_turned_world(pose: Pose, turn: Pose) -> Pose:
    return pose @ turn


def _transposed(pose: Pose) -> Pose:
    turned = pose.copy()
    turned[:3, :3] = pose[:3, :3].T
    return turned


def _reordered(pose: Pose, order: list[int]) -> Pose:
    """Reread the pose's quaternion (w, x, y, z) with its numbers in another order."""
    from scipy.spatial.transform import Rotation

    x, y, z, w = Rotation.from_matrix(pose[:3, :3]).as_quat(canonical=False)
    w, x, y, z = np.array([w, x, y, z])[order]
    turned = pose.copy()
    turned[:3, :3] = Rotation.from_quat([x, y, z, w]).as_matrix()
    return turned


def _turn(axis: int, degrees: int) -> Pose:
    from scipy.spatial.transform import Rotation

    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xyz"[axis], degrees, degrees=True).as_matrix()
    return turn


def _swapped_centre(camera: Camera) -> Camera:
    K = camera.K.copy()
    K[:2, 2] = K[1::-1, 2]
    return replace(camera, K=K)


def _bent(px: Pixels, camera: Camera, k1: float) -> Pixels:
    focal, centre = np.diag(camera.K)[:2], camera.K[:2, 2]
    ray = (px - centre) / focal
    squared = (ray**2).sum(axis=1, keepdims=True)
    # Beyond the bend's turning point the polynomial folds the picture back on itself.
    bend = 1.0 + k1 * np.minimum(squared, 1.0 / (3.0 * abs(k1)))
    return ray * bend * focal + centre
