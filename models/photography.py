"""One photo of a flat patch: taken, and brought back to the texels that it shows.

The photo lattice lies turned and foreshortened on the picture. What comes back is what a run's own
resampling gives of a real photo, its errors included: the light differs, and poses are a little
off. What the photos of one patch have in common is drawn once, as one camera takes all photos of a
capture.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Float64
from torch import Tensor
from torch.nn import functional

from texsr.models.degradation import (
    Light,
    Optics,
    as_bytes,
    compressed,
    lit,
    smooth_field,
    transfer,
)

MARGIN_TX = 32  # high texels of picture around a patch: what lenses and compression blocks reach
FRAME_PX = 8  # of photo around the patch
MIN_FINER = 1.15  # photo px per texel above which a photo is reduced before it is sampled
SHADED_ODDS, HIGHLIGHT_ODDS, RELIEF_ODDS = 0.67, 0.33, 0.35
DEFOCUS_ODDS, MOTION_ODDS, SHARPENED_ODDS = 0.35, 0.3, 0.3
RELIEF_TX = (6.0, 12.0, 24.0)  # high texels: sizes of bumps, each as steep as the others

Span = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoSettings:
    """How far photos depart from the picture they show; zeros and ones leave it as it is."""

    density: Span = (0.3, 1.5)
    """Photo px per high texel, along the direction that is not foreshortened."""
    turn_rad: float = math.pi
    """Photos are turned by up to this, either way; foreshortening may lie along any axis."""
    cosine: Span = (0.2, 1.0)
    """Of the angle of view."""
    lens_px: Span = (0.3, 0.5)
    """Standard deviation of the lens's blur."""
    defocus_px: float = 1.0
    """Most that focus adds to it."""
    motion_px: float = 1.5
    """Longest path of the camera during an exposure."""
    sharpening: float = 0.5
    """Most of the fine contrast that a camera adds once more."""
    exposure: float = 0.25
    """Largest relative change of brightness, of sRGB-encoded values."""
    white_balance: float = 0.08
    """The same of each channel by itself."""
    gamma: float = 0.1
    """Largest departure of the tone curve's exponent from 1."""
    shading: float = 0.35
    """Largest relative change of brightness from place to place."""
    relief: float = 0.12
    """The same by small bumps, whose bright sides change with the light; RMS."""
    highlight: float = 0.6
    """Brightest reflection of a lamp."""
    noise: Span = (0.5, 4.0)
    """Standard deviation of the sensor's noise, in 1/255."""
    jpeg_quality: tuple[int, int] | None = (75, 97)
    """None: photos are not compressed."""
    misalignment_px: float = 0.8
    """Largest RMS error of where a photo is taken to show a texel."""
    offset_px: float = 0.4
    """Largest part of it that is one for the whole patch, either way on each axis."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shoot:
    """What the photos of one patch have in common: the camera, the care, the surface."""

    density: float
    noise: float
    quality: float  # [0, 1], where in the span of compression
    slack: float  # [0, 1], of the poses; 0: exact
    slopes: Float32[Tensor, "2 S S"] | None  # of the surface's bumps; None: it has none


class Returned(NamedTuple):
    """A photo, brought back to the patch."""

    color: Float32[Tensor, "3 H W"]
    cosine: float
    px_per_texel: float  # high texels; both axes together


class _View(NamedTuple):
    optics: Optics
    cosine: float
    phase_px: Float64[np.ndarray, " 2"]  # of the lattice beside the patch's centre

    @property
    def px_per_texel(self) -> float:
        """Photo px per high texel, both axes together."""
        return math.sqrt(abs(float(np.linalg.det(self.optics.photo_from_source))))


def draw_shoot(rng: np.random.Generator, source_side_tx: int, settings: PhotoSettings) -> Shoot:
    """Draw what the photos of one patch share."""
    density, noise = np.log(np.maximum([settings.density, settings.noise], 1e-6))
    return Shoot(
        density=float(np.exp(rng.uniform(*density))),
        noise=float(np.exp(rng.uniform(*noise))),
        quality=float(rng.random()),
        slack=float(rng.random()),
        slopes=_draw_slopes(rng, source_side_tx, settings),
    )


def photograph(
    shown: Float32[Tensor, "3 S S"], rng: np.random.Generator, shoot: Shoot, settings: PhotoSettings
) -> Returned:
    """Take a photo of a picture, and bring it back to the patch in the picture's middle.

    Args:
        shown: sRGB-encoded, [0, 1]; the patch with `MARGIN_TX` more on every side.
        rng: the same state gives the same photo.
        shoot: what the photos of the patch share.
        settings: how far photos depart from the picture.
    """
    side = shown.shape[1] - 2 * MARGIN_TX
    view = _draw_view(rng, shoot, settings)
    photo = _taken(_in_relief(shown, rng, shoot), view, side)
    _, height, width = photo.shape
    photo = lit(photo, _draw_light(rng, (height, width), view, settings))
    photo = _developed(photo, rng, shoot, settings)
    color = _brought_back(photo, view, _misalignment(rng, shoot, side, settings))
    return Returned(color, view.cosine, view.px_per_texel)


def happens(rng: np.random.Generator, odds: float) -> bool:
    """Toss a coin."""
    return bool(rng.random() < odds)


def _draw_slopes(
    rng: np.random.Generator, side: int, settings: PhotoSettings
) -> Float32[Tensor, "2 S S"] | None:
    if not happens(rng, RELIEF_ODDS) or settings.relief == 0.0:
        return None
    height = sum(smooth_field(rng, 1, (side, side), reach) * reach for reach in RELIEF_TX)
    assert isinstance(height, Tensor)
    slopes = torch.cat(torch.gradient(height, dim=(1, 2)))
    strength = float(rng.uniform(0.1, 1.0)) * settings.relief
    return slopes * (strength / float(slopes.square().mean().sqrt()))


def _in_relief(shown: Tensor, rng: np.random.Generator, shoot: Shoot) -> Float32[Tensor, "3 S S"]:
    """Light the bumps of a surface from some side."""
    towards = rng.uniform(0.0, 2.0 * math.pi)
    if shoot.slopes is None:
        return shown
    down, across = shoot.slopes
    shade = 1.0 + down * math.sin(towards) + across * math.cos(towards)
    return (shown * shade.clamp_min(0.2)).clamp_max_(1.0)


def _draw_view(rng: np.random.Generator, shoot: Shoot, settings: PhotoSettings) -> _View:
    density = float(np.clip(shoot.density * np.exp(rng.uniform(-0.3, 0.3)), *settings.density))
    cosine = float(rng.uniform(*settings.cosine))
    turn, axis = rng.uniform(-1.0, 1.0, 2) * settings.turn_rad
    matrix = _rotation(turn) @ np.diag([density, density * cosine]) @ _rotation(axis)
    softness = rng.uniform(*settings.lens_px)
    if happens(rng, DEFOCUS_ODDS):
        softness = math.hypot(softness, rng.uniform(0.0, settings.defocus_px))
    length = rng.uniform(0.0, settings.motion_px) * happens(rng, MOTION_ODDS)
    direction = rng.uniform(0.0, math.pi)
    optics = Optics(
        photo_from_source=matrix,
        sigma_px=float(softness),
        motion_px=length * np.array([math.cos(direction), math.sin(direction)]),
        sharpening=rng.uniform(0.0, settings.sharpening) * happens(rng, SHARPENED_ODDS),
    )
    return _View(optics, cosine, rng.uniform(-0.5, 0.5, 2))


def _rotation(angle: float) -> Float64[np.ndarray, "2 2"]:
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s], [s, c]])


def _taken(shown: Tensor, view: _View, patch_side: int) -> Float32[Tensor, "3 h w"]:
    """Sample a picture on the photo lattice around the patch, through the optics."""
    side = shown.shape[1]
    spectrum = torch.fft.rfft2(shown) * transfer(view.optics, side)
    soft = torch.fft.irfft2(spectrum, s=(side, side))
    matrix = view.optics.photo_from_source
    reach = np.abs(matrix).sum(axis=1) * (patch_side / 2) + FRAME_PX
    width, height = (2 * math.ceil(r) for r in reach)
    back = np.linalg.inv(matrix)
    step = back * np.array([width, height]) / side
    corner = -2.0 / side * (back @ view.phase_px)
    return _sampled(soft, _affine(step, corner, (height, width)))


def _developed(
    photo: Tensor, rng: np.random.Generator, shoot: Shoot, settings: PhotoSettings
) -> Float32[Tensor, "3 h w"]:
    """Add the sensor's noise, and compress."""
    noise = shoot.noise * float(rng.uniform(0.75, 1.25)) / 255.0
    grain = torch.from_numpy(rng.standard_normal(photo.shape, np.float32))
    noisy = as_bytes(photo + grain * noise)
    if settings.jpeg_quality is None:
        return noisy
    worst, best = settings.jpeg_quality
    return compressed(noisy, round(worst + (best - worst) * shoot.quality))


