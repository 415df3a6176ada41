"""What a camera does to a flat picture: optics, light, noise, compression.

Optics are one transfer function on the picture's spectrum, so that a photo lattice of any density,
turn and foreshortening is sampled without aliasing beyond what a lens and square pixels leave.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Float64
from torch import Tensor
from torch.nn import functional

SHARPENING_SIGMA_PX = 1.0  # of the unsharp mask that cameras apply
BLOCK_PX = 8
MCU_PX = 2 * BLOCK_PX  # chroma is halved: blocks of chroma are twice as wide on the photo

# ITU-T T.81, annex K: quantisation of luminance and chrominance at quality 50.
LUMA_STEPS = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA_STEPS = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
YCC_FROM_RGB = (
    (0.299, 0.587, 0.114),
    (-0.168736, -0.331264, 0.5),
    (0.5, -0.418688, -0.081312),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Optics:
    """How a photo lattice lies on a picture, and how sharply it shows it."""

    photo_from_source: Float64[np.ndarray, "2 2"]  # px from texels
    sigma_px: float = 0.0  # of lens and focus together
    motion_px: Float64[np.ndarray, " 2"]  # path of the camera during the exposure
    sharpening: float = 0.0  # by the camera: share of the fine contrast added once more


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Light:
    """How bright a photo is beside the picture; values are sRGB-encoded."""

    gain: Float32[Tensor, "3 1 1"]  # exposure and white balance
    gamma: float
    shading: Float32[Tensor, "1 h w"]  # multiplies
    highlight: Float32[Tensor, "1 h w"]  # is added


def smooth_field(
    rng: np.random.Generator, channels: int, shape: tuple[int, int], reach: float
) -> Float32[Tensor, "c h w"]:
    """Draw smooth random planes.

    Args:
        rng: the same state gives the same field.
        channels: how many planes.
        shape: rows and columns.
        reach: correlation length in samples.

    Returns:
        [-1, 1], one of the ends taken in every plane.
    """
    cells = (math.ceil(size / reach) + 1 for size in shape)
    coarse = torch.from_numpy(rng.standard_normal((channels, *cells), np.float32))
    field = functional.interpolate(coarse[None], size=shape, mode="bicubic", align_corners=False)[0]
    return field / field.abs().amax((1, 2), keepdim=True).clamp_min(1e-6)


def transfer(optics: Optics, side: int) -> Float32[Tensor, "s r"]:
    """Give what optics leave of each frequency of a square picture, laid out as by `rfft2`.

    The picture's own texels have averaged already: only what photo pixels average beyond that
    counts.
    """
    rows, columns = torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side)[None]
    back = np.linalg.inv(optics.photo_from_source).T
    across = float(back[0, 0]) * columns + float(back[0, 1]) * rows  # cycles per photo px
    down = float(back[1, 0]) * columns + float(back[1, 1]) * rows
    squared = across * across + down * down
    area = torch.sinc(across) * torch.sinc(down) / (torch.sinc(rows) * torch.sinc(columns))
    lens = torch.exp(squared * (-2.0 * (math.pi * optics.sigma_px) ** 2))
    x, y = (float(part) for part in optics.motion_px)
    kept = area.clamp(0.0, 1.0) * lens * torch.sinc(x * across + y * down)
    mask = torch.exp(squared * (-2.0 * (math.pi * SHARPENING_SIGMA_PX) ** 2))
    return kept * (1.0 + optics.sharpening * (1.0 - mask))


def lit(photo: Float32[Tensor, "3 h w"], light: Light) -> Float32[Tensor, "3 h w"]:
    """Put a photo into another light; clipped to [0, 1]."""
    bright = (photo * light.gain * light.shading).clamp_(0.0, 1.0)
    if light.gamma != 1.0:
        bright = bright.clamp_min(1e-4).pow(light.gamma)
    return (bright + light.highlight).clamp_(0.0, 1.0)


def compressed(photo: Float32[Tensor, "3 h w"], quality: int) -> Float32[Tensor, "3 h w"]:
    """Give what a JPEG of a photo shows: 4:2:0 chroma, the standard's tables scaled as by libjpeg.

    Args:
        photo: [0, 1].
        quality: 1 to 100.
    """
    height, width = photo.shape[1:]
    pad = (0, -width % MCU_PX, 0, -height % MCU_PX)
    matrix = torch.tensor(YCC_FROM_RGB)
    padded = functional.pad(photo[None], pad, mode="replicate")[0] * 255.0
    ycc = torch.einsum("dc,chw->dhw", matrix, padded)
    luma = _coded(ycc[:1] - 128.0, LUMA_STEPS, quality) + 128.0
    half = _coded(functional.avg_pool2d(ycc[None, 1:], 2)[0], CHROMA_STEPS, quality)
    chroma = functional.interpolate(
        half[None], scale_factor=2.0, mode="bilinear", align_corners=False
    )[0]
    decoded = torch.einsum("dc,chw->dhw", torch.linalg.inv(matrix), torch.cat([luma, chroma]))
    return as_bytes(decoded[:, :height, :width] / 255.0)


def as_bytes(color: Float32[Tensor, "*any"]) -> Float32[Tensor, "*any"]:
    """Clip to [0, 1] and round to what eight bits hold."""
    return torch.round(color.clamp(0.0, 1.0) * 255.0) / 255.0


def _coded(
    planes: Float32[Tensor, "c h w"], steps: tuple[tuple[int, ...], ...], quality: int
) -> Float32[Tensor, "c h w"]:
    """Quantise the cosine transform of every block."""
    c, h, w = planes.shape
    blocks = planes.reshape(c, h // BLOCK_PX, BLOCK_PX, w // BLOCK_PX, BLOCK_PX)
    basis = _cosines()
    step = _scaled(steps, quality)[:, None, :]
    waves = torch.einsum("ui,crisj,vj->crusv", basis, blocks, basis)
    waves = torch.round(waves / step) * step
    return torch.einsum("ui,crusv,vj->crisj", basis, waves, basis).reshape(c, h, w)


def _cosines() -> Float32[Tensor, "8 8"]:
    """The orthonormal cosine transform of one block side; rows are waves."""
    wave, place = torch.arange(BLOCK_PX)[:, None], torch.arange(BLOCK_PX)[None]
    basis = torch.cos((2 * place + 1) * wave * (math.pi / (2 * BLOCK_PX))) * 0.5
    basis[0] *= math.sqrt(0.5)
    return basis


def _scaled(steps: tuple[tuple[int, ...], ...], quality: int) -> Float32[Tensor, "8 8"]:
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    table = torch.tensor(steps)
    return ((table * percent + 50) // 100).clamp(1, 255).float()
