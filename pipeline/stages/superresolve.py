"""Tiles and their references through an upscaler.

The protocol is declared here, by its consumer; whatever satisfies it by structure can be used.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float32
from torch import Tensor

from texsr.pipeline.errors import SettingsError
from texsr.pipeline.high_plane import Texels
from texsr.pipeline.references import Cropped, Warped


@runtime_checkable
class UpscaledTile(Protocol):
    """What comes out of an upscaler."""

    @property
    def high(self) -> Float32[Tensor, "b 3 H W"]:
        """Colour, not clipped."""
        ...

    @property
    def confidence(self) -> Float32[Tensor, "b 1 H W"]:
        """[0, 1]; falls with the expected error."""
        ...

    @property
    def evidence(self) -> Float32[Tensor, "b 1 H W"]:
        """[0, 1]; share of the detail that photos decided."""
        ...


@runtime_checkable
class Upscaler(Protocol):
    """A model that makes a tile `scale` times larger with the help of references."""

    @property
    def name(self) -> str:
        """As reports call it."""
        ...

    @property
    def scales(self) -> tuple[int, ...]:
        """Scales it can do by itself."""
        ...

    @property
    def overlap_tx(self) -> int:
        """How far around a low texel it looks: with so much around a tile, no tiling shows."""
        ...

    @property
    def max_references(self) -> int | None:
        """References it wants per cell of the surface; None: all."""
        ...

    def bytes_per_texel(self, num_references: int, scale: int) -> int:
        """Working memory per high texel of a tile, its inputs included."""
        ...

    def fitted(
        self, samples: Iterable[tuple[Float32[Tensor, "1 3 h w"], Any]], scale: int
    ) -> "Upscaler":
        """The upscaler, adapted to what some tiles of this capture show of its photos."""
        ...

    def __call__(
        self, low: Float32[Tensor, "b 3 h w"], references: Any, scale: int
    ) -> UpscaledTile:
        """Super-resolve tiles; references is a `Warped`, a `Cropped`, or None."""
        ...


@runtime_checkable
class MatchesPhotos(Protocol):
    """An upscaler that can tell whether it finds by itself where a photo shows what."""

    @property
    def matches_photos(self) -> bool:
        """Whether it does: a `Cropped` is of use to it."""
        ...


def check_matches_photos(upscaler: Upscaler, where: str, *, found: str, remedy: str) -> None:
    """Check that an upscaler can be given photos that nothing aligns.

    Args:
        upscaler: to be asked.
        where: the option that asks for it.
        found: what is to be given to it.
        remedy: what to do without such an upscaler.

    Raises:
        SettingsError: it cannot.
    """
    if not (isinstance(upscaler, MatchesPhotos) and upscaler.matches_photos):
        raise SettingsError(
            where,
            found=f"{found} for model '{upscaler.name}'",
            expected="a model that finds by itself where a photo shows what",
            remedy=f"use --model fast, amrsr, masa or rrsr, or {remedy}",
        )


@runtime_checkable
class SeesWhole(Protocol):
    """An upscaler whose answer without references is made before its tiles, in larger pieces.

    There it looks further than a tile reaches; with every tile it is given its part of that answer.
    """

    @property
    def single_overlap_tx(self) -> int:
        """How far around a low texel it looks for that answer."""
        ...

    def single_scale(self, scale: int) -> int | None:
        """Give the scale of that answer for tiles at `scale`; None: it has none to give."""
        ...

    def single_planes(self, scale: int) -> int:
        """Give how many planes that answer has at its scale."""
        ...

    def single_answer(
        self, low: Float32[Tensor, "b 3 h w"], scale: int
    ) -> Float32[Tensor, "b n H W"]:
        """Super-resolve without references, at one of the scales that `single_scale` gives.

        The first three planes are colour; what others are, and may hold, is the upscaler's own.
        """
        ...

    def __call__(
        self,
        low: Float32[Tensor, "b 3 h w"],
        references: Any,
        scale: int,
        single: Float32[Tensor, "b n P Q"] | None = None,
    ) -> UpscaledTile:
        """Super-resolve tiles, with their parts of that answer; None: it is made for them alone."""
        ...


@runtime_checkable
class FindsPhotos(Protocol):
    """An upscaler that can find where photos show something before its tiles, in larger pieces."""

    def sights(self, low: Float32[Tensor, "1 3 h w"], references: Any, scale: int) -> Sequence[Any]:
        """Find where the photos of a `Cropped` show low texels; for each the parts of a `Sight`."""
        ...


@runtime_checkable
class AnswersAnywhere(Protocol):
    """An upscaler that answers at any scale up to those of its own, at which it is given tiles."""

    def at(
        self,
        low: Float32[Tensor, "b 3 h w"],
        references: Any,
        scale: int,
        grid: Any,
        single: Float32[Tensor, "b n P Q"] | None = None,
    ) -> UpscaledTile:
        """Super-resolve tiles at the texels of `grid`, which is a `Texels`."""
        ...


def made_reduced(upscaler: Upscaler, scale: float) -> bool:
    """Whether what an upscaler makes has to be reduced to come to a scale."""
    anywhere = isinstance(upscaler, AnswersAnywhere)
    return not anywhere and native_scale(upscaler, scale) != scale


def native_scale(upscaler: Upscaler, scale: float) -> int:
    """Give the scale at which an upscaler is run for a wanted one: its own nearest from above.

    Where the two differ, what it makes is reduced afterwards.

    Raises:
        SettingsError: it goes no further than a smaller scale.
    """
    largest = max(upscaler.scales)
    if scale > largest:
        raise SettingsError(
            "--scale",
            found=f"{scale:g}",
            expected=f"at most {largest} for model '{upscaler.name}'",
            remedy=f"use --scale {largest}, or a model that goes further (`texsr models`)",
        )
    return min(own for own in upscaler.scales if own >= scale)


def superresolve(
    low: Float32[Tensor, "3 h w"],
    references: Warped | Cropped | None,
    upscaler: Upscaler,
    scale: int,
    device: str,
    texels: Texels | None = None,
    single: Float32[Tensor, "n P Q"] | None = None,
) -> tuple[Float32[Tensor, "3 H W"], Float32[Tensor, "H W"], Float32[Tensor, "H W"]]:
    """Super-resolve one tile.

    Args:
        low: sRGB-encoded, [0, 1].
        references: of the tile, at `scale`.
        upscaler: to be asked.
        scale: one of its own.
        device: that it is on.
        texels: where it is to answer, if it can anywhere; None: at `scale`.
        single: what it answered for the tile without references before, if it `SeesWhole`; None:
            it sees to that itself.

    Returns:
        Colour in [0, 1], confidence, evidence, on the CPU.
    """
    moved = None if references is None else references.to(device)
    known = None if single is None else single[None].to(device)
    tile = low[None].to(device)
    if texels is not None and isinstance(upscaler, AnswersAnywhere):
        upscaled = upscaler.at(tile, moved, scale, texels, known)
    elif isinstance(upscaler, SeesWhole):
        upscaled = _knowing(upscaler, tile, moved, scale, known)
    else:
        upscaled = upscaler(tile, moved, scale)
    color = upscaled.high[0].clamp(0.0, 1.0)
    assert bool(torch.isfinite(color).all()), f"{upscaler.name} gave numbers that are not finite"
    return color.cpu(), upscaled.confidence[0, 0].cpu(), upscaled.evidence[0, 0].cpu()


def _knowing(
    upscaler: SeesWhole, low: Tensor, references: Any, scale: int, single: Tensor | None
) -> UpscaledTile:
    return upscaler(low, references, scale, single)
