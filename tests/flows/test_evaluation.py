"""Evaluations of small captures, from the command line on."""

import json
import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch.nn import functional

from tests.evaluations import PLAIN, answer, call, figures
from tests.scene_cameras import orbit
from tests.scene_files import write_scene, write_truth
from tests.scenes import Shape, make_scene, waves
from texsr.flows.ablations import PARTS, ablations
from texsr.flows.cost import metered
from texsr.flows.evaluation import Evaluation, Row
from texsr.flows.evaluation_table import as_json, markdown
from texsr.flows.figures import Figures
from texsr.flows.methods import Sharpening
from texsr.models.bicubic import Bicubic
from texsr.models.smfanet import Smfanet
from texsr.pipeline.stages.measure import Score, measure


@pytest.fixture(scope="module")
def cube():
    return make_scene(
        Shape.CUBE,
        low_tx=32,
        cameras=orbit(6, size_px=160),
        color_of=waves(cycles_per_unit=7.0, num_waves=40, contrast=2.0),
    )


@pytest.fixture(scope="module")
def trial(cube, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("trials") / "cube"
    write_scene(cube, root / "capture")
    write_truth(cube, root / "truth")
    return root


def test_every_method_is_measured_alike(trial, cube, smfanet, tmp_path):
    facts = answer(trial, *PLAIN, "--smfanet", smfanet, "--out", tmp_path / "out")
    assert facts["status"] == "done"
    found = figures(facts)
    assert [method for _, method in found] == ["bicubic", "SMFANet+", "projection"]
    bicubic, projection = found["cube", "bicubic"], found["cube", "projection"]
    truth = np.asarray(Image.open(trial / "truth" / "atlas.png"))
    low = cube.surface.atlases[0].stored
    expected = measure(truth, truth, cube.covered, low=low).bicubic
    assert bicubic["inside"]["psnr_y"] == expected.psnr_y
    assert bicubic["confidence"] is None
    assert projection["inside"]["psnr_y"] > bicubic["inside"]["psnr_y"] + 1.0
    assert projection["seam_error"] < bicubic["seam_error"]
    assert projection["resolution"] > bicubic["resolution"] + 0.1
    for one in found.values():
        assert 0.0 < one["seconds"] < 60.0
        assert one["gpu_mb"] is one["lpips"] is one["held_out"] is None
    high = np.asarray(Image.open(tmp_path / "out" / "pictures" / "cube" / "projection.png"))
    assert measure(high, truth, cube.covered).result.psnr_y == projection["inside"]["psnr_y"]
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text())["rows"] == facts["rows"]
    assert "| projection |" in (tmp_path / "out" / "evaluation.md").read_text()


def test_a_page_is_printed_that_says_what_its_columns_mean_and_what_is_left_out(trial):
    said = call(trial, "--model", "bicubic").stdout
    assert "## cube" in said
    assert "| method | PSNR-Y | SSIM-Y | PSNR-Y, crop 0 |" in said
    assert "resolution: share of Nyquist" in said
    assert "LPIPS is left out" in said
    assert "| bicubic |" in said
    assert "held-out" not in said


def test_one_bad_capture_or_method_costs_no_other(trial, cube, smfanet, tmp_path):
    shutil.copytree(trial, tmp_path / "folder" / "good")
    bad = shutil.copytree(trial, tmp_path / "folder" / "bad")
    Image.new("RGB", (33, 33)).save(bad / "truth" / "atlas.png")
    torch.manual_seed(0)
    double = tmp_path / "x2.safetensors"
    save_file(Smfanet(2, width=8).state_dict(), double)
    facts = answer(tmp_path / "folder", "--smfanet", double, "--model", "projection", code=3)
    assert facts["status"] == "partly"
    faults = {(row["subject"], row["method"]): row["fault"] for row in facts["rows"]}
    assert "33 x 33 texels over an atlas of 32 x 32" in faults["bad", None]
    assert "found a network for x2; expected one for x4" in faults["good", "SMFANet+"]
    assert faults["good", "projection"] is None
    said = call(bad, tmp_path / "nowhere", "--model", "projection", code=1).stdout
    assert said.count("**failed**") == 2
    assert "found no capture; expected capture/" in said


