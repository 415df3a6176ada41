"""MASA-SR: one reference, matched from coarse to fine, adapted to the place, and fused.

Source: Lu, Li, Tao, Lu, Jia, "MASA-SR: Matching Acceleration and Spatial Adaptation for
Reference-Based Image Super-Resolution", CVPR 2021. Top to bottom:

- One encoder for the low image, the reference, and the reference reduced to the low image's size.
- *Matching*: each block of the low image finds where in the reduced reference its centre lies (at
  three dilations), and its sites find their best matches near there.
- Features of the reference are carried to where they were matched.
- *SAM* gives them the local mean and contrast of the low image; *DRAM* fuses both at two sizes.

Several references are one below the other, as the authors do it (`stacked`), or matched one by one,
the most similar taken at each site. We differ from the released code in what is held: features are
fetched from where they lie, and those of the reference made window by window, where unfolding them
takes ten gigabytes for five photographs. Colours are RGB, blocks are of 8 sites (an image is
extended to whole ones, not its blocks stretched), and first weights are PyTorch's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional

from texsr.models.blocks import residual_blocks
from texsr.models.coarse_to_fine import BLOCK_SITES, Found, Search, find, similarity, wanted_of
from texsr.models.configuration import ADDED_LATER
from texsr.models.looking import Looked, extended
from texsr.models.masa_without import AsItIs, Joint, doubled
from texsr.models.port import silence
from texsr.models.resample import enlarge, reduce
from texsr.models.surroundings import drawn_out, moments_around
from texsr.models.transfer import Carried

SCALE = 4
STACKED_PX = 512  # each reference of several is centred in a square of so many
NUM_LEVELS = 3
STARTS = 0.1, 0.1  # of residual blocks
LEAST_VARIANCE = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class MasaConfig:
    """The size of the network; the defaults are as published."""

    width: int = 64
    """Channels everywhere."""
    encoder_blocks: int = 4
    """Residual blocks of each of the encoder's three levels."""
    low_blocks: int = 2
    """Residual blocks of each level that the low image goes back up."""
    fusion_blocks: tuple[int, int, int] = (12, 8, 4)
    """Residual blocks at the low size, at twice and at four times that."""
    sam: bool = field(default=True, metadata=ADDED_LATER)
    """Adapt what is carried to the low image; else it stays as it is."""
    dram: bool = field(default=True, metadata=ADDED_LATER)
    """Fuse by what each side lacks of the other; else a convolution takes both."""
    adapted_around: int | None = field(default=None, metadata=ADDED_LATER)
    """Low texels on every side of a place whose mean and contrast SAM takes; None: all, as they
    published it, so that a tile's answer tells where it was cut."""


