"""LPIPS: how different two pictures look, by the features of a trained network.

Source: Zhang, Isola, Efros, Shechtman, Wang, "The Unreasonable Effectiveness of Deep Features as a
Perceptual Metric", CVPR 2018; its AlexNet version 0.1. Weights are read from a file and never
shipped: the state of the authors' `lpips.LPIPS(net="alex")`, saved as safetensors.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import final

import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional

# Channels, kernel, stride and padding of AlexNet's convolutions (torchvision's numbering of them).
CONVOLUTIONS = {
    0: (3, 64, 11, 4, 2),
    3: (64, 192, 5, 1, 2),
    6: (192, 384, 3, 1, 1),
    8: (384, 256, 3, 1, 1),
    10: (256, 256, 3, 1, 1),
}
POOLED_BEFORE = (3, 6)
# Mean and deviation of ImageNet's colours on the scale [-1, 1].
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
NORM_EPS = 1e-10
LEAST_SIDE_PX = 31  # below it a layer has nothing left


@final
class Lpips(nn.Module):
    """The metric."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.ModuleDict(
            {
                str(number): nn.Conv2d(into, out, side, stride=stride, padding=padding)
                for number, (into, out, side, stride, padding) in CONVOLUTIONS.items()
            }
        )
        self.heads = nn.ModuleList(
            nn.Conv2d(channels, 1, 1, bias=False) for _, channels, *_ in CONVOLUTIONS.values()
        )

    @torch.inference_mode()
    def forward(
        self,
        image: Float32[Tensor, "1 3 h w"],
        truth: Float32[Tensor, "1 3 h w"],
        mask: Float32[Tensor, "1 1 h w"] | None = None,
    ) -> float:
        """Give the distance of two pictures; 0: they look the same.

        Args:
            image: sRGB-encoded, [0, 1].
            truth: the same.
            mask: [0, 1], how much a pixel counts, not empty; None: all of them alike. A feature
                counts as much as the mask covers of its cell; what it looks at may lie beyond.
        """
        total = 0.0
        layers = zip(self._features(image), self._features(truth), self.heads, strict=True)
        for one, other, head in layers:
            distance = head((one - other) ** 2)
            weight = torch.ones_like(distance)
            if mask is not None:
                weight = functional.interpolate(mask, size=distance.shape[2:], mode="area")
            total += float((distance * weight).sum() / weight.sum())
        return total

    def _features(self, image: Tensor) -> Iterator[Tensor]:
        """Give the activations after every convolution, of unit length at each place."""
        x = (2.0 * image - 1.0 - _colors(SHIFT, image)) / _colors(SCALE, image)
        for number, convolution in self.trunk.items():
            if int(number) in POOLED_BEFORE:
                x = functional.max_pool2d(x, 3, stride=2)
            x = functional.relu(convolution(x))
            yield x / (torch.sqrt((x**2).sum(dim=1, keepdim=True)) + NORM_EPS)


def read_lpips(path: Path) -> Lpips:
    """Read the metric's weights from a safetensors file.

    Raises:
        OSError: no such file.
        KeyError: a weight is missing.
        RuntimeError: a weight has another shape.
    """
    from safetensors.torch import load_file

    return lpips_from(load_file(path))


def lpips_from(state: Mapping[str, Tensor]) -> Lpips:
    """Build the metric from the state of the authors' module.

    Raises:
        KeyError: a weight is missing.
        RuntimeError: a weight has another shape.
    """
    own: dict[str, Tensor] = {}
    for layer, number in enumerate(CONVOLUTIONS):
        for part in ("weight", "bias"):
            own[f"trunk.{number}.{part}"] = state[f"net.slice{layer + 1}.{number}.{part}"]
        own[f"heads.{layer}.weight"] = state[f"lin{layer}.model.1.weight"]
    metric = Lpips()
    metric.load_state_dict(own, strict=True)
    return metric.requires_grad_(False).eval()


def _colors(values: tuple[float, ...], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(1, 3, 1, 1)
