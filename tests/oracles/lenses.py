"""COLMAP's lens models, one point at a time, and their inverse."""

import math
from collections.abc import Sequence

import numpy as np


def distort(model: str, c: Sequence[float], x: float, y: float) -> tuple[float, float]:
    """Bend the ray (x, y, 1); `c` are the coefficients after the principal point."""
    if model.endswith("FISHEYE"):
        radius = math.hypot(x, y)
        scale = math.atan(radius) / radius if radius > 0 else 1.0
        x, y = x * scale, y * scale
    r2 = x * x + y * y
    match model:
        case "SIMPLE_PINHOLE" | "PINHOLE" | "SIMPLE_FISHEYE" | "FISHEYE":
            return x, y
        case "SIMPLE_RADIAL" | "RADIAL" | "SIMPLE_RADIAL_FISHEYE" | "RADIAL_FISHEYE":
            radial = 1 + sum(k * r2 ** (i + 1) for i, k in enumerate(c))
            return x * radial, y * radial
        case "OPENCV_FISHEYE":
            radial = 1 + c[0] * r2 + c[1] * r2**2 + c[2] * r2**3 + c[3] * r2**4
            return x * radial, y * radial
        case "OPENCV" | "FULL_OPENCV":
            k1, k2, p1, p2, k3, k4, k5, k6 = (*c, 0, 0, 0, 0)[:8]
            radial = (1 + k1 * r2 + k2 * r2**2 + k3 * r2**3) / (
                1 + k4 * r2 + k5 * r2**2 + k6 * r2**3
            )
            return (
                x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
                y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
            )
        case "FOV":
            radius = math.sqrt(r2)
            bent = math.atan(2 * radius * math.tan(c[0] / 2)) / c[0]
            return (x * bent / radius, y * bent / radius) if radius > 0 else (x, y)
        case "THIN_PRISM_FISHEYE":
            k1, k2, p1, p2, k3, k4, sx, sy = c
            radial = k1 * r2 + k2 * r2**2 + k3 * r2**3 + k4 * r2**4
            return (
                x + x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x) + sx * r2,
                y + y * radial + 2 * p2 * x * y + p1 * (r2 + 2 * y * y) + sy * r2,
            )
        case "RAD_TAN_THIN_PRISM_FISHEYE":
            radial = 1 + sum(k * r2 ** (i + 1) for i, k in enumerate(c[:6]))
            (p0, p1), (s0, s1, s2, s3) = c[6:8], c[8:]
            u, v = x * radial, y * radial
            q2 = u * u + v * v
            along = 2 * (u * p0 + v * p1)
            return (
                u + along * u + q2 * p0 + s0 * q2 + s1 * q2**2,
                v + along * v + q2 * p1 + s2 * q2 + s3 * q2**2,
            )
        case "SIMPLE_DIVISION" | "DIVISION":
            scale = 2 / (1 + math.sqrt(1 - 4 * c[0] * r2))
            return x * scale, y * scale
        case "EUCM":
            alpha, beta = c
            depth = alpha * math.sqrt(beta * r2 + 1) + 1 - alpha
            return x / depth, y / depth
        case _:
            raise KeyError(model)


def project(
    model: str, params: Sequence[float], points: np.ndarray, *, num_focals: int
) -> np.ndarray:
    """Project points of the camera frame to px of the raw photo."""
    fx, fy = params[0], params[num_focals - 1]
    cx, cy = params[num_focals : num_focals + 2]
    coefficients = params[num_focals + 2 :]
    out = []
    for x, y, z in points:
        u, v = distort(model, coefficients, x / z, y / z)
        out.append((fx * u + cx, fy * v + cy))
    return np.array(out)


def undistort(
    model: str, c: Sequence[float], bent: tuple[float, float], *, rounds: int = 30
) -> tuple[float, float]:
    """Find the ray that is bent to a place, by Newton's method with measured slopes."""
    ray = np.array(bent, dtype=float)
    step = 1e-6
    for _ in range(rounds):
        here = np.array(distort(model, c, *ray))
        slope = np.stack(
            [
                (np.array(distort(model, c, *(ray + step * axis))) - here) / step
                for axis in np.eye(2)
            ],
            axis=1,
        )
        ray = ray + np.linalg.solve(slope, np.array(bent) - here)
    return float(ray[0]), float(ray[1])
