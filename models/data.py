"""Patches to train on, made from plain pictures: a picture, photographed a few times.

The centre of a picture is the truth. Each reference is a photo of it: seen from some side at some
density, through a lens, in its own light, with noise and compression, brought back to the truth's
texels with a small error, and blind or wrong in places. What photos of one patch have in common
(density, noise, care) is drawn once for the patch, as one camera takes all photos of a capture.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64
from torch import Tensor
from torch.nn import functional

from texsr.models.alignment import TileReferences, compare
from texsr.models.degradation import (
    Light,
    Optics,
    as_bytes,
    compressed,
    lit,
    smooth_field,
    transfer,
)
from texsr.models.resample import enlarge_faithfully, reduce
from texsr.models.smoothing import blur

MARGIN_TX = 32  # high texels of picture around a patch: what lenses and compression blocks reach
FRAME_PX = 8  # of photo around the patch
MIN_FINER = 1.15  # photo px per texel above which a photo is reduced before it is sampled
MIN_WEIGHT = 1e-3  # below this a view says nothing
FEATHER_START_TX = 1.5  # low texels from what is hidden to where a view's weight begins
FEATHER_TX = (1.5, 3.0)  # low texels over which it grows, at an edge of the object
HANDOVER_TX, HANDOVER_ODDS = 16.0, 0.3  # the same where the choice of views changes, and how often
TRUST_BAND_TX, TRUST_WINDOW_TX = 3.0, 12.0
ALL_IRRELEVANT_ODDS = 0.04
SHADED_ODDS, HIGHLIGHT_ODDS, DEFOCUS_ODDS, MOTION_ODDS, SHARPENED_ODDS = 0.67, 0.33, 0.5, 0.3, 0.3

Span = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchSettings:
    """How far photos depart from the picture they show; zeros and ones leave it as it is."""

    side_tx: int = 64
    """Low texels on a side."""
    scale: int = 4
    """High texels per low texel."""
    references: tuple[int, int] = (0, 8)
    """Fewest and most; many are likelier than few."""
    density: Span = (0.3, 1.5)
    """Photo px per high texel along the surface that is not foreshortened."""
    turn_rad: float = math.pi
    """Photos are turned by up to this, either way; foreshortening may lie along any axis."""
    cosine: Span = (0.4, 1.0)
    """Of the angle of view."""
    lens_px: Span = (0.3, 0.5)
    """Standard deviation of the lens's blur, photo px."""
    defocus_px: float = 1.0
    """Most that focus adds to it."""
    motion_px: float = 1.5
    """Longest path of the camera during an exposure."""
    sharpening: float = 0.5
    """Most of the fine contrast that a camera adds once more."""
    exposure: float = 0.25
    """Largest relative change of brightness, of sRGB-encoded values."""
    white_balance: float = 0.08
    """The same of one channel beside another."""
    gamma: float = 0.1
    """Largest departure of the tone curve's exponent from 1."""
    shading: float = 0.35
    """Largest relative change of brightness from place to place."""
    highlight: float = 0.6
    """Brightest reflection of a lamp."""
    noise: Span = (0.5, 4.0)
    """Standard deviation of the sensor's noise, in 1/255."""
    jpeg_quality: tuple[int, int] | None = (75, 97)
    """None: photos are not compressed."""
    misalignment_px: float = 0.8
    """Largest RMS error, in photo px, of where a photo is taken to show a texel."""
    offset_px: float = 0.4
    """The same of the part that is one for the whole patch, either way on each axis."""
    hidden_odds: float = 0.6
    """That a view does not see all of the patch."""
    occluder_odds: float = 0.2
    """That something stands in a view's way where it is taken to see the patch."""
    irrelevant_odds: float = 0.07
    """That a photo shows something else altogether."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shoot:
    """What the photos of one patch have in common."""

    density: float
    noise: float
    quality: float  # [0, 1], where in the span of compression
    care: float  # [0, 1], 0 = as exact as can be


class _View(NamedTuple):
    optics: Optics
    cosine: float
    phase_px: Float64[np.ndarray, " 2"]  # of the lattice beside the patch's centre

    @property
    def px_per_texel(self) -> float:
        """Photo px per high texel, both axes together."""
        return math.sqrt(abs(float(np.linalg.det(self.optics.photo_from_source))))


class _Seen(NamedTuple):
    color: Float32[Tensor, "3 H W"]
    weight: Float32[Tensor, "H W"]
    prior: Float32[Tensor, "2 h w"]


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
        settings: how photos depart from the picture.
    """
    assert source.shape[1] == settings.source_side_tx
    inner = slice(MARGIN_TX, MARGIN_TX + settings.side_high_tx)
    truth = as_bytes(source[:, inner, inner])
    low = as_bytes(reduce(truth[None], settings.scale)[0])
    fewest, most = settings.references
    count = int(rng.integers(fewest, most + 1, 2).max())
    if count == 0:
        return Patch(low, truth, None)
    shoot = _draw_shoot(rng, settings)
    odds = 1.0 if _happens(rng, ALL_IRRELEVANT_ODDS * (settings.irrelevant_odds > 0)) else None
    pictures = others or (source.flip(1, 2).transpose(1, 2),)
    seen: list[_Seen] = []
    for _ in range(count):
        other = pictures[int(rng.integers(len(pictures)))]
        irrelevant = _happens(rng, settings.irrelevant_odds if odds is None else odds)
        shown = other if irrelevant else _occluded(source, other, rng, settings)
        seen.append(_reference(shown, rng, shoot, settings))
    return Patch(low, truth, _together(low, seen, settings))


