"""Colours that show where texels came from and how far to trust them."""

import numpy as np
from jaxtyping import Float32, UInt8

from texsr.pipeline.color import LUMA_601, to_integer

# Levels of a provenance map; the hues stay apart for every kind of colour vision (Okabe and Ito).
ORIGINS: tuple[tuple[str, str], ...] = (
    ("off the charts", "#3a3f45"),
    ("unseen by any photo", "#d55e00"),
    ("invented", "#cc79a7"),
    ("transferred", "#56b4e9"),
    ("photo-backed", "#009e73"),
)

# Some points of a ramp whose lightness rises evenly.
CONFIDENCE = ("#35124b", "#3b528b", "#21918c", "#5ec962", "#fde725")
CONFIDENCE_WORDS = ("low", "", "middle", "", "high")

TINT = 0.72  # of the overlay's colour; the rest is the texture's own lightness


def origin_colors(
    provenance: UInt8[np.ndarray, "h w 2"], color: Float32[np.ndarray, "h w 3"]
) -> UInt8[np.ndarray, "h w 3"]:
    """Tint a texture by the level of each texel."""
    table = np.stack([_rgb(code) for _, code in ORIGINS])
    return _tinted(table[np.minimum(provenance[..., 0], len(table) - 1)], color)


def confidence_colors(
    provenance: UInt8[np.ndarray, "h w 2"], color: Float32[np.ndarray, "h w 3"]
) -> UInt8[np.ndarray, "h w 3"]:
    """Tint a texture by confidence; off the charts it is dark."""
    points = np.stack([_rgb(code) for code in CONFIDENCE])
    at = np.linspace(0, 255, len(points))
    ramp = np.stack([np.interp(np.arange(256), at, points[:, k]) for k in range(3)], axis=1)
    ramp_of = ramp.astype(np.float32)[provenance[..., 1]]
    off = provenance[..., :1] == 0
    return _tinted(np.where(off, _rgb(ORIGINS[0][1]), ramp_of), color)


def confidence_key() -> tuple[tuple[str, str], ...]:
    """Say what the colours of `confidence_colors` mean."""
    named = zip(CONFIDENCE_WORDS, CONFIDENCE, strict=True)
    return tuple((f"{word} confidence", code) for word, code in named if word)


def _tinted(
    tint: Float32[np.ndarray, "h w 3"], color: Float32[np.ndarray, "h w 3"]
) -> UInt8[np.ndarray, "h w 3"]:
    lightness = (color @ (LUMA_601 / LUMA_601.sum()))[..., None]
    mixed = tint * np.float32(TINT) + lightness * np.float32(1.0 - TINT)
    return to_integer(mixed.astype(np.float32), np.dtype(np.uint8))


def _rgb(code: str) -> Float32[np.ndarray, " 3"]:
    return np.array([int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)], np.float32)
