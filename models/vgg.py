"""The first layers of VGG19: features in which pictures that look alike lie close together.

Source: Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
ICLR 2015; the weights are those that Gatys, Ecker, Bethge rescaled for style transfer, so that
every activation is 1 in the mean. They are read from a file and never shipped.
"""

from pathlib import Path
from typing import NamedTuple, final

import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional

# Channels in and out of the convolutions, by their numbers in the file.
CONVOLUTIONS = {2: (3, 64), 5: (64, 64), 9: (64, 128), 12: (128, 128), 16: (128, 256)}
POOLED_AFTER = (5, 12)
TO_BGR = 0  # a 1 x 1 convolution: from RGB in [0, 1] to BGR of 255 less ImageNet's mean


class VggFeatures(NamedTuple):
    """Activations, 1 in the mean over photographs."""

    relu1_1: Float32[Tensor, "b 64 h w"]
    relu2_1: Float32[Tensor, "b 128 h2 w2"]
    relu3_1: Float32[Tensor, "b 256 h4 w4"]


@final
class VggTrunk(nn.Module):
    """The layers up to relu3_1."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({str(TO_BGR): nn.Conv2d(3, 3, 1)})
        for number, (into, out) in CONVOLUTIONS.items():
            self.layers[str(number)] = nn.Conv2d(into, out, 3)

    def forward(self, picture: Float32[Tensor, "b 3 h w"]) -> VggFeatures:
        """Give the features of pictures, sRGB-encoded in [0, 1], at least 8 px on a side."""
        x = self.layers[str(TO_BGR)](picture)
        found: dict[int, Tensor] = {}
        for number in CONVOLUTIONS:
            x = functional.pad(x, (1, 1, 1, 1), mode="reflect")
            x = found[number] = functional.relu(self.layers[str(number)](x))
            if number in POOLED_AFTER:
                x = functional.max_pool2d(x, 2, ceil_mode=True)
        return VggFeatures(found[2], found[9], found[16])


def read_vgg(path: Path) -> VggTrunk:
    """Read the layers from a safetensors file, to be looked through and not trained.

    Raises:
        OSError: no such file.
        SafetensorError: it is of another kind.
        RuntimeError: names or shapes are not those of these layers.
    """
    from safetensors.torch import load_file

    trunk = VggTrunk()
    state = {f"layers.{name}": weight.float() for name, weight in load_file(path).items()}
    trunk.load_state_dict(state, strict=True)
    return trunk.requires_grad_(False).eval()


def feature_distance(one: VggFeatures, other: VggFeatures) -> Float32[Tensor, ""]:
    """Mean absolute difference of features, averaged over the layers."""
    apart = [(a - b).abs().mean() for a, b in zip(one, other, strict=True)]
    return torch.stack(apart).mean()
