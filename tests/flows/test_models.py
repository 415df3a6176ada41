"""Models by name and file: chosen, run, listed, described; and results that see them change."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from tests.stand_in_models import FACTOR, FACTS, Factor, put_factor
from texsr.flows.cli import app
from texsr.flows.job import settle
from texsr.flows.manifest import read_manifest, stamp
from texsr.flows.model_choice import AUTOS, choose_device, shipped_content, shipped_folder
from texsr.flows.model_table import figures_line, model_table
from texsr.flows.run import run_job
from texsr.flows.settings import RunSettings
from texsr.flows.sharpen import build_upscaler, sharpen
from texsr.models.architectures import PREFERRED
from texsr.models.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from texsr.models.networks import ARCHITECTURES
from texsr.models.resample import enlarge
from texsr.pipeline.errors import DependencyError, SettingsError
from texsr.pipeline.stages.load import load_capture

MB = 1_000_000


@pytest.fixture(autouse=True)
def stand_in(monkeypatch) -> None:
    monkeypatch.setitem(ARCHITECTURES, "factor", lambda: FACTOR)


@pytest.fixture
def shipped(monkeypatch, tmp_path) -> Path:
    """A folder of shipped checkpoints, empty."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    for module in ("model_choice", "model_table", "sharpen"):
        monkeypatch.setattr(f"texsr.flows.{module}.shipped_folder", lambda: folder)
    return folder


def call(*words: object, code: int = 0) -> str:
    outcome = CliRunner().invoke(app, [str(word) for word in words])
    assert outcome.exit_code == code, outcome.output
    return outcome.stdout


def answer(*words: object, code: int = 0) -> dict[str, Any]:
    return json.loads(call(*words, "--json", code=code))


def test_auto_is_the_shipped_model_of_the_device(shipped):
    assert build_upscaler("auto", "cpu").name == "projection"
    put_factor(shipped / "fast.safetensors")
    put_factor(shipped / "quality.safetensors")
    assert build_upscaler("auto", "cpu").name == "fast"
    assert build_upscaler("quality", "cpu").name == "quality"


