"""Spectra of noise whose answer is known by its formula."""

import numpy as np
import pytest

from texsr.pipeline.spectrum import compare_spectra

SIDE = 384


@pytest.fixture
def noise(rng) -> np.ndarray:
    """White noise: the same power at every frequency."""
    return rng.normal(128.0, 20.0, (SIDE, SIDE)).astype(np.float32)


def everywhere(plane: np.ndarray) -> np.ndarray:
    return np.ones(plane.shape, bool)


def filtered(plane: np.ndarray, transfer) -> np.ndarray:
    """Multiply the spectrum by a function of frequency, in shares of Nyquist."""
    y, x = (np.fft.fftfreq(n) * 2 for n in plane.shape)
    response = transfer(np.hypot(y[:, None], x[None]))
    return np.fft.ifft2(np.fft.fft2(plane) * response).real.astype(np.float32)


@pytest.mark.parametrize("sigma_tx", [0.7, 1.0, 2.0])
def test_gaussian_blur_ends_where_its_transfer_leaves_half_the_detail(noise, sigma_tx):
    blurred = filtered(noise, lambda f: np.exp(-((np.pi * f / 2 * sigma_tx) ** 2) * 2))
    spectra = compare_spectra(blurred, noise, everywhere(noise))
    # 1 - (1 - H)² = 1/2 at H = 1 - sqrt(1/2), and H(f) = exp(-2 (pi f sigma)²), f in cycles.
    cycles = np.sqrt(-np.log(1 - np.sqrt(0.5)) / 2) / (np.pi * sigma_tx)
    assert spectra.resolution == pytest.approx(2 * cycles, rel=0.04)
    assert spectra.coherent > spectra.resolution  # a filter could undo the blur
    near = np.abs(spectra.frequency - 0.25).argmin()
    expected = np.exp(-4 * (np.pi * spectra.frequency[near] / 2 * sigma_tx) ** 2)
    assert spectra.power_ratio[near] == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("cutoff", [0.25, 0.5, 0.8])
def test_invented_detail_does_not_count(noise, rng, cutoff):
    other = rng.normal(128.0, 20.0, noise.shape).astype(np.float32)
    mixed = filtered(noise, lambda f: f <= cutoff) + filtered(other, lambda f: f > cutoff)
    spectra = compare_spectra(mixed, noise, everywhere(noise))
    assert spectra.resolution == pytest.approx(cutoff, abs=0.03)
    assert spectra.coherent == pytest.approx(cutoff, abs=0.03)
    beyond = spectra.frequency > cutoff + 0.1
    np.testing.assert_allclose(spectra.explained[beyond], -1.0, atol=0.2)
    np.testing.assert_allclose(spectra.power_ratio[beyond], 1.0, atol=0.1)
    np.testing.assert_allclose(spectra.coherence[beyond], 0.0, atol=0.02)


def test_noise_costs_what_its_power_says(noise, rng):
    for share in (0.3, 0.7):
        noisy = noise + rng.normal(0.0, 20.0 * np.sqrt(share), noise.shape).astype(np.float32)
        spectra = compare_spectra(noisy, noise, everywhere(noise))
        assert spectra.explained.mean() == pytest.approx(1 - share, abs=0.03)
        assert spectra.coherence.mean() == pytest.approx(1 / (1 + share), abs=0.02)
        assert (spectra.resolution == 1.0) == (share < 0.5)


def test_the_best_contrast_makes_explained_the_coherence(noise, rng):
    noisy = noise + rng.normal(0.0, 20.0, noise.shape).astype(np.float32)
    spectra = compare_spectra((noisy * 0.5).astype(np.float32), noise, everywhere(noise))
    np.testing.assert_allclose(spectra.explained, spectra.coherence, atol=0.02)


def test_a_copy_is_sharp_to_nyquist_whatever_its_content_and_offset(noise):
    for plane in (noise, np.full_like(noise, 7.0), filtered(noise, lambda f: f < 0.3)):
        spectra = compare_spectra(plane, plane, everywhere(plane))
        assert spectra.resolution == spectra.coherent == 1.0
    shifted = compare_spectra(noise + np.float32(30), noise, everywhere(noise))
    assert shifted.resolution == 1.0


def test_a_flat_image_shows_nothing(noise):
    flat = compare_spectra(np.full_like(noise, 128.0), noise, everywhere(noise))
    assert flat.resolution == flat.coherent == 0.0
    invented = compare_spectra(noise, np.full_like(noise, 128.0), everywhere(noise))
    assert invented.resolution == invented.coherent == 0.0


def test_contrast_counts_for_resolution_and_not_for_coherence(noise):
    dim = compare_spectra(((noise - 128) * 0.2).astype(np.float32), noise, everywhere(noise))
    assert dim.coherent == 1.0
    assert dim.resolution == 0.0  # 1 - 0.8² of the detail is less than half


def test_only_windows_inside_the_mask_are_looked_at(noise, rng):
    mask = np.zeros(noise.shape, bool)
    mask[37:331, 50:300] = True
    other = np.where(mask, noise, rng.normal(0.0, 99.0, noise.shape)).astype(np.float32)
    inside = compare_spectra(other, noise, mask)
    assert inside.resolution == 1.0
    assert compare_spectra(other, noise, everywhere(noise)).resolution < 1.0
    hole = mask.copy()
    hole[180, 170] = False
    assert compare_spectra(noise, noise, hole).num_windows < inside.num_windows


def test_smaller_windows_serve_small_charts_and_too_small_ones_none(noise):
    y, x = np.indices(noise.shape) % 48
    strips = (y < 24) & (x < 24)
    blurred = filtered(noise, lambda f: f <= 0.5)
    spectra = compare_spectra(blurred, noise, strips)
    assert spectra.frequency[0] == 2 / 8
    assert spectra.resolution == pytest.approx(0.5, abs=0.1)
    assert compare_spectra(noise, noise, (y < 12) & (x < 12)) is None
    assert compare_spectra(noise[:9], noise[:9], everywhere(noise[:9])) is None
