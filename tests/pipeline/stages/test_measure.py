"""Scores against oracles, published figures and analytic surfaces."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.scenes import Shape, make_scene, render_atlas, waves
from texsr.pipeline.color import luma, to_float, to_integer
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.resample import resize
from texsr.pipeline.stages import measure as module
from texsr.pipeline.stages.measure import (
    luma_error,
    measure,
    measure_protocols,
    seam_error,
    spearman,
    ssim_map,
)

SIMULATED = Path(__file__).parents[4] / "shared" / "data" / "captures" / "simulated"


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def stored(color: np.ndarray, dtype: type = np.uint8) -> np.ndarray:
    return to_integer(color.astype(np.float32), np.dtype(dtype))


@pytest.mark.parametrize(
    ("name", "psnr_y", "ssim_y"), [("poker_d07", 26.81, 0.8404), ("tea_d07", 34.81, 0.8942)]
)
def test_bicubic_reproduces_the_published_figures(name, psnr_y, ssim_y):
    folder = SIMULATED / name
    if not folder.is_dir():
        pytest.skip(f"no validation capture at {folder}")
    low, truth, mask = (
        np.asarray(Image.open(folder / path).convert(mode))
        for path, mode in [
            ("capture/atlas.png", "RGB"),
            ("truth/atlas.png", "RGB"),
            ("truth/mask.png", "L"),
        ]
    )
    scores = measure(truth, truth, mask > 127, low=low)
    assert scores.bicubic.psnr_y == pytest.approx(psnr_y, abs=0.01)
    assert scores.bicubic.ssim_y == pytest.approx(ssim_y, abs=1e-4)
    assert scores.result.psnr_y == np.inf
    assert scores.result.ssim_y == pytest.approx(1.0)


def test_psnr_counts_masked_texels_only_and_ignores_alpha():
    truth = noise(40, 30, 4)
    high = truth.copy()
    mask = np.zeros((40, 30), bool)
    mask[5:20, 5:20] = True
    high[~mask] = 255 - high[~mask]
    high[..., 3] = 0
    assert measure(high, truth, mask).result.psnr_y == np.inf
    high[10, 10, :3] = truth[10, 10, :3] ^ 64
    before, after = (luma(to_float(image[10, 10:11, :3])) for image in (truth, high))
    squared = float((after[0] - before[0]) ** 2)
    expected = 10 * np.log10(255.0**2 / (squared / mask.sum()))
    assert measure(high, truth, mask).result.psnr_y == pytest.approx(expected, abs=1e-4)


def test_sixteen_bits_are_rounded_to_eight_before_scoring():
    truth = noise(20, 20, 3)
    fine = truth.astype(np.uint16) * 257 + np.uint16(100) * (truth < 255)
    assert measure(fine, truth, np.ones((20, 20), bool)).result.psnr_y == np.inf


def test_ssim_map_agrees_with_torchmetrics():
    metrics = pytest.importorskip("torchmetrics.functional.image")
    torch = pytest.importorskip("torch")
    a, b = (luma(to_float(noise(33, 47, 3, seed=seed))).astype(np.float64) for seed in (0, 1))
    b = 0.7 * a + 0.3 * b
    _, full = metrics.structural_similarity_index_measure(
        torch.from_numpy(a)[None, None],
        torch.from_numpy(b)[None, None],
        sigma=1.5,
        kernel_size=11,
        data_range=255.0,
        return_full_image=True,
    )
    inner = (slice(6, -6), slice(6, -6))
    np.testing.assert_allclose(ssim_map(a, b)[inner], full[0, 0].numpy()[inner], atol=1e-6)


def test_bands_change_nothing(monkeypatch):
    low = noise(30, 20, 3)
    truth = noise(120, 80, 3, seed=1)
    mask = noise(120, 80, seed=2) > 99
    high = stored(resize(to_float(truth[::2, ::2]), height=120, width=80))
    whole = measure(high, truth, mask, low=low)
    monkeypatch.setattr(module, "BAND_TEXELS", 80 * 17)
    banded = measure(high, truth, mask, low=low)
    assert banded.num_texels == whole.num_texels == mask.sum()
    for a, b in [(banded.result, whole.result), (banded.bicubic, whole.bicubic)]:
        assert a.psnr_y == pytest.approx(b.psnr_y, abs=1e-9)
        assert a.ssim_y == pytest.approx(b.ssim_y, abs=1e-9)
    assert banded.gain_db == pytest.approx(whole.result.psnr_y - whole.bicubic.psnr_y, abs=1e-9)


def test_bad_sizes_and_empty_masks_are_named():
    image = noise(8, 8, 3)
    with pytest.raises(CaptureError, match="8 x 8 texels, a truth of 9 x 8"):
        measure(image, noise(8, 9, 3), np.ones((8, 9), bool))
    with pytest.raises(CaptureError, match="without a white texel"):
        measure(image, image, np.zeros((8, 8), bool))


@pytest.mark.parametrize("shape", [Shape.CUBE, Shape.SPHERE])
def test_seam_error_vanishes_on_a_function_of_position_and_grows_with_an_offset_chart(shape):
    scene = make_scene(shape, low_tx=48, scale=4, cameras=[], color_of=waves(cycles_per_unit=0.3))
    surface = scene.surface
    exact = stored(scene.truth, np.uint16)
    assert seam_error(surface, 0, exact) < 0.05
    mesh, charts = surface.mesh, surface.charts
    first = charts.chart_id == 0
    only_first = replace(
        charts,
        uv_faces=charts.uv_faces[first],
        chart_id=charts.chart_id[first],
        material_id=charts.material_id[first],
    )
    near_first = render_atlas(
        mesh,
        only_first,
        lambda points: np.ones((len(points), 3), np.float32),
        size_tx=len(scene.truth),
        gutter_tx=3,
    )[0]
    offset = stored(scene.truth + 0.1 * near_first, np.uint16)
    num_around = 4 / 12  # a cube's face has four of its twelve edges
    expected = 0.1 * 255 * num_around
    assert seam_error(surface, 0, offset) == pytest.approx(expected, rel=0.1)


def test_seam_error_of_a_surface_without_seams_is_zero():
    scene = make_scene(Shape.PLANE, low_tx=16, cameras=[])
    assert seam_error(scene.surface, 0, noise(64, 64, 3)) == 0.0


def test_seam_error_ignores_how_vertices_are_split_at_seams():
    scene = make_scene(Shape.CUBE, low_tx=16, cameras=[])
    mesh = scene.surface.mesh
    split = replace(
        mesh,
        vertices=mesh.vertices[mesh.faces.reshape(-1)],
        faces=np.arange(mesh.faces.size, dtype=np.int32).reshape(-1, 3),
    )
    image = noise(64, 64, 3)
    expected = seam_error(scene.surface, 0, image)
    assert expected > 1.0
    assert seam_error(replace(scene.surface, mesh=split), 0, image) == pytest.approx(expected)


def test_spearman_ranks_within_the_mask():
    rng = np.random.default_rng(0)
    error = rng.random((50, 50), dtype=np.float32)
    mask = rng.random((50, 50)) < 0.5
    confidence = stored(np.where(mask, 1.0 - error**3, error))
    assert spearman(confidence, error, mask) > 0.98
    assert spearman(255 - confidence, error, mask) < -0.98
    assert spearman(np.full_like(confidence, 7), error, mask) == 0.0
    assert abs(spearman(noise(50, 50), error, mask)) < 0.15


def test_luma_error_is_the_difference_of_luma():
    a, b = noise(30, 20, 3), noise(30, 20, 3, seed=4)
    expected = np.abs(luma(to_float(a)) - luma(to_float(b)))
    np.testing.assert_allclose(luma_error(a, b), expected, atol=1e-3)


def test_protocols_reproduce_the_published_bicubic(shared):
    """SRNTT's own Bicubic.png of this scene scores 22.379 dB / 0.6476; cropped by 4, 22.309."""
    truth = np.asarray(Image.open(shared / "benchmarks/CUFED5_sample/test/001_0.png"))[:332, :500]
    small = Image.fromarray(truth).resize((125, 83), Image.Resampling.BICUBIC)
    bicubic = np.asarray(small.resize((500, 332), Image.Resampling.BICUBIC))
    scores = measure_protocols(bicubic, truth)
    assert scores.inside is None
    for score, psnr_y, ssim_y in [
        (scores.crop_0, 22.379, 0.6476),
        (scores.crop_4, 22.309, 0.6394),
    ]:
        assert score.psnr_y == pytest.approx(psnr_y, abs=6e-4)
        assert score.ssim_y == pytest.approx(ssim_y, abs=6e-5)


