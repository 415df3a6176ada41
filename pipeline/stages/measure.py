"""Score an atlas: against a truth, across seams, in its confidence, against a held-out photo.

The rules, so that figures can be compared:

- Y is BT.601 luma in [16, 235] of RGB rounded to 8 bits, itself not rounded. No border is cropped.
- PSNR-Y = 10 log10(255² / mean squared difference of Y) over the texels of the mask.
- SSIM-Y is Wang et al. 2004 on Y: gaussian windows of 11 x 11 and sigma 1.5, constants for a range
  of 255, planes mirrored at their borders; the mean of the map over the texels of the mask. Windows
  at the mask's edge look beyond it.
- The baseline is Pillow's bicubic enlargement of the low atlas, rounded to 8 bits.

Everything works in bands of rows: nothing as large as the atlas is held beside it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8, UInt16

from texsr.pipeline.atlas import TexturedMesh, uv_to_texel
from texsr.pipeline.capture import Photo
from texsr.pipeline.color import luma, to_float, to_integer
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.mipmap import bilinear
from texsr.pipeline.resample import resize_rows
from texsr.pipeline.seams import find_seams

# Of any size: that those of one comparison agree is checked, not assumed.
Stored = UInt8[np.ndarray, "_ _ _"] | UInt16[np.ndarray, "_ _ _"]
Mask = Bool[np.ndarray, "_ _"]
Plane = Float64[np.ndarray, "h w"]

BAND_TEXELS = 2_000_000
SSIM_RADIUS, SSIM_SIGMA = 5, 1.5
SSIM_C1, SSIM_C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
SEAM_SAMPLES = 8
MAX_RANKED = 4_000_000

HIGH_PASS_SIGMA_PX = 8.0
SILHOUETTE_EROSION_PX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How near an image comes to its truth."""

    psnr_y: float  # dB; inf where nothing differs
    ssim_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """A result and, beside it, the bicubic enlargement of what it was made from."""

    result: Score
    bicubic: Score | None  # None: no low atlas was given
    num_texels: int  # scored

    @property
    def gain_db(self) -> float | None:
        """PSNR-Y over bicubic's."""
        return None if self.bicubic is None else self.result.psnr_y - self.bicubic.psnr_y


def measure(high: Stored, truth: Stored, mask: Mask, *, low: Stored | None = None) -> Scores:
    """Score an atlas on the texels of a mask; see the rules at the top of this file.

    Args:
        high: the result; a memory map is read band by band.
        truth: the answer, of the same size.
        mask: where to score.
        low: the atlas that the result was made from, for the baseline.

    Raises:
        CaptureError: the sizes differ, or the mask is empty.
    """
    _check_sizes(high, truth, mask)
    result, baseline = _Sums(), _Sums()
    for rows in _bands(*mask.shape):
        seen = _grown(rows, len(mask))
        core = slice(rows.start - seen.start, rows.stop - seen.start)
        answer = _luma(truth[seen])
        result.add(_luma(high[seen]), answer, mask[rows], core)
        if low is not None:
            baseline.add(_bicubic_luma(low, mask.shape, seen), answer, mask[rows], core)
    return Scores(
        result=result.score(),
        bicubic=None if low is None else baseline.score(),
        num_texels=int(mask.sum()),
    )


class _Sums:
    """What has been added up over the bands of one image."""

    def __init__(self) -> None:
        self.squared = self.ssim = 0.0
        self.count = 0

    def add(self, image: Plane, truth: Plane, mask: Bool[np.ndarray, "b w"], core: slice) -> None:
        difference = (image - truth)[core][mask]
        self.squared += float((difference**2).sum())
        self.ssim += float(ssim_map(image, truth)[core][mask].sum())
        self.count += difference.size

    def score(self) -> Score:
        mse = self.squared / self.count
        psnr = float(10 * np.log10(255.0**2 / mse)) if mse > 0 else float("inf")
        return Score(psnr_y=psnr, ssim_y=self.ssim / self.count)


def ssim_map(a: Plane, b: Plane) -> Plane:
    """Give the structural similarity of two luma planes around every texel (Wang et al. 2004)."""
    from scipy.ndimage import correlate1d

    offset = np.arange(-SSIM_RADIUS, SSIM_RADIUS + 1)
    window = np.exp(-((offset / SSIM_SIGMA) ** 2) / 2)
    window /= window.sum()

    def mean(plane: Plane) -> Plane:
        across = correlate1d(plane, window, axis=1, mode="mirror")
        return correlate1d(across, window, axis=0, mode="mirror")

    mean_a, mean_b = mean(a), mean(b)
    var_a = mean(a * a) - mean_a**2
    var_b = mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    brightness = (2 * mean_a * mean_b + SSIM_C1) / (mean_a**2 + mean_b**2 + SSIM_C1)
    return brightness * (2 * covariance + SSIM_C2) / (var_a + var_b + SSIM_C2)


def luma_error(high: Stored, truth: Stored) -> Float32[np.ndarray, "h w"]:
    """Give |difference of Y| at every texel, in 1/255."""
    error = np.empty(truth.shape[:2], np.float32)
    for rows in _bands(len(truth), truth.shape[1]):
        error[rows] = np.abs(_luma(high[rows]) - _luma(truth[rows]))
    return error


