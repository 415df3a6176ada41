"""A calibrated pinhole camera."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from texsr.pipeline.errors import CaptureError

# Turns OpenGL camera axes (x right, y up, z backward) into ours, and back: it is its own inverse.
OPENCV_FROM_OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])

MAX_ROTATION_DRIFT = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Camera:
    """A calibrated pinhole camera; lens distortion was removed on load.

    Camera axes: x right, y down, z forward. Pixel (0, 0) is centred at (0.5, 0.5).
    """

    K: Float64[np.ndarray, "3 3"]  # px
    cam_from_world: Float64[np.ndarray, "4 4"]  # capture units
    width_px: int
    height_px: int

    def __post_init__(self) -> None:
        if not (np.isfinite(self.K).all() and np.isfinite(self.cam_from_world).all()):
            raise CaptureError(
                "camera",
                found="NaN or infinite numbers in K or cam_from_world",
                expected="finite numbers",
                remedy="export the camera again or exclude the view",
            )
        rotation = self.cam_from_world[:3, :3]
        drift = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
        if drift > MAX_ROTATION_DRIFT or np.linalg.det(rotation) < 0:
            raise CaptureError(
                "camera",
                found=f"a cam_from_world whose rotation is off orthonormal by {drift:.1e}",
                expected="a rigid pose",
                remedy="remove scale, skew and mirroring from the exported pose",
            )
        if self.K[0, 0] <= 0 or self.K[1, 1] <= 0 or self.width_px < 1 or self.height_px < 1:
            raise CaptureError(
                "camera",
                found=f"focal lengths {self.K[0, 0]:g}, {self.K[1, 1]:g} px and a "
                f"{self.width_px} x {self.height_px} px photo",
                expected="positive numbers",
                remedy="export the calibration again",
            )

    @property
    def centre(self) -> Float64[np.ndarray, " 3"]:
        """The pinhole, in world coordinates."""
        return -self.cam_from_world[:3, :3].T @ self.cam_from_world[:3, 3]

    @property
    def px_from_world(self) -> Float64[np.ndarray, "3 4"]:
        """The projection: world point -> homogeneous pixel whose last entry is depth."""
        return self.K @ self.cam_from_world[:3]

    def project(
        self, points: Float64[np.ndarray, "n 3"]
    ) -> tuple[Float64[np.ndarray, "n 2"], Float64[np.ndarray, " n"]]:
        """Project world points to pixels.

        Returns:
            (x, y) in px, and depth along z in capture units; where depth <= 0 the point lies
            behind the camera and its pixel means nothing.
        """
        homogeneous = points @ self.px_from_world[:, :3].T + self.px_from_world[:, 3]
        depth = homogeneous[:, 2]
        safe = np.where(np.abs(depth) < 1e-12, 1e-12, depth)
        return homogeneous[:, :2] / safe[:, None], depth

    def unproject(
        self, px: Float64[np.ndarray, "n 2"], depth: Float64[np.ndarray, " n"]
    ) -> Float64[np.ndarray, "n 3"]:
        """Give the world points at `depth` along z behind pixels (x, y)."""
        rays = np.concatenate([px, np.ones((len(px), 1))], axis=1) @ np.linalg.inv(self.K).T
        in_camera = rays * depth[:, None]
        return (in_camera - self.cam_from_world[:3, 3]) @ self.cam_from_world[:3, :3]

    def scaled(self, factor: float) -> "Camera":
        """The camera of the same photo resized by `factor` (sizes are rounded, K follows them)."""
        width = max(1, round(self.width_px * factor))
        height = max(1, round(self.height_px * factor))
        by = np.diag([width / self.width_px, height / self.height_px, 1.0])
        return Camera(
            K=by @ self.K, cam_from_world=self.cam_from_world, width_px=width, height_px=height
        )

    def cropped(self, *, x: int, y: int, width: int, height: int) -> "Camera":
        """The camera of the sub-photo whose upper-left pixel is (x, y)."""
        shift = np.array([[1.0, 0.0, -x], [0.0, 1.0, -y], [0.0, 0.0, 1.0]])
        return Camera(
            K=shift @ self.K, cam_from_world=self.cam_from_world, width_px=width, height_px=height
        )