def _brought_back(
    photo: Tensor, view: _View, moved_px: Float32[Tensor, "H W 2"]
) -> Float32[Tensor, "3 H W"]:
    """Sample a photo at the patch's texels; photos finer than these are averaged first."""
    side = len(moved_px)
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
    rng: np.random.Generator, shape: tuple[int, int], view: _View, settings: PhotoSettings
) -> Light:
    exposure = 1.0 + rng.uniform(-1.0, 1.0) * settings.exposure
    balance = 1.0 + rng.uniform(-1.0, 1.0, 3) * settings.white_balance
    shading, highlight = torch.ones(1, *shape), torch.zeros(1, *shape)
    lengths = np.exp(rng.uniform(math.log(48.0), math.log(400.0), 2)) * view.px_per_texel
    if happens(rng, SHADED_ODDS):
        field = smooth_field(rng, 1, shape, float(lengths[0]))
        shading = 1.0 + field * float(rng.uniform(0.0, settings.shading))
    if happens(rng, HIGHLIGHT_ODDS):
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
    rng: np.random.Generator, shoot: Shoot, side: int, settings: PhotoSettings
) -> Float32[Tensor, "H W 2"]:
    """Draw by how many photo px a photo is misplaced at each texel."""
    rms = settings.misalignment_px * shoot.slack * float(rng.uniform(0.5, 1.0))
    offset = rng.uniform(-1.0, 1.0, 2) * settings.offset_px * shoot.slack
    length = float(np.exp(rng.uniform(math.log(12.0), math.log(64.0))))
    field = smooth_field(rng, 2, (side, side), length)
    field = field * (rms / float(field.square().sum(0).mean().sqrt()))
    return field.permute(1, 2, 0) + torch.from_numpy(offset.astype(np.float32))
