"""Turns of the plane: a rotation, one scale and a shift, with a reflection where it has to be.

Source: Umeyama, "Least-Squares Estimation of Transformation Parameters Between Two Point
Patterns", TPAMI 1991, eqs. 40-43. We differ in one way: a reflection is allowed where it fits
better, since charts may lie mirrored in an atlas.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from texsr.pipeline.errors import CaptureError

FLAT = 1e-9  # points this much narrower than long lie on a line: a reflection changes nothing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Turn:
    """From photo pixels to texels; both y down. Where it is fitted, a similarity of the plane."""

    linear: Float64[np.ndarray, "2 2"]  # tx per px; fitted, a multiple of an orthogonal matrix
    offset: Float64[np.ndarray, " 2"]  # tx: where pixel (0, 0) goes

    @property
    def tx_per_px(self) -> float:
        """How many texels a pixel spans, along an axis, in the mean."""
        return float(np.sqrt(abs(np.linalg.det(self.linear))))

    @property
    def mirrored(self) -> bool:
        """Whether left and right change places."""
        return bool(np.linalg.det(self.linear) < 0)

    def applied(self, px: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
        """Give the texel positions of pixels."""
        return px @ self.linear.T + self.offset

    def undone(self, texel: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
        """Give the pixels of texel positions."""
        return (texel - self.offset) @ np.linalg.inv(self.linear).T

    def counted_from(self, x_px: int, y_px: int) -> "Turn":
        """The same for pixels counted from (x, y), as in a window cut from the photo."""
        corner = np.array([x_px, y_px], np.float64)
        return Turn(linear=self.linear, offset=self.offset + self.linear @ corner)


def fit_turn(px: Float64[np.ndarray, "n 2"], texel: Float64[np.ndarray, "n 2"]) -> Turn:
    """Find the turn that brings pixels nearest to texel positions, in least squares.

    Points on a line are not mirrored.

    Raises:
        CaptureError: the points of one side all lie in one place, or nothing of theirs agrees.
    """
    px_mean, texel_mean = px.mean(axis=0), texel.mean(axis=0)
    centred = px - px_mean
    variance = float((centred**2).sum()) / len(px)
    covariance = (texel - texel_mean).T @ centred / len(px)
    left, size, right = np.linalg.svd(covariance)
    if variance == 0.0 or size[0] == 0.0:
        raise CaptureError(
            "crop",
            found=f"{len(px)} surface points whose pixels say nothing of their texels",
            expected="points that lie apart in the photo and in the atlas",
            remedy="check the mesh's UVs and the cameras with `texsr inspect`",
        )
    if size[1] <= FLAT * size[0] and np.linalg.det(left @ right) < 0:
        left = left * np.array([1.0, -1.0])
    linear = left @ right * (float(size.sum()) / variance)
    return Turn(linear=linear, offset=texel_mean - linear @ px_mean)