def test_auto_looks_at_the_device_that_auto_means(shipped, monkeypatch):
    put_factor(shipped / "fast.safetensors")
    put_factor(shipped / "quality.safetensors")
    moved: list[str] = []
    monkeypatch.setattr(Factor, "to", lambda network, device: moved.append(device) or network)
    for there in (True, False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert build_upscaler("auto").name == ("quality" if there else "fast")
    assert moved == ["cuda", "cpu"]


def test_a_device_that_is_not_there_is_told_before_the_model(shipped, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == "cpu"
    with pytest.raises(DependencyError, match="--device"):
        build_upscaler("no such", "cuda")


def test_an_unknown_name_is_told_with_the_known_ones_and_the_nearest(shipped):
    put_factor(shipped / "quality.safetensors")
    with pytest.raises(SettingsError) as caught:
        build_upscaler("qualty", "cpu")
    assert caught.value.where == "--model"
    assert caught.value.expected == "auto, quality, projection, bicubic, or a checkpoint file"
    assert "'quality'" in caught.value.remedy
    with pytest.raises(SettingsError) as caught:
        build_upscaler("xyz", "cpu")
    assert "did you mean" not in caught.value.remedy


def test_a_file_that_cannot_be_used_is_bad_input(shipped, capture, tmp_path):
    home = tmp_path / "bad.safetensors"
    home.write_bytes(b"no weights")
    for words in (["plan", capture, "--model", home], ["models", home]):
        facts = answer(*words, code=2)
        assert (facts["error"], facts["where"]) == ("SettingsError", str(home))
    put_factor(home)
    write_checkpoint(home, replace(read_checkpoint(home), architecture="other"))
    with pytest.raises(SettingsError, match="architecture 'other'"):
        build_upscaler(str(home), "cpu")


def test_a_checkpoint_file_makes_the_atlas_and_the_record_names_it(shipped, capture, tmp_path):
    home = put_factor(tmp_path / "dim.safetensors", 0.5)
    loaded = load_capture(capture)
    work = tmp_path / "work"
    work.mkdir()
    settings = RunSettings(model=str(home), device="cpu")
    done = sharpen(loaded, settings, work)
    assert done.record.model == f"dim.safetensors ({stamp(home).sha256[:12]})"
    level = done.provenance[0][..., 0]
    low = loaded.surface.atlases[0].color(loaded.surface.atlases[0].region)
    wanted = enlarge(torch.from_numpy(low).permute(2, 0, 1)[None], 4)[0].permute(1, 2, 0) * 0.5
    error = np.abs(done.textures[0][..., :3] / 255.0 - wanted.clamp(0, 1).numpy())
    assert (level > 0).any()
    assert np.quantile(error[level > 0], 0.9) < 3 / 255


@pytest.mark.parametrize("model", ["auto", "fast"])
def test_a_result_sees_a_change_of_what_is_shipped(shipped, capture, repeater, model):
    def fresh(asked: str = model) -> bool:
        return run_job(settle(capture, RunSettings(model=asked))).fresh

    put_factor(shipped / "fast.safetensors", 0.5)
    assert not fresh()
    assert fresh()
    put_factor(shipped / "fast.safetensors", 0.25)
    assert not fresh()
    assert fresh()
    put_factor(shipped / "quality.safetensors")
    assert fresh() is (model == "fast"), "auto may mean it"
    fresh()
    put_factor(shipped / "amrsr.safetensors")
    assert fresh(), "neither may mean that"
    assert set(AUTOS) == {name for names in PREFERRED.values() for name in names}
    manifest = read_manifest(capture / "texsr")
    assert manifest is not None
    assert manifest.options["shipped"] == shipped_content(model)
    assert set(shipped_content(model)) == ({"fast"} if model == "fast" else {"fast", "quality"})


def test_a_result_does_not_mind_where_the_package_lies(shipped, capture, repeater, monkeypatch):
    put_factor(shipped / "fast.safetensors", 0.5)
    run_job(settle(capture))
    moved = shipped.rename(shipped.with_name("elsewhere"))
    monkeypatch.setattr("texsr.flows.model_choice.shipped_folder", lambda: moved)
    assert run_job(settle(capture)).fresh


def test_what_is_shipped_says_nothing_of_other_models(shipped, capture, repeater):
    settings = RunSettings(model="projection")
    run_job(settle(capture, settings))
    put_factor(shipped / "fast.safetensors", 0.5)
    assert run_job(settle(capture, settings)).fresh
    assert shipped_content("projection") == shipped_content("./fast.safetensors") == {}


def test_models_are_listed_with_what_they_are(shipped, tmp_path):
    put_factor(shipped / "fast.safetensors")
    home = put_factor(tmp_path / "mine.safetensors")
    table = model_table([home])
    rows = {row.name: row for row in table.rows}
    assert list(rows) == ["fast", "projection", "bicubic", str(home)]
    assert (table.auto, table.device) == ("fast", "cpu")
    fast = rows["fast"]
    assert (fast.kind, rows[str(home)].kind) == ("shipped checkpoint", "file")
    assert (fast.parameters, fast.scales, fast.references) == (4, (2, 4), 3)
    assert fast.bytes == (shipped / "fast.safetensors").stat().st_size
    assert fast.sha256 == stamp(shipped / "fast.safetensors").sha256
    assert fast.figures == "+1.31 dB over the best of three"
    assert fast.facts == FACTS
    assert rows["projection"].references is None
    assert rows["bicubic"].references == 0
    assert rows["bicubic"].kind == "weights-free"
    assert all(row.about for row in table.rows)


def test_models_said_to_people_and_programs(shipped, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    put_factor(shipped / "fast.safetensors")
    facts = answer("models")
    assert (facts["status"], facts["auto"], facts["device"]) == ("done", "fast", "cpu")
    assert list(facts["models"]) == ["fast", "projection", "bicubic"]
    assert facts["models"]["fast"]["facts"] == FACTS
    lines = call("models").splitlines()
    assert lines[0].startswith("* fast        shipped checkpoint, 4 parameters in 0.0 MB; x2")
    assert lines[0].endswith("; x2, x4; up to 3 photos a place")
    assert lines[1].strip() == "A stand-in that multiplies."
    assert lines[2].strip() == "+1.31 dB over the best of three"
    assert [line[:12] for line in lines if line.startswith("*")] == ["* fast      ", lines[-1][:12]]
    assert "here (cpu)" in lines[-1]
    home = put_factor(tmp_path / "mine.safetensors")
    assert str(home) in call("models", home)


def test_auto_on_a_gpu_is_listed_without_loading_onto_it(shipped):
    put_factor(shipped / "fast.safetensors")
    put_factor(shipped / "quality.safetensors")
    assert model_table(device="cuda").auto == "quality"


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({}, ""),
        ({"figures": None}, ""),
        ({"figures": {"mean": 38.5, "gain": 1, "set": {"a": 2}, "note": "x"}}, "mean 38.5, gain 1"),
        ({"headline": " a\n b ", "figures": {"mean": 1}}, "a b"),
    ],
)
def test_one_line_of_figures(facts, line):
    assert figures_line(facts) == line


def test_what_is_shipped_is_whole_small_and_described(tmp_path):
    homes = sorted(shipped_folder().glob("*.safetensors"))
    seeds = {"amrsr", "masa", "rrsr", "ciaosr"}
    assert {home.stem for home in homes} <= {"fast", "quality", *seeds}
    assert sum(home.stat().st_size for home in homes if home.stem not in seeds) <= 10 * MB
    assert all(home.stat().st_size <= 3 * MB for home in homes if home.stem in seeds)
    for home in homes:
        assert build_upscaler(home.stem, "cpu").name == home.stem
        card = home.with_suffix(".md").read_text(encoding="utf-8")
        assert stamp(home).sha256 in card, "write the card again"
        assert figures_line(read_checkpoint(home).facts)


def test_freshness_is_told_without_loading_pytorch():
    program = (
        "import sys\n"
        "from texsr.flows import freshness, run\n"
        "from texsr.flows.model_choice import shipped_content\n"
        "shipped_content('auto')\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_default_network_runs_from_its_file(shipped, capture, tmp_path):
    made = ARCHITECTURES["texsr"]()
    config = made.config()
    write_checkpoint(
        shipped / "fast.safetensors",
        Checkpoint(
            architecture="texsr",
            config=asdict(config),
            weights=made.network(config).state_dict(),
            facts=FACTS,
        ),
    )
    table = answer("models")["models"]["fast"]
    assert table["scales"] == [*config.scales, 8]
    assert table["parameters"] > 10_000
    assert answer("plan", capture, "--model", "fast", "--scale", config.scales[0])["atlases"]
    work = tmp_path / "work"
    work.mkdir()
    settings = RunSettings(model="fast", device="cpu", scale=config.scales[0])
    done = sharpen(load_capture(capture), settings, work)
    assert done.record.model == "fast"
    assert int(done.textures[0].max()) > 0