def _happens(rng: np.random.Generator, odds: float) -> bool:
    return bool(rng.random() < odds)


def _draw_shoot(rng: np.random.Generator, settings: PatchSettings) -> _Shoot:
    least, most = settings.density
    noise = np.log(np.maximum(settings.noise, 1e-6))
    return _Shoot(
        density=float(np.exp(rng.uniform(math.log(least), math.log(most)))),
        noise=float(np.exp(rng.uniform(*noise))),
        quality=float(rng.random()),
        care=float(rng.random()),
    )


def _occluded(
    source: Tensor, other: Tensor, rng: np.random.Generator, settings: PatchSettings
) -> Float32[Tensor, "3 S S"]:
    """Put something else in front of a picture at times: a blob of any outline."""
    if not _happens(rng, settings.occluder_odds):
        return source
    side = source.shape[1]
    reach = float(np.exp(rng.uniform(math.log(12.0), math.log(side / 3))))
    field = smooth_field(rng, 1, (side, side), reach)
    bar = float(torch.quantile(field[:, ::4, ::4], 1.0 - float(rng.uniform(0.02, 0.2))))
    # Edges as soft as a texel: occluders are seen as sharply as the surface.
    share = (0.5 + (field - bar) * reach).clamp(0.0, 1.0)
    return torch.lerp(source, other, share)


def _reference(
    shown: Tensor, rng: np.random.Generator, shoot: _Shoot, settings: PatchSettings
) -> _Seen:
    """Take a photo of a picture, and bring it back to the patch."""
    view = _draw_view(rng, shoot, settings)
    photo = _taken(shown, view, settings)
    photo = lit(photo, _draw_light(rng, photo.shape[1:], view, settings))
    noise = shoot.noise * float(rng.uniform(0.75, 1.25)) / 255.0
    if settings.noise[1] > 0:
        grain = torch.from_numpy(rng.standard_normal(photo.shape, np.float32))
        photo = photo.add_(grain, alpha=noise)
    photo = as_bytes(photo)
    if settings.jpeg_quality is not None:
        worst, best = settings.jpeg_quality
        photo = compressed(photo, round(worst + (best - worst) * shoot.quality))
    color = _brought_back(photo, view, _misalignment(rng, shoot, view, settings), settings)
    weight, seen = _visibility(rng, settings)
    prior = torch.tensor([view.cosine, view.px_per_texel])[:, None, None] * seen
    return _Seen(color * (weight > 0), weight, prior)


