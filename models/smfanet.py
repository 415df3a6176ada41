"""SMFANet+: a small single-image network with public weights; our baseline and our teacher.

Source: Zheng et al., "SMFANet: A Lightweight Self-Modulation Feature Aggregation Network for
Efficient Image Super-Resolution", ECCV 2024. Its weights are read from a file and never shipped.
"""

from pathlib import Path
from typing import final

import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional

from texsr.models.modulation import AROUND, CELL_TX, in_whole_cells
from texsr.models.surroundings import drawn_out, moments_around

NORM_EPS = 1e-12
POOLED = 8  # px on one pooled cell of the self-modulation


@final
class Smfanet(nn.Module):
    """The network; RGB in [0, 1] in and out, without mean subtraction."""

    def __init__(
        self, scale: int, *, width: int = 48, num_blocks: int = 12, local: bool = False
    ) -> None:
        """Take its size.

        Args:
            scale: high pixels along a low one.
            width: channels.
            num_blocks: in a row.
            local: modulate as our own blocks do (`texsr.models.modulation`), so that an answer does
                not depend on how an image is cut: what lessons are taken from. False: as published.
        """
        super().__init__()
        self.scale, self.local = scale, local
        self.to_feat = nn.Conv2d(3, width, 3, padding=1)
        self.feats = nn.Sequential(*(_Block(width, local) for _ in range(num_blocks)))
        self.to_img = nn.Sequential(
            nn.Conv2d(width, 3 * scale * scale, 3, padding=1), nn.PixelShuffle(scale)
        )

    def forward(self, low: Float32[Tensor, "b 3 h w"]) -> Float32[Tensor, "b 3 H W"]:
        """Enlarge; the whole input is looked at, so tiles change the result slightly."""
        shallow = self.to_feat(low)
        return self.to_img(self.feats(shallow) + shallow)

    def inner(self, low: Float32[Tensor, "b 3 h w"]) -> list[Float32[Tensor, "b c h w"]]:
        """Give what each half of a block is given, and what the last one gives."""
        given = [self.to_feat(low)]
        for block in self.feats:
            assert isinstance(block, _Block)
            given.append(block.modulated(given[-1]))
            given.append(block.mixed(given[-1]))
        return given


def read_smfanet(path: Path, *, local: bool = False) -> Smfanet:
    """Read public weights, x2 or x4 by what the file holds.

    Args:
        path: safetensors.
        local: see `Smfanet`.

    Raises:
        RuntimeError: keys or shapes are not this network's.
    """
    from safetensors.torch import load_file

    weights = load_file(path)
    last = weights["to_img.0.weight"]
    network = Smfanet(round((last.shape[0] / 3) ** 0.5), width=last.shape[1], local=local)
    network.load_state_dict(weights, strict=True)
    return network.eval()


@torch.inference_mode()
def enlarge_in_tiles(
    network: Smfanet, low: Float32[Tensor, "1 3 h w"], *, tile_px: int = 128, margin_px: int = 16
) -> Float32[Tensor, "1 3 H W"]:
    """Enlarge as the baseline tables do: tiles with a reflected margin."""
    scale = network.scale
    _, _, height, width = low.shape
    high = torch.zeros(1, 3, height * scale, width * scale)
    around = functional.pad(low, (margin_px,) * 4, mode="reflect")
    for y in range(0, height, tile_px):
        for x in range(0, width, tile_px):
            rows, columns = min(tile_px, height - y), min(tile_px, width - x)
            part = around[:, :, y : y + rows + 2 * margin_px, x : x + columns + 2 * margin_px]
            inner = slice(margin_px * scale, -margin_px * scale)
            high[:, :, y * scale : (y + rows) * scale, x * scale : (x + columns) * scale] = network(
                part
            )[:, :, inner, inner]
    return high


def _normalised(x: Tensor) -> Tensor:
    return functional.normalize(x, dim=1, eps=NORM_EPS)


class _Block(nn.Module):
    def __init__(self, width: int, local: bool) -> None:
        super().__init__()
        self.smfa = _SelfModulation(width, local)
        self.pcfn = _PartialConvolution(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.mixed(self.modulated(x))

    def modulated(self, x: Tensor) -> Tensor:
        return self.smfa(_normalised(x)) + x

    def mixed(self, x: Tensor) -> Tensor:
        return self.pcfn(_normalised(x)) + x


class _SelfModulation(nn.Module):
    """Pooled context and local detail, added."""

    def __init__(self, width: int, local: bool) -> None:
        super().__init__()
        self.local = local
        self.linear_0 = nn.Conv2d(width, 2 * width, 1)
        self.linear_1 = nn.Conv2d(width, width, 1)
        self.linear_2 = nn.Conv2d(width, width, 1)
        self.lde = _LocalDetail(width)
        self.dw_conv = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.alpha = nn.Parameter(torch.ones(1, width, 1, 1))
        self.belt = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        near, x = self.linear_0(features).chunk(2, dim=1)
        gates = self._local_gates(x) if self.local else self._gates(x)
        return self.linear_2(x * gates + self.lde(near))

    def _gates(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        pooled = functional.adaptive_max_pool2d(x, (height // POOLED, width // POOLED))
        told = self._told(pooled, torch.var(x, dim=(2, 3), keepdim=True))
        return functional.interpolate(told, size=(height, width), mode="nearest")

    def _local_gates(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        x = in_whole_cells(x)
        variance = moments_around(x, cell_tx=CELL_TX, reach=AROUND).variance
        told = self._told(functional.max_pool2d(x, CELL_TX), variance)
        return drawn_out(told, CELL_TX)[:, :, :height, :width]

    def _told(self, pooled: Tensor, spread: Tensor) -> Tensor:
        told = self.dw_conv(pooled) * self.alpha + spread * self.belt
        return functional.gelu(self.linear_1(told))


class _LocalDetail(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv_0 = nn.Sequential(
            nn.Conv2d(width, 2 * width, 3, padding=1, groups=width),
            nn.Conv2d(2 * width, 2 * width, 1),
        )
        self.act = nn.GELU()
        self.conv_1 = nn.Conv2d(2 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_1(self.act(self.conv_0(x)))


class _PartialConvolution(nn.Module):
    def __init__(self, width: int, *, growth: float = 2.0, share: float = 0.25) -> None:
        super().__init__()
        hidden = int(width * growth)
        self.part = int(hidden * share)
        self.conv_0 = nn.Conv2d(width, hidden, 1)
        self.conv_1 = nn.Conv2d(self.part, self.part, 3, padding=1)
        self.conv_2 = nn.Conv2d(hidden, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.gelu(self.conv_0(x))
        first, rest = torch.split(x, [self.part, x.shape[1] - self.part], dim=1)
        return self.conv_2(torch.cat([functional.gelu(self.conv_1(first)), rest], dim=1))