def test_protocols_agree_with_torchmetrics_and_with_the_rule_for_atlases(monkeypatch):
    metrics = pytest.importorskip("torchmetrics.functional.image")
    torch = pytest.importorskip("torch")
    truth, other = noise(70, 50, 3), noise(70, 50, 3, seed=1)
    high = stored(0.7 * to_float(truth) + 0.3 * to_float(other))
    mask = noise(70, 50, seed=2) > 99
    monkeypatch.setattr(module, "BAND_TEXELS", 50 * 17)
    scores = measure_protocols(high, truth, mask)
    whole = measure(high, truth, mask).result
    assert (scores.inside.psnr_y, scores.inside.ssim_y) == (whole.psnr_y, whole.ssim_y)
    high = np.where(mask[..., None], high, truth)  # off the mask nothing is judged
    for crop, score in [(0, scores.crop_0), (4, scores.crop_4)]:
        kept = (slice(crop, 70 - crop), slice(crop, 50 - crop))
        a, b = (
            torch.from_numpy(luma(to_float(image))[kept].astype(np.float64))[None, None]
            for image in (high, truth)
        )
        assert score.psnr_y == pytest.approx(
            float(metrics.peak_signal_noise_ratio(a, b, data_range=255.0)), abs=1e-4
        )
        _, full = metrics.structural_similarity_index_measure(
            a, b, sigma=1.5, kernel_size=11, data_range=255.0, return_full_image=True
        )
        valid = full[0, 0, 5:-5, 5:-5]
        assert score.ssim_y == pytest.approx(float(valid.mean()), abs=1e-5)


def test_protocols_name_sizes_empty_masks_and_what_is_too_small_to_crop():
    image = noise(19, 40, 3)
    assert measure_protocols(image, image).crop_4.psnr_y == np.inf
    with pytest.raises(CaptureError, match="40 x 19 texels, a truth of 40 x 20"):
        measure_protocols(image, noise(20, 40, 3))
    with pytest.raises(CaptureError, match="without a white texel"):
        measure_protocols(image, image, np.zeros((19, 40), bool))
    with pytest.raises(CaptureError, match="40 x 18 texels"):
        measure_protocols(image[:18], image[:18])