def test_held_out_photos_are_used_by_none_and_compared_with_all(trial):
    facts = answer(trial, *PLAIN, "--held-out", "000.png", "--held-out", "001.png")
    found = figures(facts)
    whole = figures(answer(trial, *PLAIN))
    used = {name: one["inside"]["psnr_y"] for (_, name), one in found.items()}
    assert used["bicubic"] == whole["cube", "bicubic"]["inside"]["psnr_y"]
    assert used["projection"] < whole["cube", "projection"]["inside"]["psnr_y"]
    bicubic, projection = (found["cube", name]["held_out"] for name in used)
    assert 0.0 < bicubic["correlation"] < projection["correlation"] < 1.0
    assert 0.0 < bicubic["resolution"] <= projection["resolution"] <= 1.0
    noted = answer(trial, "--held-out", "nothing.png")
    assert "cube has no photo that --held-out names." in noted["notes"]


def test_ablations_take_photos_away(trial):
    facts = answer(trial, "--model", "projection", "--ablations")
    psnr = {name: one["inside"]["psnr_y"] for (_, name), one in figures(facts).items()}
    names = ["projection", "projection, no references"]
    names += [f"projection, K = {count}" for count in (1, 2, 4, 8)]
    assert list(psnr) == ["bicubic", *names]
    assert psnr["projection, no references"] < psnr["projection, K = 1"] <= psnr["projection"]
    assert psnr["projection, K = 8"] == pytest.approx(psnr["projection"], abs=0.2)  # of six photos
    assert "projection has no parts that can be left out." in facts["notes"]


def test_parts_are_left_out_of_upscalers_that_can_and_counts_may_exceed_what_they_like():
    class Parted(SimpleNamespace):
        def ablated(self, name: str) -> Bicubic:
            left_out.append(name)
            return Bicubic()

    left_out: list[str] = []
    fields = {name: getattr(Bicubic, name) for name in ("fitted", "bytes_per_texel")}
    upscaler = Parted(name="fast", scales=(4,), overlap_tx=4, max_references=4, **fields)
    upscaler_class = type("Callable", (Parted,), {"__call__": Bicubic.__call__})
    made = ablations(
        Sharpening(name="fast", upscaler=upscaler_class(**vars(upscaler)), device="cpu")
    )
    assert left_out == list(PARTS)
    assert [one.upscaler.max_references for one in made] == [None] * 5 + [0] * 3
    assert ablations(Sharpening(name="bicubic", upscaler=Bicubic(), device="cpu")) == []
    assert [(one.name, one.references) for one in made] == [
        ("fast, no references", 0),
        ("fast, K = 1", 1),
        ("fast, K = 2", 2),
        ("fast, K = 4", 4),
        ("fast, K = 8", 8),
        ("fast, no geometry", None),
        ("fast, no attention", None),
        ("fast, no parts", None),
    ]


def test_models_that_search_are_also_shown_crops(trial):
    facts = answer(trial, "--model", "fast", "--cropped")
    psnr = {name: one["inside"]["psnr_y"] for (_, name), one in figures(facts).items()}
    assert list(psnr) == ["bicubic", "projection", "fast", "fast, cropped"]
    assert psnr["bicubic"] < psnr["fast, cropped"] < psnr["fast"]
    assert "projection searches no photos: it has no row with crops." in facts["notes"]


def test_options_that_make_no_sense_are_bad_usage(trial, scenes, tmp_path):
    for words, text in {
        (): "found nothing to evaluate on",
        (trial, "--pairs", scenes): "found captures and --pairs",
        ("--pairs", scenes, "--cropped"): "found --cropped with --pairs",
        ("--pairs", scenes, "--held-out", "x"): "found --held-out with --pairs",
        (trial, "--model", "nonesuch"): "found 'nonesuch'",
        (trial, "--smfanet", tmp_path / "none"): "--smfanet: found no file",
        (trial, "--smfanet", __file__): "expected SMFANet+'s weights",
        (trial, "--lpips", __file__): "--lpips: found",
        (trial, "--out", scenes): "found something that no evaluation wrote",
    }.items():
        assert text in call(*words, code=2).stderr, words
    assert sorted(path.name for path in scenes.iterdir())[0] == "001_0.png"


