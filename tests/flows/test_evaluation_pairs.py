"""Evaluations of pictures with references, measured as the field does."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.evaluations import PLAIN, answer, call, figures
from texsr.models.perceptual import CONVOLUTIONS
from texsr.pipeline.stages.measure import measure


def test_pairs_are_measured_as_the_field_does(scenes, smfanet):
    facts = answer("--pairs", scenes, *PLAIN, "--smfanet", smfanet)
    found = figures(facts)
    assert [name for name, _ in found][::3] == ["001", "002"]
    truth = np.asarray(Image.open(scenes / "001_0.png"))[:48, :60]
    low = Image.fromarray(truth).resize((15, 12), Image.Resampling.BICUBIC)
    high = np.asarray(low.resize((60, 48), Image.Resampling.BICUBIC))
    expected = measure(high, truth, np.ones((48, 60), bool)).result
    bicubic = found["001", "bicubic"]
    assert bicubic["crop_0"]["psnr_y"] == expected.psnr_y
    assert bicubic["inside"] is bicubic["seam_error"] is None
    assert found["001", "projection"]["crop_0"]["psnr_y"] > expected.psnr_y
    assert "References that nothing aligns were given to none of these." in facts["notes"]
    said = call("--pairs", scenes).stdout
    assert "## Mean of 2" in said
    assert "## PSNR-Y, crop 0 of each" in said
    assert "seam error" not in said


@pytest.fixture
def printed(tmp_path, rng) -> Path:
    """A picture of fine print, and two others of which one shows the same, elsewhere."""
    root = tmp_path / "printed"
    root.mkdir()
    print_, other = (
        np.kron(rng.integers(0, 2, (60, 60)), np.ones((2, 2), int)).astype(np.uint8) * 200
        for _ in range(2)
    )
    for number, shown in enumerate((print_[:64, :64], other, print_)):
        Image.fromarray(shown).convert("RGB").save(root / f"001_{number}.png")
    return root


def test_references_of_pairs_go_to_models_that_search_them(printed):
    facts = answer("--pairs", printed, "--model", "fast", "--ablations")
    psnr = {name: one["crop_0"]["psnr_y"] for (_, name), one in figures(facts).items()}
    counted = [f"fast, K = {count}" for count in (1, 2, 4, 8)]
    assert list(psnr) == ["bicubic", "projection", "fast", "fast, no references", *counted]
    assert psnr["fast"] == psnr["fast, K = 2"] == psnr["fast, K = 8"]
    assert psnr["fast, K = 1"] == pytest.approx(psnr["fast, no references"], abs=0.1)
    assert psnr["fast"] > psnr["fast, K = 1"] + 1.0
    assert "References that nothing aligns were given to fast." in facts["notes"]


def test_the_published_figures_of_a_known_scene(shared):
    weights = shared / "weights" / "smfanet_plus" / "x4.safetensors"
    found = figures(
        answer("--pairs", shared / "benchmarks/CUFED5_sample/test", "--smfanet", weights)
    )
    for method, known in {
        "bicubic": (22.379, 0.6476, 22.309, 0.6394),
        "SMFANet+": (23.287, 0.7189, 23.155, 0.7116),
    }.items():
        crops = [found["001", method][crop] for crop in ("crop_0", "crop_4")]
        told = [score[field] for score in crops for field in ("psnr_y", "ssim_y")]
        assert told == pytest.approx(known, abs=6e-4)


def test_lpips_is_a_column_where_its_weights_are_given(scenes, tmp_path):
    torch.manual_seed(0)
    state = {}
    for layer, (number, (into, out, side, *_)) in enumerate(CONVOLUTIONS.items()):
        prefix = f"net.slice{layer + 1}.{number}"
        state[f"{prefix}.weight"] = torch.randn(out, into, side, side) / side**2
        state[f"{prefix}.bias"] = torch.zeros(out)
        state[f"lin{layer}.model.1.weight"] = torch.rand(1, out, 1, 1)
    save_file(state, tmp_path / "alex.safetensors")
    facts = answer("--pairs", scenes, "--lpips", tmp_path / "alex.safetensors")
    assert all(one["lpips"] > 0.0 for one in figures(facts).values())
    assert f"LPIPS by {tmp_path / 'alex.safetensors'}" in facts["notes"]
