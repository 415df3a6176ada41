"""How a name or a file becomes an upscaler, with a stand-in architecture of three weights."""

import hashlib
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from tests.stand_in_models import TinyUpscaler, made
from texsr.models import load_upscaler, names
from texsr.models.architectures import Kind, UnknownModelError, choose
from texsr.models.checkpoint import Checkpoint, CheckpointError, read_checkpoint, write_checkpoint
from texsr.models.configuration import configure
from texsr.models.networks import ARCHITECTURES
from texsr.models.resample import enlarge
from texsr.models.upscaler import Upscaler

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture
def shipped(tmp_path) -> Path:
    folder = tmp_path / "shipped"
    folder.mkdir()
    return folder


def test_auto_is_the_best_that_is_shipped_for_the_device(shipped):
    def auto(device: str) -> str:
        return choose("auto", device=device, shipped=shipped).name

    assert choose("auto").name == choose("auto", device="cuda").name == "projection"
    assert (auto("cpu"), auto("cuda")) == ("projection", "projection")
    write_checkpoint(shipped / "fast.safetensors", made())
    assert (auto("cpu"), auto("cuda"), auto("cuda:1")) == ("fast", "fast", "fast")
    write_checkpoint(shipped / "quality.safetensors", made())
    assert (auto("cpu"), auto("cuda"), auto("mps")) == ("fast", "quality", "fast")
    (shipped / "fast.safetensors").unlink()
    assert (auto("cpu"), auto("cuda")) == ("projection", "quality")


def test_shipped_checkpoints_are_known_by_name(shipped):
    write_checkpoint(shipped / "fast.safetensors", made())
    (shipped / "fast.md").write_text("# a card")
    assert names(shipped) == ("fast", "projection", "bicubic")
    assert names() == ("projection", "bicubic")
    chosen = choose("fast", shipped=shipped)
    assert (chosen.kind, chosen.path) == (Kind.SHIPPED, shipped / "fast.safetensors")
    assert load_upscaler("fast", shipped=shipped).name == "fast"
    assert choose("bicubic", shipped=shipped).kind is Kind.WEIGHTS_FREE


def test_a_folder_that_is_not_there_ships_nothing(tmp_path):
    assert names(tmp_path / "no folder") == names()
    assert choose("auto", shipped=tmp_path / "no folder").name == "projection"


def test_a_name_wins_over_a_file_and_a_path_over_a_name(shipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("fast", "auto", "projection"):
        write_checkpoint(tmp_path / name, made())
    write_checkpoint(shipped / "fast.safetensors", made())
    assert choose("fast", shipped=shipped).kind is Kind.SHIPPED
    for name in ("fast", "auto", "projection"):
        assert choose(f"./{name}", shipped=shipped).kind is Kind.FILE
        assert choose(Path(name), shipped=shipped).kind is Kind.FILE
    assert choose("fast").kind is Kind.FILE, "no such name, but such a file"


def test_a_file_is_called_by_its_name_and_content(tmp_path, monkeypatch):
    home = tmp_path / "mine.safetensors"
    write_checkpoint(home, made(0.5))
    digest = hashlib.sha256(home.read_bytes()).hexdigest()[:12]
    assert load_upscaler(str(home)).name == f"mine.safetensors ({digest})"
    assert load_upscaler(home).name == f"mine.safetensors ({digest})"
    write_checkpoint(home, made(0.25))
    assert digest not in load_upscaler(home).name
    monkeypatch.setenv("HOME", str(tmp_path))
    assert choose("~/mine.safetensors").path == home


@pytest.mark.parametrize("name", ["no.safetensors", "models/no", "no.pth", "~/no.SafeTensors"])
def test_what_looks_like_a_file_is_missed_as_a_file(name):
    with pytest.raises(CheckpointError, match="no such file"):
        load_upscaler(name)


@pytest.mark.parametrize("name", ["fast", "quality", "projektion", "Projection", "projection "])
def test_an_unknown_name_is_told_with_the_known_ones(name, shipped):
    write_checkpoint(shipped / "other.safetensors", made())
    with pytest.raises(UnknownModelError) as caught:
        load_upscaler(name, shipped=shipped)
    assert caught.value.name == name
    assert caught.value.known == ("auto", "other", "projection", "bicubic")


def test_a_checkpoint_upscales_as_its_network_did(tmp_path):
    write_checkpoint(tmp_path / "a.safetensors", made(0.5))
    upscaler = load_upscaler(tmp_path / "a.safetensors")
    assert isinstance(upscaler, Upscaler)
    low = torch.rand(1, 3, 5, 6)
    torch.testing.assert_close(upscaler(low, None, 2).high, enlarge(low, 2) * 0.5)


def test_everything_in_the_table_is_an_upscaler():
    for name in names():
        assert isinstance(load_upscaler(name), Upscaler)


def test_a_network_is_moved_to_the_device(tmp_path, monkeypatch):
    write_checkpoint(tmp_path / "a.safetensors", made())
    upscaler = load_upscaler(tmp_path / "a.safetensors", device="meta")
    assert isinstance(upscaler, TinyUpscaler)
    assert upscaler.network.gain.device.type == "meta"
    assert upscaler.network.mean.device.type == "meta"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_network_upscales_on_the_gpu(tmp_path):
    write_checkpoint(tmp_path / "a.safetensors", made())
    upscaler = load_upscaler(tmp_path / "a.safetensors", device="cuda")
    assert upscaler(torch.rand(1, 3, 4, 4, device="cuda"), None, 2).high.device.type == "cuda"


def test_the_default_network_comes_through_its_file(tmp_path):
    found = ARCHITECTURES["texsr"]()
    config = found.config()
    network = found.network(config)
    checkpoint = Checkpoint(
        architecture="texsr", config=asdict(config), weights=network.state_dict(), facts={}
    )
    write_checkpoint(tmp_path / "fast.safetensors", checkpoint, dtype=torch.float32)
    back = read_checkpoint(tmp_path / "fast.safetensors")
    assert configure(found.config, back.config, "x") == config
    upscaler = load_upscaler("fast", shipped=tmp_path)
    assert isinstance(upscaler, Upscaler)
    assert upscaler.name == "fast"
    low, scale = torch.rand(1, 3, 8, 9), upscaler.scales[0]
    expected = found.upscaler(network.eval(), "x")(low, None, scale)
    torch.testing.assert_close(upscaler(low, None, scale).high, expected.high)