def _draw_view(rng: np.random.Generator, shoot: _Shoot, settings: PatchSettings) -> _View:
    density = float(np.clip(shoot.density * np.exp(rng.uniform(-0.3, 0.3)), *settings.density))
    cosine = float(rng.uniform(*settings.cosine))
    turn, axis = rng.uniform(-1.0, 1.0, 2) * settings.turn_rad
    matrix = _rotation(turn) @ np.diag([density, density * cosine]) @ _rotation(axis)
    softness = rng.uniform(*settings.lens_px)
    if _happens(rng, DEFOCUS_ODDS):
        softness = math.hypot(softness, rng.uniform(0.0, settings.defocus_px))
    length = rng.uniform(0.0, settings.motion_px) * _happens(rng, MOTION_ODDS)
    direction = rng.uniform(0.0, math.pi)
    optics = Optics(
        photo_from_source=matrix,
        sigma_px=float(softness),
        motion_px=length * np.array([math.cos(direction), math.sin(direction)]),
        sharpening=rng.uniform(0.0, settings.sharpening) * _happens(rng, SHARPENED_ODDS),
    )
    return _View(optics, cosine, rng.uniform(-0.5, 0.5, 2))


def _rotation(angle: float) -> Float64[np.ndarray, "2 2"]:
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s], [s, c]])


def _taken(shown: Tensor, view: _View, settings: PatchSettings) -> Float32[Tensor, "3 h w"]:
    """Sample a picture on the photo lattice around the patch, through the optics."""
    side = shown.shape[1]
    spectrum = torch.fft.rfft2(shown) * transfer(view.optics, side)
    soft = torch.fft.irfft2(spectrum, s=(side, side))
    matrix = view.optics.photo_from_source
    reach = np.abs(matrix).sum(axis=1) * (settings.side_high_tx / 2) + FRAME_PX
    width, height = (2 * math.ceil(r) for r in reach)
    back = np.linalg.inv(matrix)
    step = back * np.array([width, height]) / side
    corner = -2.0 / side * (back @ view.phase_px)
    return _sampled(soft, _affine(step, corner, (height, width)))


def _brought_back(
    photo: Tensor, view: _View, moved_px: Float32[Tensor, "H W 2"], settings: PatchSettings
) -> Float32[Tensor, "3 H W"]:
    """Sample a photo at the patch's texels; photos finer than these are averaged first."""
    side = settings.side_high_tx
    half = torch.tensor([photo.shape[2] / 2, photo.shape[1] / 2])
    inverse = 1.0 / half.numpy()[:, None]
    step = view.optics.photo_from_source * (side / 2) * inverse
    grid = _affine(step, view.phase_px * inverse[:, 0], (side, side)) + moved_px / half
    color = _sampled(photo, grid)
    px = view.px_per_texel
    if px > MIN_FINER:
        coarser = min(1.0, math.log2(px / MIN_FINER) / math.log2(2.0 / MIN_FINER))
        color = torch.lerp(color, _sampled(functional.avg_pool2d(photo, 2), grid), coarser)
    return color.clamp_(0.0, 1.0)


def _affine(
    step: Float64[np.ndarray, "2 2"], corner: Float64[np.ndarray, " 2"], shape: tuple[int, int]
) -> Float32[Tensor, "h w 2"]:
    theta = torch.from_numpy(np.column_stack([step, corner]).astype(np.float32))
    return functional.affine_grid(theta[None], [1, 1, *shape], align_corners=False)[0]


def _sampled(plane: Tensor, grid: Float32[Tensor, "h w 2"]) -> Float32[Tensor, "c h w"]:
    return functional.grid_sample(
        plane[None], grid[None], mode="bicubic", padding_mode="reflection", align_corners=False
    )[0]


