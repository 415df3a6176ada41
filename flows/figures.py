"""What is measured of one enlarged image."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from jaxtyping import Bool

from texsr.flows.cost import Cost
from texsr.flows.methods import Enlarged, Stored
from texsr.flows.trials import Trial
from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.capture import Capture
from texsr.pipeline.color import luma, to_float
from texsr.pipeline.resemblance import held_out_score
from texsr.pipeline.scene import Scene, paint_from
from texsr.pipeline.similarity import luma_plane
from texsr.pipeline.spectrum import compare_spectra
from texsr.pipeline.stages.load import load_photo
from texsr.pipeline.stages.measure import (
    Score,
    luma_error,
    measure_protocols,
    seam_error,
    spearman,
)

Mask = Bool[np.ndarray, "_ _"]
Looks = Callable[[Stored, Stored, Mask | None], float | None]
"""A distance by looks of an image from its truth, where a mask says; None: they are too small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFigures:
    """How well held-out photos are met; means over them."""

    correlation: float  # of fine luma detail, `held_out_score`
    resolution: float | None  # finest coherent frequency, share of the atlas's Nyquist


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Everything measured of what one method made of one subject. None: cannot be measured."""

    inside: Score | None  # on the texels of the mask
    crop_0: Score  # the whole image
    crop_4: Score  # without 4 texels along every border
    lpips: float | None
    seam_error: float | None  # 1/255
    resolution: float | None  # share of Nyquist up to which half of the truth's detail is there
    confidence: float | None  # Spearman's rho with minus the error, inside the mask
    held_out: PhotoFigures | None
    seconds: float
    peak_mb: float | None
    gpu_mb: float | None


def examine(trial: Trial, made: Enlarged, cost: Cost, looks: Looks | None) -> Figures:
    """Measure everything that can be measured."""
    high, truth, mask = made.high, trial.truth, trial.mask
    capture = trial.subject.capture
    scores = measure_protocols(high, truth, mask)
    ranked = None
    if made.confidence is not None and mask is not None:
        ranked = spearman(made.confidence, luma_error(high, truth), mask)
    return Figures(
        inside=scores.inside,
        crop_0=scores.crop_0,
        crop_4=scores.crop_4,
        lpips=None if looks is None else looks(high, truth, mask),
        seam_error=None if capture is None else seam_error(capture.surface, 0, high),
        resolution=_resolution(high, truth, mask),
        confidence=ranked,
        held_out=None if trial.held_out is None else _photo_figures(trial.held_out, high),
        seconds=cost.seconds,
        peak_mb=cost.peak_mb,
        gpu_mb=cost.gpu_mb,
    )


def _resolution(high: Stored, truth: Stored, mask: Mask | None) -> float | None:
    where = np.ones(truth.shape[:2], bool) if mask is None else mask
    image, answer = (luma_plane(one).astype(np.float32) for one in (high, truth))
    spectra = compare_spectra(image, answer, where)
    return None if spectra is None else spectra.resolution


def _photo_figures(held_out: Capture, high: Stored) -> PhotoFigures:
    """Draw a texture from the cameras of held-out photos, and compare with these."""
    scene, paint = Scene(held_out.surface), paint_from([high])
    tx_per_unit = _tx_per_unit(held_out.surface, high)
    correlations: list[float] = []
    resolutions: list[float] = []
    for view in held_out.views:
        photo = load_photo(view, mask_erosion_px=held_out.mask_erosion_px)
        drawn = scene.draw([paint], view.camera)[0]
        correlations.append(held_out_score(photo, drawn.color, drawn.hit))
        seen = drawn.hit & photo.valid
        spectra = compare_spectra(luma(drawn.color), luma(to_float(photo.color)), seen)
        if spectra is not None:
            px_per_unit = view.camera.K[0, 0] / float(np.median(drawn.depth[seen]))
            # Nyquist of the photo, on a surface that faces it, in shares of the atlas's.
            resolutions.append(min(1.0, spectra.coherent * px_per_unit / tx_per_unit))
    return PhotoFigures(
        correlation=fmean(correlations),
        resolution=fmean(resolutions) if resolutions else None,
    )


def _tx_per_unit(surface: TexturedMesh, high: Stored) -> float:
    texels = float(np.abs(surface.charts.uv_areas()).sum()) * high.shape[0] * high.shape[1]
    return (texels / float(surface.mesh.face_areas().sum())) ** 0.5
