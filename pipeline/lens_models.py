"""The lens models that COLMAP defines, as maps of the normalised image plane.

Source: COLMAP, `sensor/models.h` and its documentation of camera models. A map takes x/z, y/z of a
point before the lens to the place, in units of the focal length, where the lens puts it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from texsr.pipeline.errors import CaptureError

Points = Float64[np.ndarray, "n 2"]
Distort = Callable[[Points, tuple[float, ...]], Points]


@dataclass(frozen=True, slots=True, kw_only=True)
class LensModel:
    """A row of the table: how COLMAP numbers a model and what its parameters mean.

    Parameters come in the order focal lengths, cx, cy, coefficients.
    """

    colmap_id: int
    num_focals: int  # 1: f, 2: fx, fy
    coefficients: tuple[str, ...]
    distort: Distort
    wide: bool = False  # made for fields that do not fit a pinhole of the same size

    @property
    def num_params(self) -> int:
        """Focal lengths, principal point and coefficients."""
        return self.num_focals + 2 + len(self.coefficients)


def _squared(xy: Points) -> Float64[np.ndarray, "n 1"]:
    return (xy * xy).sum(axis=1, keepdims=True)


def _polynomial(t: Float64[np.ndarray, "n 1"], *k: float) -> Float64[np.ndarray, "n 1"]:
    """Sum k_i t^(i+1)."""
    total = np.zeros_like(t)
    for coefficient in reversed(k):
        total = (total + coefficient) * t
    return total


def _tangential(xy: Points, p1: float, p2: float) -> Points:
    """Decentring by OpenCV's p1, p2."""
    x, y = xy[:, 0], xy[:, 1]
    r2 = x * x + y * y
    dx = 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x)
    dy = 2.0 * p2 * x * y + p1 * (r2 + 2.0 * y * y)
    return np.stack([dx, dy], axis=1)


def _fisheye(xy: Points, _: tuple[float, ...] = ()) -> Points:
    """Equidistant: radius is the angle off the axis."""
    radius = np.sqrt(_squared(xy))
    safe = np.where(radius < 1e-12, 1.0, radius)
    return xy * np.where(radius < 1e-12, 1.0, np.arctan(radius) / safe)


def _pinhole(xy: Points, _: tuple[float, ...]) -> Points:
    return xy


def _radial(xy: Points, k: tuple[float, ...]) -> Points:
    return xy * (1.0 + _polynomial(_squared(xy), *k))


def _opencv(xy: Points, c: tuple[float, ...]) -> Points:
    k1, k2, p1, p2 = c
    return _radial(xy, (k1, k2)) + _tangential(xy, p1, p2)


def _full_opencv(xy: Points, c: tuple[float, ...]) -> Points:
    k1, k2, p1, p2, k3, k4, k5, k6 = c
    r2 = _squared(xy)
    ratio = (1.0 + _polynomial(r2, k1, k2, k3)) / (1.0 + _polynomial(r2, k4, k5, k6))
    return xy * ratio + _tangential(xy, p1, p2)


def _radial_fisheye(xy: Points, k: tuple[float, ...]) -> Points:
    return _radial(_fisheye(xy), k)


def _fov(xy: Points, c: tuple[float, ...]) -> Points:
    """Devernay and Faugeras, "Straight lines have to be straight", 2001."""
    (omega,) = c
    if abs(omega) < 1e-6:
        return xy
    radius = np.sqrt(_squared(xy))
    safe = np.where(radius < 1e-12, 1.0, radius)
    slope = 2.0 * math.tan(omega / 2.0)
    bent = np.arctan(safe * slope) / (safe * omega)
    return xy * np.where(radius < 1e-12, slope / omega, bent)


def _thin_prism_fisheye(xy: Points, c: tuple[float, ...]) -> Points:
    k1, k2, p1, p2, k3, k4, sx1, sy1 = c
    bent = _fisheye(xy)
    prism = _squared(bent) * np.array([sx1, sy1])
    return _radial(bent, (k1, k2, k3, k4)) + _tangential(bent, p1, p2) + prism


