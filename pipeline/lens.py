"""A lens: how a real photo bends the ideal pinhole's rays, and the pinhole that stands for it."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float64

from texsr.pipeline.camera import Camera
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.lens_models import lens_model

# Beyond this angle off the axis a pinhole stretches a fisheye's pixels more than threefold.
MAX_OFF_AXIS_RAD = math.radians(55.0)
MAX_PARAM = 1e9  # px, or a coefficient
MAX_GROWTH = 2.0  # of a side of a fisheye photo when its field is laid out on a plane

_DIRECTIONS, _ANGLES = 32, 1024  # samples that a lens is searched for folds with


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """A lens model by COLMAP's name, with COLMAP's parameter order.

    `px` are pixels of the photo as it is on disk: the first one is centred at (0.5, 0.5).
    """

    model: str
    params: tuple[float, ...]
    width_px: int
    height_px: int

    def __post_init__(self) -> None:
        model = lens_model(self.model)
        if len(self.params) != model.num_params:
            raise CaptureError(
                "lens",
                found=f"{len(self.params)} parameters for {self.model}",
                expected=f"{model.num_params}: focal length(s), cx, cy"
                + "".join(f", {name}" for name in model.coefficients),
                remedy="export the calibration again",
            )
        focals = self.params[: model.num_focals]
        # Comparing with NaN is False.
        if not all(abs(x) < MAX_PARAM for x in self.params) or min(focals) <= 0.0:
            raise CaptureError(
                "lens",
                found=f"parameters {', '.join(f'{x:g}' for x in self.params)} for {self.model}",
                expected=f"numbers below {MAX_PARAM:g} and positive focal lengths",
                remedy="calibrate again or exclude the views of this camera",
            )
        if min(self.width_px, self.height_px) < 1:
            raise CaptureError(
                "lens",
                found=f"a photo size of {self.width_px} x {self.height_px} px",
                expected="at least one pixel",
                remedy="export the calibration again",
            )

    @property
    def focal_px(self) -> Float64[np.ndarray, " 2"]:
        """Focal lengths along x and y."""
        return np.array([self.params[0], self.params[lens_model(self.model).num_focals - 1]])

    @property
    def principal_px(self) -> Float64[np.ndarray, " 2"]:
        """Where the axis meets the photo."""
        start = lens_model(self.model).num_focals
        return np.array(self.params[start : start + 2])

    @property
    def coefficients(self) -> tuple[float, ...]:
        """What follows the principal point."""
        return self.params[lens_model(self.model).num_focals + 2 :]

    @property
    def is_pinhole(self) -> bool:
        """Whether the photo needs no undistortion."""
        model = lens_model(self.model)
        return not model.wide and not any(self.coefficients)

    def distort(
        self, rays: Float64[np.ndarray, "n 2"]
    ) -> tuple[Float64[np.ndarray, "n 2"], Bool[np.ndarray, " n"]]:
        """Bend rays of the normalised image plane (x/z, y/z) as the lens does.

        Returns:
            Places in units of the focal length, and whether each is real: past the radius where a
            model's radius stops growing it folds back into the photo, and means nothing.
        """
        bent = lens_model(self.model).distort(rays, self.coefficients)
        real = (rays * rays).sum(axis=1) <= _reach(self) ** 2
        return bent, real & np.isfinite(bent).all(axis=1)

    def project(
        self, points: Float64[np.ndarray, "n 3"]
    ) -> tuple[Float64[np.ndarray, "n 2"], Bool[np.ndarray, " n"]]:
        """Project points of the camera frame to px of the photo as it is on disk.

        Returns:
            (x, y), and whether the point lies before the camera, within the reach of the lens
            model; it may still lie beside the photo.
        """
        ahead = points[:, 2] > 0
        depth = np.where(ahead, points[:, 2], 1.0)
        bent, real = self.distort(points[:, :2] / depth[:, None])
        return bent * self.focal_px + self.principal_px, real & ahead

    def pinhole(self, cam_from_world: Float64[np.ndarray, "4 4"]) -> Camera:
        """Give the camera of the photo with its distortion removed.

        It keeps the size, focal lengths and principal point. The photo of a fisheye is laid out
        with the scale of its centre on as much plane as its field needs, to 55 degrees off axis.
        """
        K, width, height = _frame(self)
        return Camera(K=K, cam_from_world=cam_from_world, width_px=width, height_px=height)

    def raw_px(
        self, px: Float64[np.ndarray, "n 2"]
    ) -> tuple[Float64[np.ndarray, "n 2"], Bool[np.ndarray, " n"]]:
        """Map px of the undistorted photo to px of the photo as it is on disk.

        Returns:
            (x, y), and whether it lies inside the photo.
        """
        K = _frame(self)[0]
        bent, real = self.distort((px - K[:2, 2]) / np.array([K[0, 0], K[1, 1]]))
        raw = bent * self.focal_px + self.principal_px
        size = np.array([self.width_px, self.height_px])
        inside = ((raw >= 0.0) & (raw <= size)).all(axis=1)
        return np.where(real[:, None], raw, -1.0), real & inside


def _fan(limit_rad: float) -> tuple[Float64[np.ndarray, "d 1 2"], Float64[np.ndarray, " a"]]:
    """Give unit directions on the image plane and growing radii (tangents of angles)."""
    turn = np.linspace(0.0, 2.0 * np.pi, _DIRECTIONS, endpoint=False)
    radius = np.tan(np.linspace(0.0, limit_rad, _ANGLES))
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)[:, None, :], radius


@lru_cache(maxsize=1024)
def _reach(lens: Lens) -> float:
    """Find the radius on the normalised image plane up to which the lens does not fold."""
    if lens.is_pinhole:
        return math.inf
    direction, radius = _fan(math.radians(89.5))
    rays = direction * radius[:, None]  # d a 2
    model = lens_model(lens.model)
    with np.errstate(all="ignore"):
        bent = model.distort(rays.reshape(-1, 2), lens.coefficients).reshape(rays.shape)
        grows = np.diff((bent * direction).sum(axis=2), axis=1) > 0.0  # False where NaN
    always = grows.all(axis=0)
    # The step before the first that shrinks may hold the turning point already.
    return math.inf if always.all() else float(radius[max(int(np.argmin(always)) - 1, 0)])


@lru_cache(maxsize=1024)
def _frame(lens: Lens) -> tuple[Float64[np.ndarray, "3 3"], int, int]:
    """Choose intrinsics, width and height of the undistorted photo."""
    (fx, fy), (cx, cy) = lens.focal_px, lens.principal_px
    width, height = lens.width_px, lens.height_px
    if lens_model(lens.model).wide:
        fx, fy = lens.focal_px * _central_scale(lens)
        low, high = _field(lens)
        (left, top), (right, bottom) = -low * (fx, fy), high * (fx, fy)
        left = math.ceil(min(max(left, 0.5), MAX_GROWTH * max(cx, 0.5)))
        top = math.ceil(min(max(top, 0.5), MAX_GROWTH * max(cy, 0.5)))
        width = left + math.ceil(min(max(right, 0.5), MAX_GROWTH * max(width - cx, 0.5)))
        height = top + math.ceil(min(max(bottom, 0.5), MAX_GROWTH * max(height - cy, 0.5)))
        cx, cy = left, top
    return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]]), width, height


def _central_scale(lens: Lens) -> float:
    """Measure how much larger than its focal length says a lens draws the centre."""
    tiny = 1e-9
    bent = lens_model(lens.model).distort(np.array([[tiny, 0.0]]), lens.coefficients)
    return float(bent[0, 0]) / tiny


def _field(lens: Lens) -> tuple[Float64[np.ndarray, " 2"], Float64[np.ndarray, " 2"]]:
    """Bound the rays (x/z, y/z) that land inside the photo, up to 55 degrees off axis."""
    direction, radius = _fan(MAX_OFF_AXIS_RAD)
    rays = (direction * radius[:, None]).reshape(-1, 2)
    bent, real = lens.distort(rays)
    raw = bent * lens.focal_px + lens.principal_px
    size = np.array([lens.width_px, lens.height_px])
    seen = rays[real & ((raw >= 0.0) & (raw <= size)).all(axis=1)]
    if len(seen) == 0:
        return np.zeros(2), np.zeros(2)
    return seen.min(axis=0), seen.max(axis=0)
