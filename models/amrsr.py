"""AMRSR: any number of references that no geometry aligns, attended to part by part.

Source: Pesavento, Volino, Hilton, "Attention-based Multi-Reference Learning for Image
Super-Resolution", ICCV 2021, with its supplement. No code was ever released. Top to bottom:

- The features of a reference and of the enlarged low image are those of VGG19 (relu1_1, 2_1, 3_1).
- *INPUTATT*: every patch of the low image takes its best match in one part of one reference, and
  the features found make a swapped map at each level.
- *REFATT*: at each place the swapped maps of all parts, then those of all references, are compared
  with the low image once more, and the most similar is taken. Since it sees maps in which
  neighbouring patches were averaged, it favours what hangs together.
- The generator takes the maps in, from the coarsest to the finest.

Table 1 of the supplement has a third enlargement in its row 40, which would give x8 and no colour;
it is read as the output convolution. "Sub-vectors" of the low features are read as groups of
channels, each of which chooses for itself. References are looked at window by window (`looking`),
matched without the table of likenesses (`matching`), and gathered (`transfer`): memory depends
neither on their size nor on their number.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, final

import torch
from jaxtyping import Bool, Float32
from torch import Tensor, nn
from torch.nn import functional

from texsr.models.blocks import residual_blocks
from texsr.models.configuration import ADDED_LATER
from texsr.models.looking import Looked
from texsr.models.matching import LEAST_NORM, REACH, RunningMatch
from texsr.models.nearby import NearMatch
from texsr.models.parts import Choice, Parts, compared, cut, parts_of, times
from texsr.models.port import silence
from texsr.models.resample import enlarge, reduce
from texsr.models.transfer import Carried
from texsr.models.vgg import WIDTHS, VggTrunk

SCALE = 4
SLOPE = 0.2  # of LeakyReLU, as SRNTT's
KEY_WINDOW = 34, 130  # sites: keys are made in windows of so many, which share two


@dataclass(frozen=True, slots=True, kw_only=True)
class AmrsrConfig:
    """The size of the network; the defaults are as published."""

    width: int = 64
    """Channels of the generator."""
    content_blocks: int = 16
    """Residual blocks that see the low image alone."""
    fusion_blocks: tuple[int, int, int] = (16, 8, 4)
    """Residual blocks at the low size, at twice and at four times that."""
    trunk: tuple[int, int, int] = WIDTHS
    """Channels of the features, finest first."""
    over_base: bool = False
    """Add to the bicubic enlargement instead of making colour anew: not as published."""
    running: bool = field(default=False, metadata=ADDED_LATER)
    """Take the most similar patch of all references where nothing else is asked for, which serves
    narrow trunks better; False: attend level by level, as published."""

    @property
    def parts(self) -> Parts:
        """How references are attended to where nothing else is asked for."""
        return Parts(choice=Choice.RUNNING if self.running else Choice.LEVELS)


class Swapped(NamedTuple):
    """What references hold for each place of a low image."""

    levels: list[Float32[Tensor, "c h w"]]
    """Finest first; the last is of the size of the low image."""
    weight: Float32[Tensor, "h w"]
    """Similarity of what was taken, [-1, 1]; 0 without references."""


@final
class Amrsr(nn.Module):
    """Trunk, attention and generator."""

    def __init__(self, config: AmrsrConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = VggTrunk(config.trunk)
        self.generator = Generator(config)

    def forward(
        self,
        low: Float32[Tensor, "3 h w"],
        references: Sequence[Float32[Tensor, "3 _ _"]],
        parts: Parts | None = None,
    ) -> Float32[Tensor, "3 H W"]:
        """Make an image four times larger.

        Args:
            low: sRGB-encoded, [0, 1], of any size.
            references: of any number and sizes, as sharp as the answer should be.
            parts: how they are cut up and chosen from; None: as configured.
        """
        return self.attended(low, references, parts)[0]

    def attended(
        self,
        low: Float32[Tensor, "3 h w"],
        references: Sequence[Tensor],
        parts: Parts | None = None,
    ) -> tuple[Float32[Tensor, "3 H W"], Swapped]:
        """Make an image four times larger, and tell what was taken from references."""
        swapped = self.attend(low, references, parts or self.config.parts)
        return self.generator(low[None], [level[None] for level in swapped.levels])[0], swapped

    def attend(
        self, low: Float32[Tensor, "3 h w"], references: Sequence[Tensor], parts: Parts
    ) -> Swapped:
        """Find what references hold for each place of the low image.

        Gradients pass through what is taken, not through the choice.
        """
        if any(channels % parts.vectors for channels in self.config.trunk):
            raise ValueError(
                f"vectors: found {parts.vectors}; expected a number that divides "
                f"{self.config.trunk}"
            )
        with torch.no_grad():
            query = Looked(enlarge(low[None], SCALE)[0], self.trunk).sites()
        whole = self._nothing(query)
        for rows, columns in cut(query.shape[1], query.shape[2], parts.of_input):
            part = self._attend(query[:, rows, columns], references, parts)
            whole.weight[rows, columns] = part.weight
            for level, found in zip(whole.levels, part.levels, strict=True):
                block = level.shape[1] // query.shape[1]
                level[:, times(rows, block), times(columns, block)] = found
        height, width = low.shape[1:]  # the query may have been extended to be as large as a patch
        blocks = [level.shape[1] // query.shape[1] for level in whole.levels]
        levels = [
            level[:, : height * block, : width * block]
            for level, block in zip(whole.levels, blocks, strict=True)
        ]
        return Swapped(levels, whole.weight[:height, :width])

    def _nothing(self, query: Tensor) -> Swapped:
        carried = Carried(query.shape[1], query.shape[2], self.config.trunk, query)
        return Swapped(carried.levels(), torch.zeros_like(query[0]))

    def _attend(
        self, query: Float32[Tensor, "c h w"], references: Sequence[Tensor], parts: Parts
    ) -> Swapped:
        """Attend to all references with one part of the low image."""
        if not references:
            return self._nothing(query)
        if parts.choice is Choice.RUNNING:
            pictures = [part for one in references for part in parts_of(one, parts)]
            return self._most_similar(query, pictures, parts.reach)
        winners = (
            _best(
                query,
                (self._most_similar(query, some, parts.reach) for some in together),
                parts.vectors,
            )
            for together in compared(references, parts)
        )
        return _best(query, winners, parts.vectors)

    def _most_similar(
        self, query: Float32[Tensor, "c h w"], pictures: list[Tensor], reach: int | None
    ) -> Swapped:
        """INPUTATT: for each patch the most similar one of all in some pictures."""
        running = RunningMatch(query) if reach is None else NearMatch(query, reach)
        first = [0]
        for picture in pictures:
            blurred = enlarge(reduce(picture[None], SCALE), SCALE)[0]
            keys = Looked(blurred, self.trunk)
            across = keys.width - REACH
            window_sites = KEY_WINDOW if reach is None else (keys.height, keys.width)
            for window in keys.windows(*window_sites, shared=REACH):
                number = first[-1] + window.top * across + window.left
                with torch.no_grad():
                    running.look_at(keys.sites(window), first=number, across=across)
            first.append(first[-1] + (keys.height - REACH) * across)
        found = running.found()
        carried = Carried(query.shape[1], query.shape[2], self.config.trunk, query)
        for picture, start, stop in zip(pictures, first, first[1:], strict=False):
            inside = (found.patch[0] >= start) & (found.patch[0] < stop)
            patch = torch.where(inside, found.patch[0] - start, -1)
            carried.fetch(patch, Looked(picture, self.trunk))
        weight = functional.pad(found.similarity[None], (1, 1, 1, 1), mode="replicate")[0, 0]
        return Swapped(carried.levels(), weight)


def _best(query: Float32[Tensor, "c h w"], offered: Iterator[Swapped], num_vectors: int) -> Swapped:
    """REFATT: at each place, and for each group of channels, take the most similar of the maps."""
    best: Swapped | None = None
    scores = query.new_full((num_vectors, *query.shape[1:]), -torch.inf)
    for one in offered:
        found = _similarity(query, one.levels[-1], num_vectors)
        better = found > scores
        scores = torch.where(better, found, scores)
        if best is None:
            best = one
            continue
        levels = [
            torch.where(_spread(better, new), new, old)
            for new, old in zip(one.levels, best.levels, strict=True)
        ]
        best = Swapped(levels, best.weight)
    assert best is not None
    return best._replace(weight=scores.mean(0))


@torch.no_grad()
def _similarity(
    query: Float32[Tensor, "c h w"], swapped: Float32[Tensor, "c h w"], num_vectors: int
) -> Float32[Tensor, "n h w"]:
    """Cosine of the patches around each place, for each group of channels."""
    groups = [plane.unflatten(0, (num_vectors, -1)) for plane in (query, swapped)]
    inner, one, other = (
        functional.avg_pool2d(product.sum(1)[None], 3, stride=1, padding=1)[0]
        for product in (groups[0] * groups[1], groups[0].square(), groups[1].square())
    )
    return inner / (one * other).sqrt().clamp_min(LEAST_NORM)


def _spread(better: Bool[Tensor, "n h w"], like: Tensor) -> Bool[Tensor, "c H W"]:
    """Repeat a choice for each channel of its group, and each texel of its site."""
    block = like.shape[1] // better.shape[1]
    better = better.repeat_interleave(like.shape[0] // better.shape[0], 0)
    return better.repeat_interleave(block, 1).repeat_interleave(block, 2)


@final
class Generator(nn.Module):
    """Table 1 of the supplement: an image from a low one and swapped maps."""

    def __init__(self, config: AmrsrConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.enter = nn.Conv2d(3, width, 3, padding=1)
        self.content = _refining(width, config.content_blocks)
        self.stages = nn.ModuleList(
            _Stage(width, taken, num_blocks)
            for taken, num_blocks in zip(reversed(config.trunk), config.fusion_blocks, strict=True)
        )
        self.larger = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.LeakyReLU(SLOPE)
            )
            for _ in range(2)
        )
        self.leave = nn.Sequential(
            nn.Conv2d(width, width // 2, 3, padding=1), nn.Conv2d(width // 2, 3, 1)
        )
        if config.over_base:  # nothing is added at first
            silence(*self.leave[-1].parameters())

    def forward(
        self, low: Float32[Tensor, "b 3 h w"], levels: Sequence[Float32[Tensor, "b _ _ _"]]
    ) -> Float32[Tensor, "b 3 H W"]:
        """Make images four times larger; `levels` are swapped maps, finest first."""
        features = functional.leaky_relu(self.enter(2.0 * low - 1.0), SLOPE)
        features = features + self.content(features)
        for index, swapped in enumerate(reversed(levels)):
            features = self.stages[index](features, swapped)
            if index < len(self.larger):
                features = self.larger[index](features)
        color = self.leave(features)
        if self.config.over_base:
            return enlarge(low, SCALE) + color
        return 0.5 + 0.5 * torch.tanh(color)


@final
class _Stage(nn.Module):
    """Takes in what references hold, at one size."""

    def __init__(self, width: int, taken: int, num_blocks: int) -> None:
        super().__init__()
        self.merge = nn.Conv2d(width + taken, width, 3, padding=1)
        self.refine = _refining(width, num_blocks)

    def forward(self, features: Tensor, swapped: Tensor) -> Tensor:
        merged = functional.leaky_relu(self.merge(torch.cat([features, swapped], 1)), SLOPE)
        return features + self.refine(merged)


def _refining(width: int, num_blocks: int) -> nn.Sequential:
    """Residual blocks and a convolution; the shortcut around all of them is the caller's."""
    return nn.Sequential(residual_blocks(width, num_blocks), nn.Conv2d(width, width, 3, padding=1))
