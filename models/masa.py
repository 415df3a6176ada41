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
takes ten gigabytes for five photographs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, final

import torch
from jaxtyping import Bool, Float32, Int64
from torch import Tensor, nn
from torch.nn import functional

from texsr.models.blocks import residual_blocks
from texsr.models.looking import Looked, extended
from texsr.models.matching import LEAST_NORM, match
from texsr.models.port import silence
from texsr.models.resample import enlarge, reduce
from texsr.models.transfer import Carried, Wanted

SCALE = 4
BLOCK_SITES = 8  # of the low image, about
DILATIONS = (1, 2, 3)
SPREAD = 1.5  # of a reference block beside its share of the reference
ENCODER_REACH_PX = 64
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


class Found(NamedTuple):
    """Where the sites of a low image were found in a reduced reference."""

    row: Int64[Tensor, "h w"]
    column: Int64[Tensor, "h w"]
    similarity: Float32[Tensor, "h w"]  # cosine of the patches


@final
class Masa(nn.Module):
    """Encoder, matching and decoder."""

    def __init__(self, config: MasaConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def forward(
        self, low: Float32[Tensor, "3 h w"], references: Sequence[Float32[Tensor, "3 _ _"]]
    ) -> Float32[Tensor, "3 H W"]:
        """Make an image four times larger.

        Args:
            low: sRGB-encoded, [0, 1], of any size.
            references: of any number and sizes; each is matched by itself. None of them: the
                answer by the low image alone.
        """
        height, width = low.shape[1:]
        padded = whole_blocks(low)
        levels = self.encoder(padded[None])
        carried = self.carry(levels[0][0], references)
        high = self.decoder(levels, [level[None] for level in carried])
        high = high + enlarge(padded[None], SCALE)
        return high[0, :, : height * SCALE, : width * SCALE]

    def carry(
        self, query: Float32[Tensor, "c h w"], references: Sequence[Tensor]
    ) -> list[Float32[Tensor, "c _ _"]]:
        """Bring reference features to the sites of a low image, finest first, weighed by likeness.

        Args:
            query: the finest features of the low image.
            references: the most similar is taken at each site.
        """
        carried: list[Tensor] = []
        similarity = torch.full_like(query[0], -torch.inf)
        for reference in references:
            reduced = reduce(extended(reference)[None], SCALE)
            found = find(query, self.encoder.first(reduced)[0])
            better = found.similarity > similarity
            similarity = torch.where(better, found.similarity, similarity)
            looked = Looked(reference, self.encoder, ENCODER_REACH_PX)
            brought = nothing_like(query)
            brought.add(wanted_of(found), looked)
            levels = brought.levels()
            if carried:
                levels = [
                    torch.where(_repeated(better, new), new, old)
                    for new, old in zip(levels, carried, strict=True)
                ]
            carried = levels
        if not carried:
            return nothing_like(query).levels()
        weight = similarity[None, None]
        return [
            level * functional.interpolate(weight, level.shape[1:], mode="bilinear")[0]
            for level in carried
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


def find(query: Float32[Tensor, "c h w"], keys: Float32[Tensor, "c h2 w2"]) -> Found:
    """Match every site: its block first, then itself near where the block was found.

    Args:
        query: of the low image, a whole number of blocks.
        keys: of the reduced reference.
    """
    height, width = query.shape[1:]
    down, across = height // BLOCK_SITES, width // BLOCK_SITES
    around = functional.pad(query[None], (1, 1, 1, 1), mode="replicate")[0]
    hits = _find_blocks(around, keys, down, across)
    sides = [_side(keys.shape[1], down), _side(keys.shape[2], across)]
    rows, columns = (
        torch.zeros(height, width, dtype=torch.int64, device=query.device) for _ in "yx"
    )
    similarity = torch.zeros_like(query[0])
    for index, hit in enumerate(hits.tolist()):
        y, x = (part * BLOCK_SITES for part in divmod(index, across))
        row, column = divmod(hit, keys.shape[2])
        top = min(max(0, row - sides[0] // 2 - 1), keys.shape[1] - sides[0] - 2)
        left = min(max(0, column - sides[1] // 2 - 1), keys.shape[2] - sides[1] - 2)
        near = keys[:, top : top + sides[0] + 2, left : left + sides[1] + 2]
        own = around[:, y : y + BLOCK_SITES + 2, x : x + BLOCK_SITES + 2]
        best = match(own, near)
        place = slice(y, y + BLOCK_SITES), slice(x, x + BLOCK_SITES)
        rows[place] = top + 1 + best.patch[0] // sides[1]
        columns[place] = left + 1 + best.patch[0] % sides[1]
        similarity[place] = best.similarity[0]
    return Found(rows, columns, similarity)


def _side(size: int, num_blocks: int) -> int:
    """Sites of a reference block along an axis, without the ring of one around it."""
    return min(size - 2, 2 * int(SPREAD * (size // (2 * num_blocks))) + 1)


def _find_blocks(
    around: Float32[Tensor, "c h w"], keys: Float32[Tensor, "c h2 w2"], down: int, across: int
) -> Int64[Tensor, " n"]:
    """Find the site of the keys that the centre of each block is most like, at all dilations."""
    total = keys.new_zeros(down * across, keys.shape[1] * keys.shape[2])
    centre = 1 + BLOCK_SITES // 2  # in a block with its margin of one
    for dilation in DILATIONS:
        first = centre - dilation
        taps = [first + step * dilation for step in range(3)]
        rows = (torch.arange(down)[:, None] * BLOCK_SITES + torch.tensor(taps)).flatten()
        columns = (torch.arange(across)[:, None] * BLOCK_SITES + torch.tensor(taps)).flatten()
        asked = around[:, rows][:, :, columns]  # c 3*down 3*across
        asked = asked.unflatten(2, (across, 3)).unflatten(1, (down, 3)).permute(1, 3, 0, 2, 4)
        asked = asked.flatten(0, 1)
        asked = asked / asked.flatten(1).norm(dim=1).clamp_min(LEAST_NORM)[:, None, None, None]
        products = functional.conv2d(keys[None], asked, padding=dilation, dilation=dilation)[0]
        square = keys.square().sum(0)[None, None]
        ones = torch.ones(1, 1, 3, 3, device=keys.device)
        norms = functional.conv2d(square, ones, padding=dilation, dilation=dilation).sqrt()
        total += (products / norms[0].clamp_min(LEAST_NORM)).flatten(1)
    return total.argmax(1)


def wanted_of(found: Found) -> Wanted:
    """Name the sites that make up the patches found; patches overlap within their block alone."""
    height, width = found.row.shape
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    y, x = y.to(found.row.device), x.to(found.row.device)
    rows: list[Tensor] = []
    columns: list[Tensor] = []
    places: list[Tensor] = []
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            inside = (_block_of(y) == _block_of(y + dy)) & (_block_of(x) == _block_of(x + dx))
            rows.append((found.row + dy)[inside])
            columns.append((found.column + dx)[inside])
            places.append(((y + dy) * width + x + dx)[inside])
    return Wanted(torch.cat(rows), torch.cat(columns), torch.cat(places))


def _block_of(site: Tensor) -> Tensor:
    return site.div(BLOCK_SITES, rounding_mode="floor")


def _repeated(better: Bool[Tensor, "h w"], like: Float32[Tensor, "c _ _"]) -> Tensor:
    block = like.shape[1] // better.shape[0]
    return better.repeat_interleave(block, 0).repeat_interleave(block, 1)


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
        self.adapt = Sam(width)
        self.fuse = nn.ModuleList(Dram(width) for _ in range(2))
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
            x = merge(torch.cat([_doubled(x), level], dim=1))
        fine, middle, coarse = carried
        x = self.merge(torch.cat([x, self.adapt(x, coarse)], dim=1))
        x = self.refine[0](functional.relu(x))
        for fuse, refine, taken in zip(self.fuse, self.refine[1:], (middle, fine), strict=True):
            x = refine(fuse(x, self.adapt(_doubled(x), taken)))
        return self.leave(x)


@final
class Sam(nn.Module):
    """Spatial adaptation: a reference gets the mean and contrast of the low image, place by place.

    What those of the low image are as a whole is changed by what both show at each place.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.shared = nn.Conv2d(2 * width, width, 3, padding=1)
        self.gain = nn.Conv2d(width, width, 3, padding=1)
        self.offset = nn.Conv2d(width, width, 3, padding=1)
        for conv in (self.gain, self.offset):
            silence(conv.weight, conv.bias)

    def forward(self, low: Tensor, taken: Tensor) -> Float32[Tensor, "b c h w"]:
        told = functional.relu(self.shared(torch.cat([low, taken], dim=1)))
        mean, contrast = _moments(low)
        own_mean, own_contrast = _moments(taken)
        plain = (taken - own_mean) / own_contrast
        return plain * (self.gain(told) + contrast) + self.offset(told) + mean


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


def _doubled(x: Float32[Tensor, "b c h w"]) -> Float32[Tensor, "b c 2*h 2*w"]:
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def _moments(x: Float32[Tensor, "b c h w"]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over space."""
    mean = x.mean((2, 3), keepdim=True)
    variance = (x - mean).square().mean((2, 3), keepdim=True)
    return mean, (variance + LEAST_VARIANCE).sqrt()
