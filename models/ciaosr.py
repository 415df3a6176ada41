"""CiaoSR: an image at any scale, asked for point by point, by attention within attention.

Source: Cao, Wang, Xian, Li, Ni, Pi, Zhang, Zhang, Timofte, Van Gool, "CiaoSR: Continuous Implicit
Attention-in-Attention Network for Arbitrary-Scale Image Super-Resolution", CVPR 2023.

- A trunk gives features of the low image: here EDSR's small one; the head takes any.
- *Inner attention*: every place mixes what larger copies of its surroundings look like elsewhere in
  the image.
- *Outer attention*: a point asks the four nearest places, each with its offset from the point and
  the size of a pixel, and mixes what they answer.

What is said of four neighbours depends on the point alone, and the inner attention is made once for
the whole image, some places at a time: points may be asked in any groups, and any tiling gives the
same image. The authors' code makes the inner attention anew for every group of points.
"""

from dataclasses import dataclass, field
from typing import NamedTuple, final

import torch
from jaxtyping import Float32, Int64
from torch import Tensor, nn
from torch.nn import functional

from texsr.models.blocks import residual_blocks
from texsr.models.configuration import ADDED_LATER

MEAN = (0.4488, 0.4371, 0.4040)  # of the training images of the authors, sRGB-encoded
NUM_TAPS = 9
POINTS = 8192  # asked at once
PLACES = 1024  # whose inner attention is made at once
SHARPNESS = 10.0  # of the inner attention
LEAST_NORM = 1e-4
OVERLAPS = 6.0  # what the sum of overlapping patches is divided by
NUDGE = 1e-6
LITTLE = 0.05
CORNERS = ((-1, -1), (-1, 1), (1, -1), (1, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class CiaosrConfig:
    """The size of the network; the defaults are the authors' on EDSR's small trunk."""

    width: int = 64
    """Channels of the trunk."""
    blocks: int = 16
    """Residual blocks of the trunk."""
    hidden: int = 256
    """Channels inside the three small networks of the head."""
    half_a_place: bool = field(default=False, metadata=ADDED_LATER)
    """Look for neighbours half a place off; False: a little further, as published, which leads a
    point in the middle of a place past it: at x3, one point in three along each axis."""


class Known(NamedTuple):
    """What points are asked of."""

    low: Float32[Tensor, "b 3 h w"]
    features: Float32[Tensor, "b h w c"]
    likewise: Float32[Tensor, "b h w c"]  # by the inner attention
    local: bool = False  # neighbours are half a place off, whatever the size of the image
    around: Float32[Tensor, "b hw m"] | None = None  # features of 3 x 3 places; None: asked


class Points(NamedTuple):
    """Centres of pixels of an image, row by row, [-1, 1] over the whole image, and their size."""

    y: Float32[Tensor, " n"]
    x: Float32[Tensor, " n"]
    cell: tuple[float, float]

    def part(self, start: int, stop: int) -> "Points":
        """Take some of the points."""
        return Points(self.y[start:stop], self.x[start:stop], self.cell)


@final
class Ciaosr(nn.Module):
    """Trunk and head."""

    def __init__(self, config: CiaosrConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = Edsr(config)
        self.head = CiaoHead(config.width, config.hidden)

    def forward(
        self, low: Float32[Tensor, "b 3 h w"], height: int, width: int
    ) -> Float32[Tensor, "b 3 H W"]:
        """Give images of any size.

        Args:
            low: sRGB-encoded, [0, 1].
            height: of what is wanted; its ratio to that of `low` need be no whole number.
            width: likewise, and of another ratio if need be.
        """
        points = points_of(height, width, device=low.device)
        return self.head(self.know(low), points).unflatten(2, (height, width))

    def know(self, low: Float32[Tensor, "b 3 h w"]) -> Known:
        """Look at a low image once, so that points can be asked of it."""
        centred = low - torch.tensor(MEAN, device=low.device)[:, None, None]
        known = self.head.know(low, self.trunk(centred))
        return known._replace(local=self.config.half_a_place)


@final
class Edsr(nn.Module):
    """The trunk of Lim et al., "Enhanced Deep Residual Networks", CVPRW 2017, its small form."""

    def __init__(self, config: CiaosrConfig) -> None:
        super().__init__()
        width = config.width
        self.enter = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = residual_blocks(width, config.blocks)
        self.last = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, low: Float32[Tensor, "b 3 h w"]) -> Float32[Tensor, "b c h w"]:
        """Give features of the size of the image."""
        entered = self.enter(low)
        return entered + self.last(self.blocks(entered))


@final
class CiaoHead(nn.Module):
    """The head, for a trunk of any width."""

    def __init__(self, width: int, hidden: int = 256, inner: nn.Module | None = None) -> None:
        """Take sizes.

        Args:
            width: channels of the trunk.
            hidden: channels inside the three small networks.
            inner: makes features of features; None: the inner attention.
        """
        super().__init__()
        keyed, valued, told = NUM_TAPS * width, (NUM_TAPS + 1) * width, 4
        self.inner = CrossScale(width) if inner is None else inner
        self.key = _perceptron(keyed + told, hidden, keyed)
        self.value = _perceptron(valued + told, hidden, valued)
        self.color = _perceptron(valued, hidden, 3)
        with torch.no_grad():  # at first an image is hardly more than its enlargement
            for weights in self.color[-1].parameters():
                weights.mul_(LITTLE)

    def know(self, low: Float32[Tensor, "b 3 h w"], features: Float32[Tensor, "b c h w"]) -> Known:
        """Add the inner attention to a trunk's features."""
        likewise = self.inner(features)
        return Known(low, features.movedim(1, 3), likewise.movedim(1, 3))

    def forward(self, known: Known, points: Points) -> Float32[Tensor, "b 3 n"]:
        """Give the colour at some points."""
        return self.residual(known, points) + _bilinear(known.low, points).movedim(2, 1)

    def residual(
        self, known: Known, points: Points, at_once: int | None = None
    ) -> Float32[Tensor, "b 3 n"]:
        """Give what is added to an enlargement at some points, so many asked at once."""
        count = at_once or POINTS
        starts = range(0, len(points.y), count)
        groups = [self._ask(known, points.part(start, start + count)) for start in starts]
        return torch.cat(groups, dim=1).movedim(2, 1)

    def _ask(self, known: Known, points: Points) -> Float32[Tensor, "b n 3"]:
        height, width = known.low.shape[2:]
        middle = _nearest(points.y, height), _nearest(points.x, width)
        query = _around(known, *middle)  # b n 9c
        size = points.cell[0] * height, points.cell[1] * width
        steps = _step(points.cell[0], height, known), _step(points.cell[1], width, known)
        scores: list[Tensor] = []
        values: list[Tensor] = []
        for down, right in CORNERS:
            row = _nearest(_shifted(points.y, down * steps[0]), height)
            column = _nearest(_shifted(points.x, right * steps[1]), width)
            offset = [
                (points.y - _centre(row, height)) * height,
                (points.x - _centre(column, width)) * width,
                torch.full_like(points.y, size[0]),
                torch.full_like(points.x, size[1]),
            ]
            told = torch.stack(offset, dim=1).expand(len(query), -1, -1)
            near = _around(known, row, column)
            full = torch.cat([near, known.likewise[:, row, column]], dim=2)
            key = near * self.key(torch.cat([near, told], dim=2))
            values.append(full * self.value(torch.cat([full, told], dim=2)))
            scores.append((query * key).sum(2))
        share = torch.softmax(torch.stack(scores), dim=0)
        mixed = sum((s[..., None] * v for s, v in zip(share, values, strict=True)), torch.zeros(()))
        return self.color(mixed)


@final
class CrossScale(nn.Module):
    """Inner attention: larger patches, from wherever the image looks alike at half its size.

    Follows the cross-scale non-local attention of Mei et al., "Image Super-Resolution with
    Cross-Scale Non-Local Attention and Exhaustive Self-Exemplars Mining", CVPR 2020.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Sequential(nn.Conv2d(width, width // 2, 1), nn.PReLU())
        self.key = nn.Sequential(nn.Conv2d(width, width // 2, 1), nn.PReLU())
        self.value = nn.Sequential(nn.Conv2d(width, width, 1), nn.PReLU())
        self.down = nn.Conv2d(width, width, 3, stride=2, padding=1)

    def forward(self, features: Float32[Tensor, "b c h w"]) -> Float32[Tensor, "b c h w"]:
        """Give, for every place, what larger copies of it look like."""
        height, width = features.shape[2:]
        even = functional.pad(features, (0, width % 2, 0, height % 2), mode="replicate")
        found = torch.stack([self._one(one[None]) for one in even])
        return (self.down(found) / OVERLAPS)[:, :, :height, :width]

    def _one(self, features: Float32[Tensor, "1 c h w"]) -> Float32[Tensor, "c 2*h 2*w"]:
        """Mix and lay out larger patches, some places at a time."""
        height, width = features.shape[2:]
        half = functional.interpolate(features, scale_factor=0.5, mode="bilinear")
        asked = functional.unfold(self.query(features), 3, padding=1)[0].T  # places 9c/2
        keys = functional.unfold(self.key(half), 3, padding=1)[0]  # 9c/2 keys
        keys = keys / keys.norm(dim=0).clamp_min(LEAST_NORM)
        patches = functional.unfold(self.value(features), 6, stride=2, padding=2)[0].T  # keys 36c
        mixed = [
            torch.softmax(SHARPNESS * (part @ keys), dim=1) @ patches
            for part in asked.split(PLACES)
        ]
        laid = torch.cat(mixed).T
        return functional.fold(laid[None], (2 * height, 2 * width), 6, stride=2, padding=2)[0]


def points_of(
    height: int,
    width: int,
    *,
    device: torch.device | str = "cpu",
    part: tuple[slice, slice] | None = None,
) -> Points:
    """Give the centres of all pixels of an image of this size, or of a part of them."""
    rows, columns = part or (slice(0, height), slice(0, width))
    y, x = (
        (2.0 * torch.arange(one.start, one.stop, device=device) + 1.0) / size - 1.0
        for one, size in ((rows, height), (columns, width))
    )
    return Points(y.repeat_interleave(len(x)), x.repeat(len(y)), (2.0 / height, 2.0 / width))


def _perceptron(into: int, hidden: int, out: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Linear(into, hidden), nn.ReLU()]
    for _ in range(3):
        layers += [nn.Linear(hidden, hidden), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden, out))


def _step(cell: float, size: int, known: Known) -> float:
    """Tell how far off a point its neighbours are looked for: about half a place."""
    return 1.0 / size if known.local else (1.0 - cell) / max(1, size - 1)


def _shifted(at: Float32[Tensor, " n"], step: float) -> Float32[Tensor, " n"]:
    """Move points towards a neighbouring place, within the image."""
    return (at + (step + NUDGE)).clamp(-1.0 + NUDGE, 1.0 - NUDGE)


def _nearest(at: Float32[Tensor, " n"], size: int) -> Int64[Tensor, " n"]:
    return torch.round(((at + 1.0) * size - 1.0) / 2.0).long().clamp(0, size - 1)


def _centre(index: Int64[Tensor, " n"], size: int) -> Float32[Tensor, " n"]:
    return (2.0 * index + 1.0) / size - 1.0


def _around(
    known: Known, row: Int64[Tensor, " n"], column: Int64[Tensor, " n"]
) -> Float32[Tensor, "b n m"]:
    if known.around is None:
        return _surroundings(known.features, row, column)
    return known.around.index_select(1, row * known.low.shape[3] + column)


def _surroundings(
    features: Float32[Tensor, "b h w c"], row: Int64[Tensor, " n"], column: Int64[Tensor, " n"]
) -> Float32[Tensor, "b n m"]:
    """Give the features of three by three places, channel by channel; 0 beyond the image."""
    height, width = features.shape[1:3]
    taps: list[Tensor] = []
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            y, x = row + dy, column + dx
            inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
            found = features[:, y.clamp(0, height - 1), x.clamp(0, width - 1)]
            taps.append(found * inside[:, None])
    return torch.stack(taps, dim=3).flatten(2)


def _bilinear(low: Float32[Tensor, "b 3 h w"], points: Points) -> Float32[Tensor, "b n 3"]:
    grid = torch.stack([points.x, points.y], dim=1)[None, None].expand(len(low), -1, -1, -1)
    found = functional.grid_sample(
        low, grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return found[:, :, 0].movedim(1, 2)
