"""How a name or a file becomes an upscaler, with a stand-in architecture of three weights."""

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from texsr.models import load_upscaler, names
from texsr.models.architectures import Kind, UnknownModelError, build_network, choose
from texsr.models.checkpoint import Checkpoint, CheckpointError, read_checkpoint, write_checkpoint
from texsr.models.configuration import configure
from texsr.models.masa import MasaConfig
from texsr.models.networks import ARCHITECTURES, Architecture
from texsr.models.protocol import Upscaled
from texsr.models.resample import enlarge
from texsr.models.upscaler import Upscaler


@dataclass(frozen=True, slots=True, kw_only=True)
class TinyConfig:
    width: int
    gain: float = 1.0
    act: Literal["gelu", "relu"] = "gelu"
    norm: str | None = None
    residual: bool = True
    blocks: tuple[int, ...] = ()
    window: tuple[int, float] = (3, 0.5)

    def __post_init__(self) -> None:
        if self.width % 2:
            raise ValueError("width must be even")


class Tiny(nn.Module):
    def __init__(self, config: TinyConfig) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.rand(1, config.width, 1, 1))
        self.register_buffer("mean", torch.zeros(3))
        self.norm = nn.BatchNorm1d(1)


class TinyUpscaler:
    scales = (2, 4)
    overlap_tx = 0
    max_references: int | None = 0

    def __init__(self, network: Tiny, name: str) -> None:
        self.network, self.name = network, name

    def bytes_per_texel(self, num_references: int, scale: int) -> int:
        return 12

    def fitted(self, samples: object, scale: int) -> "TinyUpscaler":
        return self

    def __call__(self, low: Tensor, references: object, scale: int) -> Upscaled:
        high = enlarge(low, scale) * self.network.gain.mean()
        return Upscaled(high, high[:, :1], high[:, :1])


@pytest.fixture(autouse=True)
def tiny(monkeypatch) -> None:
    tiny = Architecture(config=TinyConfig, network=Tiny, upscaler=TinyUpscaler)
    monkeypatch.setitem(ARCHITECTURES, "tiny", lambda: tiny)


def made(weight: float = 0.5, **config: object) -> Checkpoint:
    settings = TinyConfig(**{"width": 4, **config})  # type: ignore[arg-type]
    network = Tiny(settings)
    nn.init.constant_(network.gain, weight)
    return Checkpoint(
        architecture="tiny", config=asdict(settings), weights=network.state_dict(), facts={}
    )


@pytest.fixture
def shipped(tmp_path) -> Path:
    folder = tmp_path / "shipped"
    folder.mkdir()
    return folder


def refusal(checkpoint: Checkpoint) -> CheckpointError:
    with pytest.raises(CheckpointError) as caught:
        build_network(checkpoint, "here.safetensors")
    assert caught.value.where == "here.safetensors"
    assert all((caught.value.expected, caught.value.remedy))
    return caught.value


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


def test_a_network_is_built_for_inference_and_draws_nothing():
    checkpoint = made(0.25)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    network = build_network(checkpoint, "x")
    assert torch.equal(torch.rand(1), expected)
    assert not network.training
    assert not any(weight.requires_grad for weight in network.parameters())
    assert float(network.state_dict()["gain"].mean()) == 0.25


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


def test_another_architecture_is_refused():
    error = refusal(replace(made(), architecture="huge"))
    assert error.found == "architecture 'huge'"
    assert "'texsr' or 'amrsr' or" in error.expected


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


@pytest.mark.parametrize("name", ["gain", "mean", "norm.running_var", "norm.num_batches_tracked"])
def test_a_weight_that_is_missing(name):
    checkpoint = made()
    weights = {key: value for key, value in checkpoint.weights.items() if key != name}
    assert refusal(replace(checkpoint, weights=weights)).found == f"no weight '{name}'"


def test_a_weight_that_is_unknown():
    checkpoint = made()
    weights = {**checkpoint.weights, "module.gain": torch.ones(1)}
    assert refusal(replace(checkpoint, weights=weights)).found == "an unknown weight 'module.gain'"


