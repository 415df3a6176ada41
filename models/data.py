"""Patches to train on, made from plain pictures: a picture, photographed a few times.

The centre of a picture is the truth. Each reference is a photo of it (`texsr.models.photography`):
seen from some side at some density, through a lens, in its own light, with noise and compression,
brought back to the truth's texels with a small error, and blind or wrong in places.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float32
from torch import Tensor
from torch.nn import functional

from texsr.models.alignment import TileReferences, compare
from texsr.models.degradation import as_bytes, smooth_field
from texsr.models.photography import (
    MARGIN_TX,
    PhotoSettings,
    Returned,
    draw_shoot,
    happens,
    photograph,
)
from texsr.models.resample import enlarge_faithfully, reduce
from texsr.models.smoothing import blur

MIN_WEIGHT = 1e-3  # below this a view says nothing
FEATHER_START_TX = 1.5  # low texels from what is hidden to where a view's weight begins
FEATHER_TX = (1.5, 3.0)  # low texels over which it grows, at an edge of the object
HANDOVER_TX, HANDOVER_ODDS = 16.0, 0.3  # the same where the choice of views changes, and how often
TRUST_BAND_TX, TRUST_WINDOW_TX = 3.0, 12.0  # low texels
OCCLUDER_SHARE = (0.02, 0.2)  # of the patch
SMALLEST_OCCLUDER_TX = 12.0  # high texels


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchSettings:
    """What to make of a picture."""

    side_tx: int = 64
    """Low texels on a side."""
    scale: int = 4
    """High texels per low texel."""
    references: tuple[int, int] = (0, 8)
    """Fewest and most; many are likelier than few."""
    photo: PhotoSettings = field(default_factory=PhotoSettings)
    """How photos depart from the picture."""
    hidden_odds: float = 0.75
    """That a view does not see all of the patch."""
    occluder_odds: float = 0.2
    """That something stands in a view's way where it is taken to see the patch."""
    irrelevant_odds: float = 0.07
    """That a photo shows something else altogether."""
    all_irrelevant_odds: float = 0.03
    """That all photos of a patch do."""

    @property
    def side_high_tx(self) -> int:
        """High texels on a side."""
        return self.side_tx * self.scale

    @property
    def source_side_tx(self) -> int:
        """Side of the picture that a patch is drawn from."""
        return self.side_high_tx + 2 * MARGIN_TX


class PatchReferences(NamedTuple):
    """The references of a patch, as an upscaler gets them (`texsr.models.protocol`)."""

    color: Float32[Tensor, "1 k 3 H W"]
    weight: Float32[Tensor, "1 k H W"]
    prior: Float32[Tensor, "1 k 2 h w"]
    trust: Float32[Tensor, "1 k"]


class Patch(NamedTuple):
    """A tile with its answer, as eight bits hold them."""

    low: Float32[Tensor, "3 h w"]
    truth: Float32[Tensor, "3 H W"]
    references: PatchReferences | None  # None: there are none


class _Sight(NamedTuple):
    color: Float32[Tensor, "3 H W"]  # 0 where the weight is 0
    weight: Float32[Tensor, "H W"]
    prior: Float32[Tensor, "2 h w"]  # 0 where hidden


def draw_patch(
    source: Float32[Tensor, "3 S S"],
    others: Sequence[Float32[Tensor, "3 S S"]],
    rng: np.random.Generator,
    settings: PatchSettings,
) -> Patch:
    """Draw a patch from the centre of a picture.

    Args:
        source: sRGB-encoded, [0, 1], `settings.source_side_tx` on a side.
        others: pictures of other things, for photos and places that show something else; where
            there are none, the source turned over stands in.
        rng: the same state gives the same patch.
        settings: what to make.
    """
    assert source.shape[1] == settings.source_side_tx
    truth = as_bytes(source[:, MARGIN_TX:-MARGIN_TX, MARGIN_TX:-MARGIN_TX])
    low = as_bytes(reduce(truth[None], settings.scale)[0])
    fewest, most = settings.references
    count = int(rng.integers(fewest, most + 1, 2).max())
    if count == 0:
        return Patch(low, truth, None)
    pictures = others or (source.flip(1, 2).transpose(1, 2),)
    shoot = draw_shoot(rng, settings.source_side_tx, settings.photo)
    astray = happens(rng, settings.all_irrelevant_odds)
    sights: list[_Sight] = []
    for _ in range(count):
        other = pictures[int(rng.integers(len(pictures)))]
        irrelevant = happens(rng, settings.irrelevant_odds) or astray
        shown = other if irrelevant else _occluded(source, other, rng, settings.occluder_odds)
        photo = photograph(shown, rng, shoot, settings.photo)
        sights.append(_seen_in_part(photo, rng, settings))
    return Patch(low, truth, _together(low, sights, settings.scale))


