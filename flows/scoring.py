"""Score a result against a truth, or against photos that it was not made from."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from texsr.flows.manifest import Manifest, find_capture, read_manifest
from texsr.flows.progress import Progress, silent
from texsr.flows.provenance import provenance_paths
from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.capture import Capture, Photo, View
from texsr.pipeline.errors import CaptureError, SettingsError
from texsr.pipeline.formats.images import read_image
from texsr.pipeline.formats.meshes import MESH_SUFFIXES, read_textured_mesh
from texsr.pipeline.resemblance import held_out_score
from texsr.pipeline.stages.load import LoadSettings, load_capture, load_photo
from texsr.pipeline.stages.measure import (
    luma_error,
    measure,
    seam_error,
    spearman,
)
from texsr.pipeline.stages.render import render_view

TRUTH, MASK = "atlas.png", "mask.png"


def score_against_truth(
    result: Path, truth: Path, *, mask: Path | None = None, capture: Path | None = None
) -> dict[str, Any]:
    """Score a result's atlas on the covered texels, beside the bicubic enlargement.

    Args:
        result: the directory of a finished run with one atlas.
        truth: an image, or a directory with atlas.png and mask.png.
        mask: white where to score; None: the truth's own, else the texels on charts.
        capture: where the capture is, if it was moved.

    Raises:
        TexsrError: something is missing, or sizes differ.
    """
    root = find_capture(result, capture)
    surface = read_result(result)
    low = read_capture_surface(root, result)
    if len(surface.atlases) != 1:
        raise CaptureError(
            result,
            found=f"{len(surface.atlases)} atlases",
            expected="one, as there is one truth",
            remedy="score a capture with one texture",
        )
    high = surface.atlases[0].stored
    answer, _ = read_image(truth / TRUTH if truth.is_dir() else truth, where=truth)
    levels = _provenance(result, surface)
    chosen = _mask(truth, mask, levels)
    scores = measure(high, answer, chosen, low=low.atlases[0].stored)
    ranked = None
    if levels is not None:
        ranked = spearman(levels[..., 1], luma_error(high, answer), chosen)
    return {
        **asdict(scores),
        "gain_db": scores.gain_db,
        "seam_error": seam_error(surface, 0, high),
        "confidence_spearman": ranked,
    }


def score_held_out(
    result: Path, *, capture: Path | None = None, progress: Progress = silent
) -> dict[str, Any]:
    """Score a result on the photos that its run excluded, each rendered again from its camera.

    Raises:
        SettingsError: the run excluded no photo.
        TexsrError: the result or its capture cannot be read.
    """
    root = find_capture(result, capture)
    held_out = _held_out(root, result)
    new, old = read_result(result), read_capture_surface(root, result)
    photos: dict[str, Any] = {}
    for done, view in enumerate(held_out.views, 1):
        photo = load_photo(view, mask_erosion_px=held_out.mask_erosion_px)
        photos[view.name] = {
            "result": _correlate(new, view, photo),
            "low": _correlate(old, view, photo),
        }
        progress("held-out photos", done, len(held_out.views))
    gains = [one["result"] - one["low"] for one in photos.values()]
    return {"held_out": photos, "mean_gain": math.fsum(gains) / len(gains)}


def read_result(result: Path) -> TexturedMesh:
    """Read the mesh of a result with its new textures."""
    manifest = _manifest(result)
    meshes = [name for name in manifest.outputs if Path(name).suffix.lower() in MESH_SUFFIXES]
    return read_textured_mesh(result / meshes[0], root=result)


def read_capture_surface(root: Path, result: Path) -> TexturedMesh:
    """Read the mesh that a result was made from, with its old textures."""
    manifest = _manifest(result)
    meshes = [name for name in manifest.inputs if Path(name).suffix.lower() in MESH_SUFFIXES]
    return read_textured_mesh(root / meshes[0], root=root)


def _manifest(result: Path) -> Manifest:
    manifest = read_manifest(result)
    assert manifest is not None, "find_capture has read it"
    return manifest


def _held_out(root: Path, result: Path) -> Capture:
    manifest = _manifest(result)
    patterns = tuple(manifest.options["exclude"])
    if not patterns:
        raise SettingsError(
            result,
            found="no --truth, and a result made from all photos",
            expected="a truth, or photos that the run left out, to score against",
            remedy="give --truth, or run again with --exclude PHOTO",
        )
    return load_capture(root, LoadSettings(include=patterns))


def _correlate(surface: TexturedMesh, view: View, photo: Photo) -> float:
    rendered = render_view(surface, [atlas.stored for atlas in surface.atlases], view.camera)
    return held_out_score(photo, rendered.color, rendered.hit)


def _provenance(result: Path, surface: TexturedMesh) -> np.ndarray | None:
    written = [result / name for name in _manifest(result).outputs]
    home = provenance_paths(surface, written, result)[0]
    return read_image(home, where=home)[0] if home.is_file() else None


def _mask(truth: Path, mask: Path | None, levels: np.ndarray | None) -> Bool[np.ndarray, "h w"]:
    beside = (truth if truth.is_dir() else truth.parent) / MASK
    if mask is None and beside.is_file():
        mask = beside
    if mask is not None:
        image, _ = read_image(mask, where=mask)
        return image[..., 0] > np.iinfo(image.dtype).max // 2
    if levels is None:
        raise SettingsError(
            "--mask",
            found="no mask, and no provenance map to take the charts from",
            expected="an image that is white where to score",
            remedy="give --mask PNG",
        )
    return levels[..., 0] > 0