def test_a_weight_of_another_shape_even_where_it_would_broadcast():
    checkpoint = made()
    weights = {**checkpoint.weights, "gain": torch.ones(1, 1, 1, 1)}
    error = refusal(replace(checkpoint, weights=weights))
    assert error.found == "weight 'gain' of shape (1, 1, 1, 1) instead of (1, 4, 1, 1)"


def test_many_faults_are_counted():
    checkpoint = made()
    weights = {f"module.{key}": value for key, value in checkpoint.weights.items()}
    count = len(weights)
    found = refusal(replace(checkpoint, weights=weights)).found
    assert found == f"an unknown weight 'module.gain' and {2 * count - 1} more such faults"


def test_the_weights_of_another_configuration():
    narrow, wide = made(width=4), made(width=8)
    error = refusal(replace(narrow, config=wide.config))
    assert "instead of (1, 8, 1, 1)" in error.found


@pytest.mark.parametrize("name", ["width", "gain", "norm"])
def test_a_configuration_without_a_field_even_one_with_a_default(name):
    checkpoint = made()
    config = {key: value for key, value in checkpoint.config.items() if key != name}
    error = refusal(replace(checkpoint, config=config))
    assert f"no field '{name}'" in error.found
    assert "TinyConfig: width, gain" in error.expected


def test_a_field_added_later_may_lack_in_a_file_from_before_it():
    config = asdict(MasaConfig(width=8))
    before = {key: value for key, value in config.items() if key not in ("sam", "dram")}
    assert configure(MasaConfig, before, "x") == MasaConfig(width=8)
    assert not configure(MasaConfig, {**config, "sam": False}, "x").sam
    with pytest.raises(CheckpointError, match="no field 'width'"):
        configure(MasaConfig, {key: config[key] for key in ("sam", "dram")}, "x")
    with pytest.raises(CheckpointError, match="not of type bool"):
        configure(MasaConfig, {**before, "dram": 1}, "x")


def test_a_configuration_with_a_field_too_many():
    checkpoint = made()
    error = refusal(replace(checkpoint, config={**checkpoint.config, "heads": 4}))
    assert "an unknown field 'heads'" in error.found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", "4"),
        ("width", 4.0),
        ("width", True),
        ("width", None),
        ("gain", "1"),
        ("gain", True),
        ("act", "swish"),
        ("norm", 3),
        ("residual", 1),
        ("blocks", [1, 2]),
        ("blocks", (1, "2")),
        ("blocks", 3),
        ("window", (3,)),
        ("window", (0.5, 3)),
    ],
)
def test_a_field_of_another_type(name, value):
    checkpoint = made()
    error = refusal(replace(checkpoint, config={**checkpoint.config, name: value}))
    assert f"{name} = {value!r}, which is not of type" in error.found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gain", 2),
        ("act", "relu"),
        ("norm", "layer"),
        ("norm", None),
        ("residual", False),
        ("blocks", ()),
        ("blocks", (1, 2, 3)),
        ("window", (7, 1)),
    ],
)
def test_fields_of_the_right_type(name, value):
    config = {**made().config, name: value}
    assert getattr(configure(TinyConfig, config, "x"), name) == value


def test_values_that_the_configuration_itself_refuses():
    checkpoint = made()
    error = refusal(replace(checkpoint, config={**checkpoint.config, "width": 3}))
    assert "width must be even" in error.found


@pytest.mark.parametrize("width", [-2, 2**50])
def test_a_configuration_of_which_no_network_can_be_built(width):
    checkpoint = made()
    error = refusal(replace(checkpoint, config={**checkpoint.config, "width": width}))
    assert "no network can be built" in error.found


def test_a_configuration_comes_through_its_file(tmp_path):
    settings = TinyConfig(width=6, blocks=(1, 2), norm="layer", window=(5, 1.5), gain=0.1)
    checkpoint = made(**asdict(settings))
    write_checkpoint(tmp_path / "a.safetensors", checkpoint)
    back = read_checkpoint(tmp_path / "a.safetensors")
    assert configure(TinyConfig, back.config, "x") == settings
    assert build_network(back, "x").state_dict()["gain"].shape == (1, 6, 1, 1)