def _occluded(
    source: Tensor, other: Tensor, rng: np.random.Generator, odds: float
) -> Float32[Tensor, "3 S S"]:
    """Put something else in front of a picture at times: blobs of any outline."""
    if not happens(rng, odds):
        return source
    side = source.shape[1]
    reach = float(np.exp(rng.uniform(math.log(SMALLEST_OCCLUDER_TX), math.log(side / 3))))
    plane = smooth_field(rng, 1, (side, side), reach)
    bar = float(torch.quantile(plane[:, ::4, ::4], 1.0 - float(rng.uniform(*OCCLUDER_SHARE))))
    # Edges as soft as a texel: occluders are seen as sharply as the surface.
    return torch.lerp(source, other, (0.5 + (plane - bar) * reach).clamp(0.0, 1.0))


def _seen_in_part(photo: Returned, rng: np.random.Generator, settings: PatchSettings) -> _Sight:
    weight, seen = _visibility(rng, settings)
    prior = torch.tensor([photo.cosine, photo.px_per_texel])[:, None, None] * seen
    return _Sight(photo.color * (weight > 0), weight, prior)


def _visibility(
    rng: np.random.Generator, settings: PatchSettings
) -> tuple[Float32[Tensor, "H W"], Bool[Tensor, "h w"]]:
    """Draw the weight of a view on the high texels, and which low texels it sees."""
    side, scale = settings.side_tx, settings.scale
    handed_over = happens(rng, HANDOVER_ODDS)
    ramp = HANDOVER_TX if handed_over else float(rng.uniform(*FEATHER_TX))
    if not happens(rng, settings.hidden_odds):
        return torch.ones(side * scale, side * scale), torch.ones(side, side) > 0
    inside = _half_plane(rng, side) if happens(rng, 0.5) else _blobs(rng, side)
    # The distance is a first-order one: what touches a hidden texel is found by looking.
    touches = functional.max_pool2d((inside <= 0).float()[None], 3, stride=1, padding=1)
    weight = ((inside - FEATHER_START_TX) / ramp).clamp(0.0, 1.0) * (1.0 - touches)
    high = functional.interpolate(
        weight[None], scale_factor=scale, mode="bilinear", align_corners=False
    )[0, 0]
    return high * (high > MIN_WEIGHT), inside > 0


def _half_plane(rng: np.random.Generator, side: int) -> Float32[Tensor, "h w"]:
    """Distance in texels to a straight border, negative beyond it."""
    angle = rng.uniform(0.0, 2.0 * math.pi)
    place = torch.arange(side) + 0.5 - side / 2
    across = place[None] * math.cos(angle) + place[:, None] * math.sin(angle)
    return across + float(rng.uniform(-0.35, 0.4)) * side


def _blobs(rng: np.random.Generator, side: int) -> Float32[Tensor, "h w"]:
    """Distance to a curved border, to first order; negative beyond it."""
    field = smooth_field(rng, 1, (side, side), float(rng.uniform(8.0, side)))[0]
    field = field - torch.quantile(field, float(rng.uniform(0.15, 0.65)))
    down, across = torch.gradient(field)
    return field / torch.hypot(down, across).clamp_min(1e-4)


def _together(low: Float32[Tensor, "3 h w"], sights: list[_Sight], scale: int) -> PatchReferences:
    color, weight, prior = (torch.stack(parts) for parts in zip(*sights, strict=True))
    tile = TileReferences(color, weight[:, None], prior, torch.ones(len(sights), 1, 1, 1))
    trust = _trust(low[None], tile, scale)
    return PatchReferences(color[None], weight[None], prior[None], trust[None])


def _trust(
    low: Float32[Tensor, "1 3 h w"], references: TileReferences, scale: int
) -> Float32[Tensor, " k"]:
    """Squared correlation of each photo with the low texels, under local gains.

    As a run fits whole photos to the atlas (`texsr.pipeline.stages.calibrate`).
    """
    compared = compare(low, enlarge_faithfully(low, scale), references, scale)
    whole = compared.whole
    around = blur(whole, TRUST_BAND_TX).clamp_min(1e-4)
    photo, atlas = (
        (plane - blur(plane * whole, TRUST_BAND_TX) / around) * whole
        for plane in (compared.photo, compared.atlas)
    )
    pp, aa, pa = (
        blur(part, TRUST_WINDOW_TX) for part in (photo * photo, atlas * atlas, photo * atlas)
    )
    explained = (pa.clamp_min(0.0) ** 2 / (pp + 1e-9)).sum((1, 2, 3))
    return (explained / aa.sum((1, 2, 3)).clamp_min(1e-9)).clamp(0.0, 1.0)