def seam_error(surface: TexturedMesh, atlas_index: int, image: Stored) -> float:
    """Compare what the two sides of every chart seam show of the same surface.

    Eight points an edge, bilinear on either side, |difference| averaged over the colour channels
    and, weighted by edge length, over the seams.

    Returns:
        In 1/255; 0 without seams.
    """
    seams = find_seams(surface, atlas_index)
    if len(seams.length) == 0 or seams.length.sum() == 0:
        return 0.0
    height, width, channels = image.shape
    num_color = 3 if channels >= 3 else 1
    total = np.zeros(len(seams.length))
    for step in range(SEAM_SAMPLES):
        uv = seams.uv_at((step + 0.5) / SEAM_SAMPLES)  # e 2 2
        sides = (uv_to_texel(uv[:, side], height_tx=height, width_tx=width) for side in (0, 1))
        one, other = (bilinear(image, texel, num_color) for texel in sides)
        total += np.abs(one - other).mean(axis=1, dtype=np.float64) / SEAM_SAMPLES
    return float(255.0 * (total * seams.length).sum() / seams.length.sum())


def spearman(
    confidence: UInt8[np.ndarray, "h w"] | Float32[np.ndarray, "h w"],
    error: Float32[np.ndarray, "h w"],
    mask: Bool[np.ndarray, "h w"],
) -> float:
    """Tell how well confidence ranks the error: Spearman's rho of confidence and minus the error.

    Ties share their mean rank. Of more than four million texels, evenly spread ones are ranked.

    Returns:
        1 where the surest texel is the best and so on; 0 where confidence or error is constant.
    """
    from scipy.stats import rankdata

    texels = np.flatnonzero(mask)
    texels = texels[:: max(1, -(-len(texels) // MAX_RANKED))]
    ranks = [rankdata(values.reshape(-1)[texels]) for values in (confidence, error)]
    if min(float(rank.std()) if len(rank) else 0.0 for rank in ranks) == 0.0:
        return 0.0
    return -float(np.corrcoef(np.stack(ranks))[0, 1])


def held_out_score(
    photo: Photo, rendered: Float32[np.ndarray, "h w 3"], silhouette: Bool[np.ndarray, "h w"]
) -> float:
    """Correlate the fine detail of a photo with that of the surface rendered from its camera.

    Luma is high-passed (gaussian, sigma 8 px, blind to what lies outside the silhouette), so that
    shading does not count, and compared inside the silhouette eroded by 10 px.

    Args:
        photo: a photo that the texture was not made from.
        rendered: the textured surface from the same camera.
        silhouette: pixels that the surface covers.

    Returns:
        Pearson's correlation; 0 where nothing is left to compare or one side is flat.
    """
    from scipy.ndimage import distance_transform_edt

    inside = np.asarray(silhouette & photo.valid)
    framed = np.pad(inside, 1)  # the photo's border erodes too
    depth_px = np.asarray(distance_transform_edt(framed))
    core = depth_px[1:-1, 1:-1] > SILHOUETTE_EROSION_PX
    details = [_high_pass(luma(color), inside)[core] for color in (to_float(photo.color), rendered)]
    if not core.any() or min(float(detail.std()) for detail in details) == 0.0:
        return 0.0
    return float(np.corrcoef(np.stack(details))[0, 1])


def _high_pass(
    plane: Float32[np.ndarray, "h w"], inside: Bool[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w"]:
    from scipy.ndimage import gaussian_filter

    share = gaussian_filter(inside.astype(np.float32), HIGH_PASS_SIGMA_PX)
    local = gaussian_filter(np.where(inside, plane, np.float32(0)), HIGH_PASS_SIGMA_PX)
    return plane - local / np.maximum(share, np.float32(1e-6))


def _luma(stored: Stored) -> Plane:
    """Y of 8-bit-rounded RGB; grey counts as equal channels, alpha not at all."""
    color = stored[..., :3] if stored.shape[2] >= 3 else np.repeat(stored[..., :1], 3, axis=2)
    if color.dtype != np.uint8:
        color = to_integer(to_float(color), np.dtype(np.uint8))
    return luma(to_float(color)).astype(np.float64)


def _bicubic_luma(low: Stored, shape: tuple[int, int], rows: slice) -> Plane:
    height, width = shape
    color = resize_rows(low, height=height, width=width, rows=rows)
    return _luma(to_integer(color, np.dtype(np.uint8)))


def _bands(height: int, width: int) -> Iterator[slice]:
    step = max(16, BAND_TEXELS // width)
    for first in range(0, height, step):
        yield slice(first, min(first + step, height))


def _grown(rows: slice, height: int) -> slice:
    return slice(max(rows.start - SSIM_RADIUS, 0), min(rows.stop + SSIM_RADIUS, height))


def _check_sizes(high: Stored, truth: Stored, mask: Mask) -> None:
    sizes = [f"{image.shape[1]} x {image.shape[0]}" for image in (high, truth, mask)]
    if len(set(sizes)) > 1:
        raise CaptureError(
            "measure",
            found=f"a result of {sizes[0]} texels, a truth of {sizes[1]} and a mask of {sizes[2]}",
            expected="three images of one size",
            remedy="give the truth and the mask of this capture, and a result of its scale",
        )
    if not mask.any():
        raise CaptureError(
            "measure",
            found="a mask without a white texel",
            expected="white where to score",
            remedy="give the mask of the covered texels",
        )
