"""LPIPS against a literal twin, on random weights: nothing is downloaded."""

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from texsr.models.perceptual import CONVOLUTIONS, LEAST_SIDE_PX, lpips_from, read_lpips


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """As the authors' module has it, the parts that we do not need included."""
    generator = torch.Generator().manual_seed(5)
    made = {"scaling_layer.shift": torch.zeros(1, 3, 1, 1)}
    for layer, (number, (into, out, side, *_)) in enumerate(CONVOLUTIONS.items()):
        prefix = f"net.slice{layer + 1}.{number}"
        made[f"{prefix}.weight"] = torch.randn(out, into, side, side, generator=generator) / side
        made[f"{prefix}.bias"] = torch.randn(out, generator=generator) / 10
        made[f"lin{layer}.model.1.weight"] = torch.rand(1, out, 1, 1, generator=generator)
    return made


@pytest.fixture(scope="module")
def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(6)
    return torch.rand(1, 3, 70, 91, generator=generator), torch.rand(
        1, 3, 70, 91, generator=generator
    )


def layers(state: dict[str, torch.Tensor], image: torch.Tensor) -> list[torch.Tensor]:
    """AlexNet's five activations, written out."""

    def convolved(x: torch.Tensor, name: str, stride: int, padding: int) -> torch.Tensor:
        weight, bias = state[f"net.{name}.weight"], state[f"net.{name}.bias"]
        return functional.conv2d(x, weight, bias, stride=stride, padding=padding).clamp_min(0)

    shift = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
    one = convolved((image * 2 - 1 - shift) / scale, "slice1.0", 4, 2)
    two = convolved(functional.max_pool2d(one, 3, 2), "slice2.3", 1, 2)
    three = convolved(functional.max_pool2d(two, 3, 2), "slice3.6", 1, 1)
    four = convolved(three, "slice4.8", 1, 1)
    return [one, two, three, four, convolved(four, "slice5.10", 1, 1)]


def test_it_is_the_published_formula(state, pictures):
    expected = 0.0
    for layer, sides in enumerate(zip(*(layers(state, one) for one in pictures), strict=True)):
        unit = [side / (side.norm(dim=1, keepdim=True) + 1e-10) for side in sides]
        weight = state[f"lin{layer}.model.1.weight"]
        expected += float(((unit[0] - unit[1]) ** 2 * weight).sum(dim=1).mean())
    assert lpips_from(state)(*pictures) == pytest.approx(expected, rel=1e-5)


def test_a_picture_looks_like_itself_and_the_order_does_not_matter(state, pictures):
    metric = lpips_from(state)
    assert metric(pictures[0], pictures[0]) == 0.0
    assert metric(*pictures) == pytest.approx(metric(*reversed(pictures)))
    assert metric(*pictures) > metric(pictures[0], 0.9 * pictures[0] + 0.1 * pictures[1]) > 0


def test_a_mask_says_where_to_look(state, pictures):
    metric = lpips_from(state)
    everywhere = torch.ones(1, 1, 70, 91)
    assert metric(*pictures, everywhere) == pytest.approx(metric(*pictures))
    left = everywhere.clone()
    left[..., 30:] = 0
    mixed = torch.where(everywhere * torch.arange(91) < 80, pictures[0], pictures[1])
    assert metric(mixed, pictures[0], left) < 0.2 * metric(mixed, pictures[0], everywhere)
    assert metric(mixed, pictures[0], 1 - left) > metric(mixed, pictures[0], everywhere)


def test_small_pictures_have_a_distance_too(state):
    side = LEAST_SIDE_PX
    small = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    assert lpips_from(state)(small[:1], small[1:]) > 0


def test_files_are_read_strictly(state, pictures, tmp_path):
    save_file(state, tmp_path / "alex.safetensors")
    read = read_lpips(tmp_path / "alex.safetensors")
    assert read(*pictures) == lpips_from(state)(*pictures)
    with pytest.raises(KeyError, match="lin4"):
        lpips_from({name: value for name, value in state.items() if "lin4" not in name})
    with pytest.raises(RuntimeError, match="shape"):
        lpips_from(state | {"net.slice1.0.bias": torch.zeros(3)})
    with pytest.raises(OSError, match="nowhere"):
        read_lpips(tmp_path / "nowhere")
