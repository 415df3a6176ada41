"""How far a textured surface shows the fine detail of a photo that its texture was not made from.

Light counts for nothing: luma is high-passed, and correlated. Neither does focus. A lens and a
sensor blur what they see, and a drawn surface is not blurred: the truth itself would resemble a
photo out of focus less than its own bicubic enlargement does. So what is drawn is blurred as far as
fits the photo best, whatever it is; the more of the photo's detail a texture holds, the better it
then fits.
"""

import numpy as np
from jaxtyping import Bool, Float32
from scipy.ndimage import distance_transform_edt, find_objects, gaussian_filter

from texsr.pipeline.capture import Photo
from texsr.pipeline.color import luma, to_float

HIGH_PASS_SIGMA_PX = 8.0
SILHOUETTE_EROSION_PX = 10  # so far a photo out of focus mixes in what lies behind, about
FOCUS_SIGMAS_PX = (0.0, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8)  # of the Gaussian that stands for a camera
CUT_PX = round(4.0 * HIGH_PASS_SIGMA_PX)  # around a silhouette: filters end there
FLAT = 1e-5  # standard deviation of what is left of a plane without detail: rounding


def held_out_score(
    photo: Photo, rendered: Float32[np.ndarray, "h w 3"], silhouette: Bool[np.ndarray, "h w"]
) -> float:
    """Correlate the fine detail of a photo with that of the surface rendered from its camera.

    Luma is high-passed (gaussian, sigma 8 px, blind to what lies outside the silhouette), so that
    shading does not count, and compared inside the silhouette eroded by 10 px; what is rendered at
    the best of `FOCUS_SIGMAS_PX`.

    Args:
        photo: a photo that the texture was not made from.
        rendered: the textured surface from the same camera.
        silhouette: pixels that the surface covers.

    Returns:
        Pearson's correlation; 0 where nothing is left to compare or one side is flat.
    """
    return max(correlations(photo, rendered, silhouette).values())


def correlations(
    photo: Photo, rendered: Float32[np.ndarray, "h w 3"], silhouette: Bool[np.ndarray, "h w"]
) -> dict[float, float]:
    """Give the correlation at each of `FOCUS_SIGMAS_PX`, px; arguments as of `held_out_score`."""
    inside, taken, drawn = _cut(photo, rendered, silhouette)
    framed = np.pad(inside, 1)  # the photo's border erodes too
    core = np.asarray(distance_transform_edt(framed))[1:-1, 1:-1] > SILHOUETTE_EROSION_PX
    if not core.any():
        return dict.fromkeys(FOCUS_SIGMAS_PX, 0.0)
    around = _Inside(inside, HIGH_PASS_SIGMA_PX)
    detail = (taken - around.blurred(taken))[core]
    found: dict[float, float] = {}
    for sigma in FOCUS_SIGMAS_PX:
        shown = _Inside(inside, sigma).blurred(drawn) if sigma else drawn
        found[sigma] = _correlation(detail, (shown - around.blurred(shown))[core])
    return found


class _Inside:
    """Blurs what lies inside a silhouette by itself."""

    def __init__(self, inside: Bool[np.ndarray, "h w"], sigma: float) -> None:
        self._inside, self._sigma = inside, sigma
        share = gaussian_filter(inside.astype(np.float32), sigma)
        self._share = np.maximum(share, np.float32(1e-6))

    def blurred(self, plane: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
        within = np.where(self._inside, plane, np.float32(0))
        return gaussian_filter(within, self._sigma) / self._share


def _cut(
    photo: Photo, rendered: Float32[np.ndarray, "h w 3"], silhouette: Bool[np.ndarray, "h w"]
) -> tuple[Bool[np.ndarray, "p q"], Float32[np.ndarray, "p q"], Float32[np.ndarray, "p q"]]:
    """Cut out what is compared, and the luma of both sides there."""
    inside = np.asarray(silhouette & photo.valid)
    found = find_objects(inside.astype(np.uint8))
    if not found:
        empty = np.zeros((1, 1), np.float32)
        return empty > 0, empty, empty
    box = tuple(slice(max(side.start - CUT_PX, 0), side.stop + CUT_PX) for side in found[0])
    return inside[box], luma(to_float(photo.color[box])), luma(rendered[box])


def _correlation(one: Float32[np.ndarray, " n"], other: Float32[np.ndarray, " n"]) -> float:
    if min(float(one.std()), float(other.std())) < FLAT:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
