"""RRSR: one match for each place, aligned in rounds, and chosen from by experts.

Source: Zhang, Li, He, Li, Wang, Zhou, "RRSR: Reciprocal Reference-based Image Super-Resolution with
Progressive Feature Alignment and Selection", ECCV 2022. It builds on C2-Matching (Jiang, Chan,
Wang, Loy, Liu, CVPR 2021). Top to bottom:

- Two extractors, one for the enlarged low image and one for the sharp reference, bridge the gap in
  sharpness between the two; every patch of the one takes its best match in the other.
- At each size, in one round or three: offsets are corrected by what was restored so far (*dynamic
  aggregation*, a deformable convolution), a *reference-aware block* chooses what to take, and
  residual blocks restore. A round knows more than the one before it.

Reciprocal learning is a way to train any of our networks (`training`), not a part of this one. We
differ in two things: offsets are found from the *warped* reference, where the released code puts
the unaligned one beside the low image, so that references may have any size; and the deformable
convolution is sampled by plain indexing, a few rows at a time, and needs no compiled operator.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, final

import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional

from texsr.models.blocks import residual_blocks
from texsr.models.deformable import NUM_TAPS, DynamicAggregation, sampled
from texsr.models.looking import extended
from texsr.models.matching import REACH, RunningMatch
from texsr.models.nearby import NearMatch
from texsr.models.resample import enlarge
from texsr.models.vgg import VggTrunk

SCALE = 4
SLOPE = 0.1  # of LeakyReLU
EXPERT_SPREAD = 0.02
STARTS = 0.1, 0.1  # of residual blocks
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True, kw_only=True)
class RrsrConfig:
    """The size of the network; the defaults are as published."""

    width: int = 64
    """Channels of what is restored."""
    content_blocks: int = 16
    """Residual blocks that see the low image alone."""
    rounds: tuple[int, int, int] = (1, 3, 3)
    """At the low size, at twice and at four times that."""
    round_blocks: tuple[int, int, int] = (16, 5, 5)
    """Residual blocks of a round."""
    trunk: tuple[int, int, int] = (64, 128, 256)
    """Channels of reference features, finest first."""
    extractor: tuple[int, int, int] = (64, 128, 256)
    """Channels of the features that are matched."""
    experts: int = 16
    """Kernels that a reference-aware block mixes."""
    groups: int = 8
    """Groups of channels with offsets of their own."""


class Aligned(NamedTuple):
    """A reference beside a low image."""

    levels: list[Float32[Tensor, "b c _ _"]]
    """Its features, finest first, in its own frame."""
    flow: Float32[Tensor, "b 9 2 h w"]
    """From each site, for each tap, to where that was matched: down and right, in sites."""


@final
class Rrsr(nn.Module):
    """Extractors, trunk and restoration."""

    def __init__(self, config: RrsrConfig) -> None:
        super().__init__()
        self.config = config
        self.asking, self.known = (Extractor(config.extractor) for _ in range(2))
        self.trunk = VggTrunk(config.trunk)
        self.restoration = Restoration(config)

    def forward(
        self,
        low: Float32[Tensor, "3 h w"],
        references: Sequence[Float32[Tensor, "3 _ _"]],
        reach: int | None = None,
    ) -> Float32[Tensor, "3 H W"]:
        """Make an image four times larger.

        Args:
            low: sRGB-encoded, [0, 1], of any size.
            references: of any number and sizes; none: an empty one is looked at.
            reach: sites between a place and its match, in references that lie where the low image
                does; None: any, and they may lie anywhere.
        """
        height, width = low.shape[1:]
        lack = [max(0, REACH + 1 - side) for side in (height, width)]
        padded = functional.pad(low[None], (0, lack[1], 0, lack[0]), mode="replicate")
        high = self.restoration(padded, self.align(padded[0], references, reach))
        return high[0, :, : height * SCALE, : width * SCALE]

    def align(
        self, low: Float32[Tensor, "3 h w"], references: Sequence[Tensor], reach: int | None = None
    ) -> Aligned:
        """Match a low image with references, laid out one below the other on one sheet.

        Gradients pass through what the sheet holds, not through the choice.
        """
        known = [extended(one) for one in references] or [torch.zeros(3, 12, 12, device=low.device)]
        sheet = _sheet(known)
        with torch.no_grad():
            reach = reach if references else None
            flow = self._flow(low, known, sheet.shape[2] // SCALE - REACH, reach)
        return Aligned(list(self.trunk(sheet[None])), flow[None])

    def _flow(
        self, low: Float32[Tensor, "3 h w"], known: list[Tensor], across: int, reach: int | None
    ) -> Float32[Tensor, "9 2 h w"]:
        query = functional.normalize(self.asking(enlarge(low[None], SCALE)), dim=1)[0]
        running = RunningMatch(query) if reach is None else NearMatch(query, reach)
        top = 0
        for one in known:
            keys = functional.normalize(self.known(one[None]), dim=1)[0]
            running.look_at(keys, first=top * across, across=across)
            top += keys.shape[1]
        patch = running.found().patch[0]
        return flow_of_taps(torch.stack([patch // across, patch % across]).float())


def _sheet(pictures: Sequence[Float32[Tensor, "3 _ _"]]) -> Float32[Tensor, "3 h w"]:
    width = max(one.shape[2] for one in pictures)
    wide = [functional.pad(one, (0, width - one.shape[2])) for one in pictures]
    return torch.cat(wide, dim=1)


def flow_of_taps(found: Float32[Tensor, "2 p q"]) -> Float32[Tensor, "9 2 h w"]:
    """Give the flow at each site, for each tap, by the patch in which the tap is the site.

    Args:
        found: where the upper left site of each patch was matched: row and column.

    Returns:
        For sites whose patch lies partly outside, no flow, as in C2-Matching.
    """
    rows, columns = found.shape[1:]
    own = torch.stack(torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")).to(
        found
    )
    flow = functional.pad(found - own, (0, REACH, 0, REACH))
    shifted = [
        functional.pad(flow, (right, 0, down, 0))[:, : rows + REACH, : columns + REACH]
        for down in range(3)
        for right in range(3)
    ]
    return torch.stack(shifted)


@final
class Extractor(nn.Module):
    """VGG16 up to conv3_1, before its ReLU: features to match by."""

    def __init__(self, widths: tuple[int, int, int]) -> None:
        super().__init__()
        first, second, third = widths
        self.layers = nn.Sequential(
            nn.Conv2d(3, first, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(first, first, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(first, second, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(second, second, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(second, third, 3, padding=1),
        )
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):  # as those of `vgg`
                assert layer.bias is not None
                nn.init.kaiming_normal_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, picture: Float32[Tensor, "b 3 h w"]) -> Float32[Tensor, "b c h4 w4"]:
        mean, std = (
            torch.tensor(one, device=picture.device)[:, None, None]
            for one in (IMAGENET_MEAN, IMAGENET_STD)
        )
        return self.layers((picture - mean) / std)


@final
class Restoration(nn.Module):
    """From a low image and an aligned reference to an image four times larger."""

    def __init__(self, config: RrsrConfig) -> None:
        super().__init__()
        width = config.width
        self.enter = nn.Conv2d(3, width, 3, padding=1)
        self.content = residual_blocks(width, config.content_blocks, starts=STARTS)
        self.scales = nn.ModuleList(
            nn.ModuleList(Round(config, taken, num_blocks) for _ in range(num_rounds))
            for taken, num_rounds, num_blocks in zip(
                reversed(config.trunk), config.rounds, config.round_blocks, strict=True
            )
        )
        self.larger = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.LeakyReLU(SLOPE)
            )
            for _ in range(2)
        )
        self.leave = nn.Sequential(
            nn.Conv2d(width, width // 2, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(width // 2, 3, 3, padding=1),
        )

    def forward(self, low: Float32[Tensor, "b 3 h w"], reference: Aligned) -> Tensor:
        """Give b 3 4*h 4*w."""
        x = self.content(functional.leaky_relu(self.enter(low), SLOPE))
        flow = reference.flow
        for index, (rounds, level) in enumerate(
            zip(self.scales, reversed(reference.levels), strict=True)
        ):
            assert isinstance(rounds, nn.ModuleList)
            for step in rounds:
                x = step(x, level, flow)
            if index < len(self.larger):
                x = self.larger[index](x)
                flow = 2.0 * flow.repeat_interleave(2, -1).repeat_interleave(2, -2)
        base = functional.interpolate(low, scale_factor=float(SCALE), mode="bilinear")
        return base + self.leave(x)


@final
class Round(nn.Module):
    """Aligns the reference to what is restored so far, chooses from it, and restores."""

    def __init__(self, config: RrsrConfig, taken: int, num_blocks: int) -> None:
        super().__init__()
        self.offsets = nn.Sequential(
            nn.Conv2d(config.width + taken, taken, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(taken, taken, 3, padding=1),
            nn.LeakyReLU(SLOPE),
        )
        self.aggregate = DynamicAggregation(taken, config.groups)
        self.choose = ReferenceAware(config.width + taken, config.width, config.experts)
        self.blocks = residual_blocks(config.width, num_blocks, starts=STARTS)

    def forward(
        self,
        x: Float32[Tensor, "b c h w"],
        reference: Float32[Tensor, "b d h2 w2"],
        flow: Float32[Tensor, "b 9 2 h w"],
    ) -> Float32[Tensor, "b c h w"]:
        middle = flow[:, NUM_TAPS // 2 : NUM_TAPS // 2 + 1]
        warped = sampled(reference, middle, slice(0, x.shape[2]), middle_only=True)
        told = self.offsets(torch.cat([x, warped[:, :, 0]], dim=1))
        taken = functional.leaky_relu(self.aggregate(reference, told, flow), SLOPE)
        chosen = self.choose(torch.cat([x, taken], dim=1))
        return x + self.blocks(chosen)


@final
class ReferenceAware(nn.Module):
    """A convolution mixed of experts by what low image and reference show as a whole."""

    def __init__(self, into: int, out: int, num_experts: int) -> None:
        super().__init__()
        self.route = nn.Linear(into, num_experts)
        self.kernels = nn.Parameter(torch.randn(num_experts, out, into, 3, 3) * EXPERT_SPREAD)
        self.biases = nn.Parameter(torch.zeros(num_experts, out))
        self.gate = nn.Sequential(
            nn.Conv2d(into, into, 1), nn.ReLU(), nn.Conv2d(into, out, 1), nn.Sigmoid()
        )

    def forward(self, x: Float32[Tensor, "b d h w"]) -> Float32[Tensor, "b c h w"]:
        mean = x.mean((2, 3), keepdim=True)
        share = torch.sigmoid(self.route(mean.flatten(1)))  # b e
        kernels = torch.einsum("be,eoiyx->boiyx", share, self.kernels)
        biases = share @ self.biases
        made = [
            functional.conv2d(one[None], kernel, bias, padding=1)
            for one, kernel, bias in zip(x, kernels, biases, strict=True)
        ]
        return torch.cat(made) * self.gate(mean)