def _draw_light(
    rng: np.random.Generator, shape: tuple[int, int], view: _View, settings: PatchSettings
) -> Light:
    exposure = 1.0 + rng.uniform(-1.0, 1.0) * settings.exposure
    balance = 1.0 + rng.uniform(-1.0, 1.0, 3) * settings.white_balance
    shading, highlight = torch.ones(1, *shape), torch.zeros(1, *shape)
    lengths = np.exp(rng.uniform(math.log(48.0), math.log(400.0), 2)) * view.px_per_texel
    if _happens(rng, SHADED_ODDS):
        field = smooth_field(rng, 1, shape, float(lengths[0]))
        shading = 1.0 + field * float(rng.uniform(0.0, settings.shading))
    if _happens(rng, HIGHLIGHT_ODDS):
        field = smooth_field(rng, 1, shape, float(lengths[1]))
        bar = float(rng.uniform(0.0, 0.6))
        strength = float(rng.uniform(0.0, settings.highlight))
        highlight = (field - bar).clamp_min(0.0) * (strength / (1.0 - bar))
    return Light(
        gain=torch.from_numpy((exposure * balance).astype(np.float32))[:, None, None],
        gamma=1.0 + float(rng.uniform(-1.0, 1.0)) * settings.gamma,
        shading=shading,
        highlight=highlight,
    )


def _misalignment(
    rng: np.random.Generator, shoot: _Shoot, view: _View, settings: PatchSettings
) -> Float32[Tensor, "H W 2"]:
    """Draw by how many photo px a photo is misplaced at each texel."""
    side = settings.side_high_tx
    rms = settings.misalignment_px * shoot.care * float(rng.uniform(0.3, 1.0))
    offset = rng.uniform(-1.0, 1.0, 2) * settings.offset_px * shoot.care
    length = float(np.exp(rng.uniform(math.log(12.0), math.log(64.0))))
    field = smooth_field(rng, 2, (side, side), length)
    field = field * (rms / float(field.square().sum(0).mean().sqrt()))
    return field.permute(1, 2, 0) + torch.from_numpy(offset.astype(np.float32))


def _visibility(
    rng: np.random.Generator, settings: PatchSettings
) -> tuple[Float32[Tensor, "H W"], Bool[Tensor, "h w"]]:
    """Draw the weight of a view on the high texels, and which low texels it sees."""
    side = settings.side_tx
    handed_over = _happens(rng, HANDOVER_ODDS)
    ramp = HANDOVER_TX if handed_over else float(rng.uniform(*FEATHER_TX))
    if not _happens(rng, settings.hidden_odds):
        return torch.ones(settings.side_high_tx, settings.side_high_tx), torch.ones(side, side) > 0
    inside = _half_plane(rng, side) if _happens(rng, 0.5) else _blobs(rng, side)
    weight = ((inside - FEATHER_START_TX) / ramp).clamp(0.0, 1.0)
    high = functional.interpolate(
        weight[None, None], scale_factor=settings.scale, mode="bilinear", align_corners=False
    )[0, 0]
    return high * (high > MIN_WEIGHT), inside > 0


def _half_plane(rng: np.random.Generator, side: int) -> Float32[Tensor, "h w"]:
    """Distance in texels to a straight border, negative beyond it."""
    angle = rng.uniform(0.0, 2.0 * math.pi)
    place = torch.arange(side) + 0.5 - side / 2
    across = place[None] * math.cos(angle) + place[:, None] * math.sin(angle)
    return across + float(rng.uniform(-0.3, 0.5)) * side


def _blobs(rng: np.random.Generator, side: int) -> Float32[Tensor, "h w"]:
    """Distance to a curved border, to first order; negative beyond it."""
    field = smooth_field(rng, 1, (side, side), float(rng.uniform(8.0, side)))[0]
    field = field - torch.quantile(field, float(rng.uniform(0.1, 0.6)))
    down, across = torch.gradient(field)
    return field / torch.hypot(down, across).clamp_min(1e-4)


def _together(
    low: Float32[Tensor, "3 h w"], seen: list[_Seen], settings: PatchSettings
) -> PatchReferences:
    color, weight, prior = (torch.stack(parts) for parts in zip(*seen, strict=True))
    tile = TileReferences(color, weight[:, None], prior, torch.ones(len(seen), 1, 1, 1))
    trust = _trust(low[None], tile, settings.scale)
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
    pp, pa = (blur(part, TRUST_WINDOW_TX) for part in (photo * photo, photo * atlas))
    explained = (pa.clamp_min(0.0) ** 2 / (pp + 1e-9)).sum((1, 2, 3))
    return (explained / (atlas * atlas).sum((1, 2, 3)).clamp_min(1e-9)).clamp(0.0, 1.0)
