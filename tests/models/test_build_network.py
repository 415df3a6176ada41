"""How a checkpoint becomes a network: configuration and weights, and what is wrong with them."""

from dataclasses import asdict, replace

import pytest
import torch

from tests.stand_in_models import TinyConfig, made
from texsr.models.architectures import build_network
from texsr.models.checkpoint import Checkpoint, CheckpointError, read_checkpoint, write_checkpoint
from texsr.models.configuration import configure
from texsr.models.masa import MasaConfig

pytestmark = pytest.mark.usefixtures("tiny")


def refusal(checkpoint: Checkpoint) -> CheckpointError:
    with pytest.raises(CheckpointError) as caught:
        build_network(checkpoint, "here.safetensors")
    assert caught.value.where == "here.safetensors"
    assert all((caught.value.expected, caught.value.remedy))
    return caught.value


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


def test_another_architecture_is_refused():
    error = refusal(replace(made(), architecture="huge"))
    assert error.found == "architecture 'huge'"
    assert "'texsr' or 'amrsr' or" in error.expected


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