def _rad_tan_thin_prism_fisheye(xy: Points, c: tuple[float, ...]) -> Points:
    """Project Aria's model: its p0, p1 multiply the axes the other way round than OpenCV's."""
    k, (p0, p1), (s0, s1, s2, s3) = c[:6], c[6:8], c[8:]
    bent = _radial(_fisheye(xy), k)
    r2 = _squared(bent)
    prism = r2 * np.array([s0, s2]) + r2 * r2 * np.array([s1, s3])
    return bent + _tangential(bent, p1, p0) + prism


def _division(xy: Points, c: tuple[float, ...]) -> Points:
    """Fitzgibbon, CVPR 2001: undistorted = distorted / (1 + k |distorted|^2), solved for distorted.

    NaN where no point of the photo has that ray.
    """
    (k,) = c
    with np.errstate(invalid="ignore"):
        return xy * (2.0 / (1.0 + np.sqrt(1.0 - 4.0 * k * _squared(xy))))


def _eucm(xy: Points, c: tuple[float, ...]) -> Points:
    """Khomutenko, Garcia and Martinet, "An Enhanced Unified Camera Model", 2016."""
    alpha, beta = c
    return xy / (alpha * np.sqrt(beta * _squared(xy) + 1.0) + (1.0 - alpha))


def _row(
    colmap_id: int, distort: Distort, coefficients: str = "", *, focals: int = 2, wide: bool = False
) -> LensModel:
    return LensModel(
        colmap_id=colmap_id,
        num_focals=focals,
        coefficients=tuple(coefficients.split()),
        distort=distort,
        wide=wide,
    )


LENS_MODELS: dict[str, LensModel] = {
    "SIMPLE_PINHOLE": _row(0, _pinhole, focals=1),
    "PINHOLE": _row(1, _pinhole),
    "SIMPLE_RADIAL": _row(2, _radial, "k", focals=1),
    "RADIAL": _row(3, _radial, "k1 k2", focals=1),
    "OPENCV": _row(4, _opencv, "k1 k2 p1 p2"),
    "OPENCV_FISHEYE": _row(5, _radial_fisheye, "k1 k2 k3 k4", wide=True),
    "FULL_OPENCV": _row(6, _full_opencv, "k1 k2 p1 p2 k3 k4 k5 k6"),
    "FOV": _row(7, _fov, "omega", wide=True),
    "SIMPLE_RADIAL_FISHEYE": _row(8, _radial_fisheye, "k", focals=1, wide=True),
    "RADIAL_FISHEYE": _row(9, _radial_fisheye, "k1 k2", focals=1, wide=True),
    "THIN_PRISM_FISHEYE": _row(10, _thin_prism_fisheye, "k1 k2 p1 p2 k3 k4 sx1 sy1", wide=True),
    "RAD_TAN_THIN_PRISM_FISHEYE": _row(
        11, _rad_tan_thin_prism_fisheye, "k0 k1 k2 k3 k4 k5 p0 p1 s0 s1 s2 s3", wide=True
    ),
    "SIMPLE_DIVISION": _row(12, _division, "k", focals=1),
    "DIVISION": _row(13, _division, "k"),
    "SIMPLE_FISHEYE": _row(14, _fisheye, focals=1, wide=True),
    "FISHEYE": _row(15, _fisheye, wide=True),
    "EUCM": _row(16, _eucm, "alpha beta", wide=True),
}

# COLMAP reads this one, but a sphere has no pinhole: its views are left out and named.
EQUIRECTANGULAR = "EQUIRECTANGULAR"
EQUIRECTANGULAR_ID = 17


def lens_model(name: str) -> LensModel:
    """Look up a model by COLMAP's name.

    Raises:
        CaptureError: the model is unknown, or no pinhole can stand for it.
    """
    if name == EQUIRECTANGULAR:
        raise CaptureError(
            "lens",
            found="the camera model EQUIRECTANGULAR, a full sphere",
            expected="a lens that looks one way",
            remedy="cut the panoramas into pinhole views and calibrate those",
        )
    if name not in LENS_MODELS:
        raise CaptureError(
            "lens",
            found=f"the camera model {name[:60]!r}",
            expected="one of " + ", ".join(LENS_MODELS),
            remedy="export the calibration with one of these models",
        )
    return LENS_MODELS[name]
