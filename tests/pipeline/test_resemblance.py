"""How far a drawn surface shows the detail of a photo: light and focus count for nothing."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from texsr.pipeline.capture import Photo
from texsr.pipeline.color import to_integer
from texsr.pipeline.resample import resize
from texsr.pipeline.resemblance import correlations, held_out_score

SIDE = 120
Y, X = np.mgrid[0:SIDE, 0:SIDE]
SILHOUETTE = (Y - 60) ** 2 + (X - 66) ** 2 < 45**2
SHADING = (0.3 + X / (2.0 * SIDE)).astype(np.float32)[..., None]


def detail(seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).random((SIDE, SIDE, 3), dtype=np.float32)


def photo_of(surface: np.ndarray, sigma: float = 0.0) -> Photo:
    """Photograph a surface in front of something else, out of focus by so much."""
    seen = np.where(SILHOUETTE[..., None], 0.3 * surface + SHADING, detail(seed=6))
    blurred = gaussian_filter(seen, (sigma, sigma, 0))
    color = to_integer(blurred, np.dtype(np.uint8))
    return Photo(color=color, valid=np.ones((SIDE, SIDE), bool))


def softened(surface: np.ndarray) -> np.ndarray:
    return resize(resize(surface, height=SIDE // 4, width=SIDE // 4), height=SIDE, width=SIDE)


def test_detail_counts_and_shading_does_not():
    surface = np.where(SILHOUETTE[..., None], detail(), np.float32(0))
    photo = photo_of(detail())
    assert held_out_score(photo, surface, SILHOUETTE) > 0.97
    assert held_out_score(photo, softened(surface), SILHOUETTE) < 0.6


def test_nothing_to_compare_scores_nothing():
    photo = photo_of(detail())
    assert held_out_score(photo, np.zeros((SIDE, SIDE, 3), np.float32), SILHOUETTE) == 0.0
    flat = np.full((SIDE, SIDE, 3), 0.4, np.float32)
    assert held_out_score(photo, flat, SILHOUETTE) == 0.0
    assert held_out_score(photo, detail(), np.zeros((SIDE, SIDE), bool)) == 0.0
    assert held_out_score(photo, detail(), (Y < 15) & (X < 15)) == 0.0  # eroded to nothing


@pytest.mark.parametrize("sigma", [0.0, 0.7, 1.4, 2.8])
def test_the_truth_resembles_a_photo_most_however_far_it_is_out_of_focus(sigma):
    truth = gaussian_filter(detail(), (0.6, 0.6, 0))
    noisy = truth + 0.15 * (detail(seed=7) - 0.5)
    photo = photo_of(truth, sigma)
    score, rough, soft = (
        held_out_score(photo, one.astype(np.float32), SILHOUETTE)
        for one in (truth, noisy, softened(truth))
    )
    assert score > max(rough, soft)


def test_a_photo_out_of_focus_is_met_at_its_own_blur():
    found = correlations(photo_of(detail(), 1.4), detail(), SILHOUETTE)
    assert max(found, key=lambda sigma: found[sigma]) == 1.4
    assert found[1.4] > found[0.0] + 0.2


def test_what_lies_outside_the_silhouette_does_not_matter():
    photo, surface = photo_of(detail()), detail()
    other = np.where(SILHOUETTE[..., None], surface, detail(seed=9))
    assert held_out_score(photo, other, SILHOUETTE) == held_out_score(photo, surface, SILHOUETTE)


def test_how_much_lies_around_does_not_matter():
    scores: list[float] = []
    for margin in (40, 100):
        sides = ((margin, margin), (margin, margin))
        color = np.pad(photo_of(detail(), 1.0).color, (*sides, (0, 0)), mode="reflect")
        photo = Photo(color=color, valid=np.ones(color.shape[:2], bool))
        rendered = np.pad(detail(), (*sides, (0, 0)))
        scores.append(held_out_score(photo, rendered, np.pad(SILHOUETTE, sides)))
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)
    assert scores[0] > 0.5