@final
class Masa(nn.Module):
    """Encoder, matching and decoder."""

    def __init__(self, config: MasaConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def forward(
        self,
        low: Float32[Tensor, "3 h w"],
        references: Sequence[Float32[Tensor, "3 _ _"]],
        search: Search = find,
    ) -> Float32[Tensor, "3 H W"]:
        """Make an image four times larger.

        Args:
            low: sRGB-encoded, [0, 1], of any size.
            references: of any number and sizes; each is matched by itself. None of them: the
                answer by the low image alone.
            search: for each site.
        """
        height, width = low.shape[1:]
        padded = whole_blocks(low)
        levels = self.encoder(padded[None])
        carried = self.carry(levels[0][0], references, search)
        high = self.decoder(levels, [level[None] for level in carried])
        high = high + enlarge(padded[None], SCALE)
        return high[0, :, : height * SCALE, : width * SCALE]

    def carry(
        self,
        query: Float32[Tensor, "c h w"],
        references: Sequence[Tensor],
        search: Search = find,
    ) -> list[Float32[Tensor, "c _ _"]]:
        """Bring reference features to the sites of a low image, finest first, weighed by likeness.

        Args:
            query: the finest features of the low image.
            references: the most similar is taken at each site.
            search: how sites are matched.
        """
        brought = nothing_like(query)
        if not references:
            return brought.levels()
        best = torch.full_like(query[0], -torch.inf)
        winner = torch.full_like(query[0], -1, dtype=torch.int64)
        everywhere: list[Found] = []
        for number, reference in enumerate(references):
            keys = self.encoder.first(reduce(extended(reference)[None], SCALE))[0]
            everywhere.append(search(query, keys))
            alike = similarity(query, keys, everywhere[-1])
            winner = torch.where(alike > best, number, winner)
            best = torch.maximum(alike, best)
        for number, (reference, found) in enumerate(zip(references, everywhere, strict=True)):
            looked = Looked(reference, self.encoder, self.encoder.reach_px)
            brought.add(wanted_of(found, winner == number), looked)
        weight = best[None, None]
        return [
            level * functional.interpolate(weight, level.shape[1:], mode="bilinear")[0]
            for level in brought.levels()
        ]


def nothing_like(query: Float32[Tensor, "c h w"]) -> Carried:
    """Prepare to bring features to the sites of a low image."""
    channels, height, width = query.shape
    return Carried(height, width, [channels] * NUM_LEVELS, query)


def stacked(references: Sequence[Float32[Tensor, "3 _ _"]]) -> Float32[Tensor, "3 h w"]:
    """Put references one below the other, each centred in a square and its edges repeated.

    Raises:
        ValueError: one is larger than the square.
    """
    squares: list[Tensor] = []
    for one in references:
        lack = [STACKED_PX - side for side in one.shape[1:]]
        if min(lack) < 0:
            raise ValueError(
                f"reference: found {one.shape[2]} x {one.shape[1]} px; expected at most "
                f"{STACKED_PX} px on a side, as references are stacked by the authors"
            )
        top, left = lack[0] // 2, lack[1] // 2
        sides = (left, lack[1] - left, top, lack[0] - top)
        squares.append(functional.pad(one[None], sides, mode="replicate")[0])
    return torch.cat(squares, dim=1)


def whole_blocks(picture: Float32[Tensor, "3 h w"]) -> Float32[Tensor, "3 h2 w2"]:
    """Repeat the last row and column until blocks are whole."""
    lack = [-size % BLOCK_SITES for size in picture.shape[1:]]
    return functional.pad(picture[None], (0, lack[1], 0, lack[0]), mode="replicate")[0]


@final
class Encoder(nn.Module):
    """Features at full, half and quarter size."""

    def __init__(self, config: MasaConfig) -> None:
        super().__init__()
        width = config.width
        self.levels = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(into, width, 3, stride=stride, padding=1),
                nn.ReLU(),
                *residual_blocks(width, config.encoder_blocks, starts=STARTS),
            )
            for into, stride in ((3, 1), (width, 2), (width, 2))
        )

        # Each convolution of a level reaches one of its texels, which are 1, 2 and 4 px wide.
        self.reach_px = (1 + 2 + 4) * (1 + 2 * config.encoder_blocks)

    def forward(self, picture: Float32[Tensor, "b 3 h w"]) -> list[Float32[Tensor, "b c _ _"]]:
        """Give all levels, finest first."""
        found = [self.levels[0](picture)]
        for level in self.levels[1:]:
            found.append(level(found[-1]))
        return found

    def first(self, picture: Float32[Tensor, "b 3 h w"]) -> Float32[Tensor, "b c h w"]:
        """Give the finest level."""
        return self.levels[0](picture)


