"""Lens models: how a real lens bends the ideal pinhole's rays."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """A lens model by COLMAP's name, with COLMAP's parameter order."""

    model: str
    params: tuple[float, ...]
    width_px: int
    height_px: int
