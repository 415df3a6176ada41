"""Score an atlas: against a truth, across seams, in its confidence.

The rules, so that figures can be compared:

- Y is BT.601 luma in [16, 235] of RGB rounded to 8 bits, itself not rounded. No border is cropped.
- PSNR-Y = 10 log10(255² / mean squared difference of Y) over the texels of the mask.
- SSIM-Y is Wang et al. 2004 on Y: gaussian windows of 11 x 11 and sigma 1.5, constants for a range
  of 255, planes mirrored at their borders; the mean of the map over the texels of the mask. Windows
  at the mask's edge look beyond it.
- The baseline is Pillow's bicubic enlargement of the low atlas, rounded to 8 bits.
- The protocols of the papers on reference super-resolution score whole images instead, with 0 or 4
  texels cropped off every border (they are mixed in published tables, so both are told), and count
  SSIM only where its window lies inside what is left. Off an atlas's mask nothing is judged: the
  truth stands there for every result.

Everything works in bands of rows: nothing as large as the atlas is held beside it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from texsr.pipeline.atlas import TexturedMesh, uv_to_texel
from texsr.pipeline.color import to_integer
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.mipmap import bilinear
from texsr.pipeline.resample import resize_rows
from texsr.pipeline.seams import find_seams
from texsr.pipeline.similarity import SSIM_RADIUS, Plane, Stored, luma_plane, ssim_map

# Of any size: that those of one comparison agree is checked, not assumed.
Mask = Bool[np.ndarray, "_ _"]

BAND_TEXELS = 2_000_000
CROPS_TX = (0, 4)
SEAM_SAMPLES = 8
MAX_RANKED = 4_000_000


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolScores:
    """One image by the rule for atlases and by the two protocols of the field."""

    inside: Score | None  # the mask; None: there is none
    crop_0: Score
    crop_4: Score


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
        seen, core = _around(rows, len(mask))
        answer = luma_plane(truth[seen])
        result.add(*_compared(luma_plane(high[seen]), answer, core), mask[rows])
        if low is not None:
            bicubic = _bicubic_luma(low, mask.shape, seen)
            baseline.add(*_compared(bicubic, answer, core), mask[rows])
    return Scores(
        result=result.score(),
        bicubic=None if low is None else baseline.score(),
        num_texels=int(mask.sum()),
    )


def measure_protocols(high: Stored, truth: Stored, mask: Mask | None = None) -> ProtocolScores:
    """Score an image by every rule at the top; `mask` None: a picture, judged everywhere.

    Raises:
        CaptureError: the sizes differ, the mask is empty, or the image is too small to be cropped.
    """
    height, width = truth.shape[:2]
    _check_sizes(high, truth, np.ones((height, width), bool) if mask is None else mask)
    _check_croppable(height, width)
    inside, cropped = _Sums(), [_Sums() for _ in CROPS_TX]
    for rows in _bands(height, width):
        seen, core = _around(rows, height)
        image, answer = luma_plane(high[seen]), luma_plane(truth[seen])
        if mask is not None:
            inside.add(*_compared(image, answer, core), mask[rows])
            image = np.where(mask[seen], image, answer)
        planes = _compared(image, answer, core)
        for sums, crop in zip(cropped, CROPS_TX, strict=True):
            kept, windows = (_frame(height, width, c, rows) for c in (crop, crop + SSIM_RADIUS))
            sums.add(*planes, kept, windows)
    return ProtocolScores(
        inside=None if mask is None else inside.score(),
        crop_0=cropped[0].score(),
        crop_4=cropped[1].score(),
    )


class _Sums:
    """What has been added up over the bands of one image."""

    def __init__(self) -> None:
        self.squared, self.ssim, self.count, self.num_windows = 0.0, 0.0, 0, 0

    def add(self, squared: Plane, ssim: Plane, mask: Mask, windows: Mask | None = None) -> None:
        """Add the texels of a mask; `windows`: where the centres of SSIM windows may lie."""
        windows = mask if windows is None else windows
        self.squared += float(squared[mask].sum())
        self.ssim += float(ssim[windows].sum())
        self.count += int(mask.sum())
        self.num_windows += int(windows.sum())

    def score(self) -> Score:
        mse = self.squared / self.count
        psnr = float(10 * np.log10(255.0**2 / mse)) if mse > 0 else float("inf")
        return Score(psnr_y=psnr, ssim_y=self.ssim / self.num_windows)


def _compared(
    image: Float64[np.ndarray, "_ w"], truth: Float64[np.ndarray, "_ w"], core: slice
) -> tuple[Plane, Plane]:
    """Give the squared difference of two luma planes and their SSIM, on the core rows."""
    return (image[core] - truth[core]) ** 2, ssim_map(image, truth)[core]


def luma_error(high: Stored, truth: Stored) -> Float32[np.ndarray, "h w"]:
    """Give |difference of Y| at every texel, in 1/255."""
    error = np.empty(truth.shape[:2], np.float32)
    for rows in _bands(len(truth), truth.shape[1]):
        error[rows] = np.abs(luma_plane(high[rows]) - luma_plane(truth[rows]))
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


def _bicubic_luma(low: Stored, shape: tuple[int, int], rows: slice) -> Plane:
    height, width = shape
    color = resize_rows(low, height=height, width=width, rows=rows)
    return luma_plane(to_integer(color, np.dtype(np.uint8)))


def _bands(height: int, width: int) -> Iterator[slice]:
    step = max(16, BAND_TEXELS // width)
    for first in range(0, height, step):
        yield slice(first, min(first + step, height))


def _around(rows: slice, height: int) -> tuple[slice, slice]:
    """Give the rows that SSIM windows on `rows` look at, and where `rows` lies in them."""
    seen = slice(max(rows.start - SSIM_RADIUS, 0), min(rows.stop + SSIM_RADIUS, height))
    return seen, slice(rows.start - seen.start, rows.stop - seen.start)


def _frame(height: int, width: int, crop_tx: int, rows: slice) -> Mask:
    """Give the rows of an image, white where the border is farther than `crop_tx`."""
    y, x = np.arange(height)[rows, None], np.arange(width)[None]
    return ((y >= crop_tx) & (y < height - crop_tx)) & ((x >= crop_tx) & (x < width - crop_tx))


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


def _check_croppable(height: int, width: int) -> None:
    least = 2 * (CROPS_TX[-1] + SSIM_RADIUS) + 1
    if min(height, width) < least:
        raise CaptureError(
            "measure",
            found=f"images of {width} x {height} texels",
            expected=f"at least {least} a side, to crop {CROPS_TX[-1]} and to hold an SSIM window",
            remedy="score larger images",
        )