class NearestNetwork:
    """What spandrel gives, as far as we ask of it."""

    scale, input_channels, output_channels = 4, 3, 3

    def eval(self) -> "NearestNetwork":
        return self

    def __call__(self, low: torch.Tensor) -> torch.Tensor:
        return functional.interpolate(low, scale_factor=4.0, mode="nearest")


@pytest.fixture
def spandrel(monkeypatch) -> type[NearestNetwork]:
    """Stand in for the library: every file is a network that repeats pixels."""
    network = type("Network", (NearestNetwork,), {})
    module = ModuleType("spandrel")
    loader = SimpleNamespace(load_from_file=lambda path: network())
    module.ModelLoader = lambda device: loader
    monkeypatch.setitem(sys.modules, "spandrel", module)
    return network


def test_any_network_that_spandrel_knows_takes_part(trial, cube, spandrel, tmp_path):
    for name in ("nearest.safetensors", "near.pth"):
        (tmp_path / name).write_bytes(b"weights")
    safe, pickle = tmp_path / "nearest.safetensors", tmp_path / "near.pth"
    found = figures(answer(trial, "--spandrel", safe, "--spandrel", pickle, "--allow-pickle"))
    low = cube.surface.atlases[0].stored
    truth = np.asarray(Image.open(trial / "truth" / "atlas.png"))
    repeated = low.repeat(4, axis=0).repeat(4, axis=1)
    expected = measure(repeated, truth, cube.covered).result.psnr_y
    for name in ("nearest", "near"):
        assert found["cube", name]["inside"]["psnr_y"] == pytest.approx(expected)
    refused = call(trial, "--spandrel", pickle, code=2).stderr
    assert "a pickle, which can run code" in refused
    twice = call(trial, "--spandrel", safe, "--spandrel", safe, code=2).stderr
    assert "two methods called 'nearest'" in twice
    spandrel.input_channels = 1
    assert "of 1 channels" in call(trial, "--spandrel", safe, code=2).stderr


def test_a_missing_library_is_named(trial, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "spandrel", None)
    (tmp_path / "x.safetensors").write_bytes(b"weights")
    said = call(trial, "--spandrel", tmp_path / "x.safetensors", code=2).stderr
    assert "pip install spandrel" in said


def figures_of(psnr_y: float, **other: float) -> Figures:
    score = Score(psnr_y=psnr_y, ssim_y=0.5)
    empty = dict.fromkeys(
        ("lpips", "seam_error", "resolution", "confidence", "held_out", "peak_mb", "gpu_mb")
    )
    return Figures(inside=score, crop_0=score, crop_4=score, seconds=1.0, **{**empty, **other})


def test_means_are_of_subjects_that_every_method_did():
    rows = [
        Row(subject="a", method="one", figures=figures_of(30.0)),
        Row(subject="a", method="t|wo", figures=figures_of(20.0, lpips=0.1)),
        Row(subject="b", method="one", figures=figures_of(40.0)),
        Row(subject="b", method="t|wo", figures=figures_of(float("inf"))),
        Row(subject="c", method="one", figures=figures_of(90.0)),
        Row(subject="c", method="t|wo", figures=None, fault="slipped"),
    ]
    found = Evaluation(device="cpu", rows=tuple(rows), notes=("a note",))
    page = markdown(found)
    assert "## Mean of 2\n" in page
    assert "| one | 35.00 |" in page
    assert "| t\\|wo | exact |" in page
    assert "| c | 90.00 |  |" in page
    assert "- **failed**: c, t|wo: slipped\n- a note" in page
    assert "LPIPS" in page
    assert "confidence" not in page
    assert found.status == "partly"
    assert as_json(found)["rows"][3]["figures"]["inside"]["psnr_y"] is None


def test_cost_sees_memory_come_and_go():
    with metered("cpu") as small:
        pass
    with metered("cpu") as large:
        np.ones(2**24)
    if small.peak_mb is None:
        pytest.skip("this system does not tell a process's peak")
    assert large.peak_mb > small.peak_mb + 100.0
    assert large.above_mb == pytest.approx(128.0, abs=16.0)
    with metered("cpu") as after:
        pass
    assert after.peak_mb < large.peak_mb - 100.0
    assert after.seconds < large.seconds
