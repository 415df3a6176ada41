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

CONVOLUTIONS = (2, 5, 9, 12, 16)  # by their numbers in the file
WIDTHS = (64, 128, 256)
POOLED_AFTER = (5, 12)
TO_BGR = 0  # a 1 x 1 convolution: from RGB in [0, 1] to BGR of 255 less ImageNet's mean


class VggFeatures(NamedTuple):
    """Activations, 1 in the mean over photographs; channels as published."""

    relu1_1: Float32[Tensor, "b c1 h w"]  # 64
    relu2_1: Float32[Tensor, "b c2 h2 w2"]  # 128
    relu3_1: Float32[Tensor, "b c3 h4 w4"]  # 256


@final
class VggTrunk(nn.Module):
    """The layers up to relu3_1."""

    def __init__(self, widths: tuple[int, int, int] = WIDTHS) -> None:
        """Take the channels of the three levels; others than published for a trunk of one's own."""
        super().__init__()
        first, second, third = widths
        channels = (3, first, first, second, second, third)
        self.layers = nn.ModuleDict({str(TO_BGR): nn.Conv2d(3, 3, 1)})
        for number, into, out in zip(CONVOLUTIONS, channels, channels[1:], strict=False):
            self.layers[str(number)] = nn.Conv2d(into, out, 3)
        _begin(self.layers)

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


@torch.no_grad()
def _begin(layers: nn.ModuleDict) -> None:
    """Let random features tell places apart: PyTorch's own first weights make all nearly alike.

    Colours from -2 to 2 go in, and the layers keep the spread (He et al., ICCV 2015).
    """
    for layer in layers.values():
        assert isinstance(layer, nn.Conv2d)
        assert layer.bias is not None
        nn.init.kaiming_normal_(layer.weight)
        nn.init.zeros_(layer.bias)
    entry = layers[str(TO_BGR)]
    assert isinstance(entry, nn.Conv2d)
    assert entry.bias is not None
    entry.weight.copy_(4.0 * torch.eye(3)[..., None, None])
    entry.bias.fill_(-2.0)


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
