"""Crispness: fitted to how sharp photos are, and not to light that only they show."""

import numpy as np
import torch
from torch import Tensor

from tests.textured_tiles import SCALE, Tile, fused
from texsr.models.crispness import measure_crispness
from texsr.models.projection import Projection


def blurred(image: Tensor, sigma: float) -> Tensor:
    from scipy.ndimage import gaussian_filter

    return torch.from_numpy(gaussian_filter(image.numpy(), (0, 0, sigma, sigma), mode="nearest"))


def test_crispness_answers_to_how_sharp_the_photos_are(tile):
    """Blurred photos are crispened and crisper ones than the atlas softened, and it helps."""

    def fitted(photo: Tensor) -> Projection:
        return Projection().fitted([(tile.low, tile.references(photo))], SCALE)

    soft, sharp = (
        blurred(tile.truth, 1.6),
        tile.truth + 0.8 * (tile.truth - blurred(tile.truth, 1.6)),
    )
    plain = fitted(tile.truth).settings.crispness
    assert abs(plain) < 0.15
    assert fitted(soft).settings.crispness > plain + 0.1
    assert fitted(sharp).settings.crispness < plain - 0.05
    references = tile.references(soft)
    untouched, crispened = (
        tile.psnr(fused(tile, references, upscaler)) for upscaler in (None, fitted(soft))
    )
    assert crispened > untouched


def test_crispness_is_not_read_from_light_that_only_the_photos_show(tile):
    """Highlights fill the coarser band and leave the finer one, as if photos were blurred."""
    light = torch.from_numpy(np.random.default_rng(3).normal(size=tile.truth.shape[2:]))
    patches = blurred(light[None, None].float(), 1.5 * SCALE)
    patches = patches / patches.std() * 0.25
    lit = tile.truth + patches
    samples = [(tile.low, tile.references(lit))]
    assert abs(measure_crispness(samples, SCALE)) < 0.1
    softer = [(tile.low, tile.references(blurred(tile.truth, 1.6)))]
    assert measure_crispness(softer, SCALE) > 0.1


def test_nothing_to_fit_changes_nothing(tile):
    upscaler = Projection()
    assert upscaler.fitted([], SCALE).settings == upscaler.settings
    flat = torch.full_like(tile.truth, 0.5)
    grey = Tile(truth=flat)
    assert upscaler.fitted([(grey.low, grey.references(flat))], SCALE).settings.crispness == 0.0