@final
class Decoder(nn.Module):
    """An image from features of the low image and what was carried from references."""

    def __init__(self, config: MasaConfig) -> None:
        super().__init__()
        width = config.width
        self.climb = nn.ModuleList(
            _Merge(into, width, config.low_blocks) for into in (width, 2 * width, 2 * width)
        )
        self.adapt = Sam(width, config.adapted_around) if config.sam else AsItIs()
        self.fuse = nn.ModuleList(Dram(width) if config.dram else Joint(width) for _ in range(2))
        self.merge = nn.Conv2d(2 * width, width, 3, padding=1)
        self.refine = nn.ModuleList(
            residual_blocks(width, count, starts=STARTS) for count in config.fusion_blocks
        )
        self.leave = nn.Conv2d(width, 3, 3, padding=1)

    def forward(
        self, levels: Sequence[Float32[Tensor, "b c _ _"]], carried: Sequence[Tensor]
    ) -> Float32[Tensor, "b 3 H W"]:
        """Give what to add to the enlarged low image; both arguments finest first."""
        x = self.climb[0](levels[2])
        for merge, level in zip(self.climb[1:], (levels[1], levels[0]), strict=True):
            x = merge(torch.cat([doubled(x), level], dim=1))
        fine, middle, coarse = carried
        x = self.merge(torch.cat([x, self.adapt(x, coarse, 1)], dim=1))
        x = self.refine[0](functional.relu(x))
        finer = zip(self.fuse, self.refine[1:], (middle, fine), (2, SCALE), strict=True)
        for fuse, refine, taken, texel_px in finer:
            x = refine(fuse(x, self.adapt(doubled(x), taken, texel_px)))
        return self.leave(x)


@final
class Sam(nn.Module):
    """Spatial adaptation: a reference gets the mean and contrast of the low image, place by place.

    What those of the low image are as a whole is changed by what both show at each place.
    """

    def __init__(self, width: int, around: int | None) -> None:
        super().__init__()
        self.around = around
        self.shared = nn.Conv2d(2 * width, width, 3, padding=1)
        self.gain = nn.Conv2d(width, width, 3, padding=1)
        self.offset = nn.Conv2d(width, width, 3, padding=1)
        for conv in (self.gain, self.offset):
            silence(conv.weight, conv.bias)

    def forward(self, low: Tensor, taken: Tensor, texel_px: int) -> Float32[Tensor, "b c h w"]:
        """Adapt what was carried; a low texel is `texel_px` wide at this size."""
        told = functional.relu(self.shared(torch.cat([low, taken], dim=1)))
        mean, contrast = self._moments(low, texel_px)
        own_mean, own_contrast = self._moments(taken, texel_px)
        plain = (taken - own_mean) / own_contrast
        return plain * (self.gain(told) + contrast) + self.offset(told) + mean

    def _moments(self, x: Tensor, texel_px: int) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation over space."""
        if self.around is None:
            variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
        else:
            near = moments_around(x, cell_tx=texel_px, reach=self.around)
            mean, variance = (drawn_out(one, texel_px) for one in near)
        return mean, (variance + LEAST_VARIANCE).sqrt()


@final
class Dram(nn.Module):
    """Dual residual aggregation: what each of low image and reference lacks of the other."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.down_for_taken = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.down_for_low = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.up_for_taken = _enlarging(width)
        self.up_for_low = _enlarging(width)
        self.merge = nn.Conv2d(2 * width, width, 3, padding=1)

    def forward(
        self, low: Float32[Tensor, "b c h w"], taken: Float32[Tensor, "b c 2*h 2*w"]
    ) -> Float32[Tensor, "b c 2*h 2*w"]:
        more = functional.relu(self.down_for_taken(taken)) - low
        first = functional.relu(self.up_for_taken(more)) + taken
        less = low - functional.relu(self.down_for_low(taken))
        second = functional.relu(self.up_for_low(less + low))
        return functional.relu(self.merge(torch.cat([first, second], dim=1)))


@final
class _Merge(nn.Module):
    """A convolution, and residual blocks."""

    def __init__(self, into: int, width: int, num_blocks: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(into, width, 3, padding=1)
        self.blocks = residual_blocks(width, num_blocks, starts=STARTS)

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(functional.relu(self.enter(x)))


def _enlarging(width: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(width, width, 3, stride=2, padding=1, output_padding=1)
