"""The table of networks: how a configuration becomes one, and how one is asked.

Each is imported where it is asked for alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from texsr.models.upscaler import Upscaler

if TYPE_CHECKING:
    from texsr.models.restoring import Restore

ANY_SCALE = (2, 3, 4, 5, 6, 7, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """How a checkpoint becomes a network, and a network an upscaler."""

    config: type
    """A frozen dataclass; a checkpoint has each of its fields, but for those added later, and no
    other."""
    network: Callable[[Any], nn.Module]
    """Of a configuration; its state is what a checkpoint holds."""
    upscaler: Callable[[Any, str], Upscaler] | None = None
    """Of a network and the name that reports call it by; None: as one over pictures."""
    restore: Callable[[Any], "Restore"] | None = None
    """Asks a network over pictures; None: it is none."""
    scales: tuple[int, ...] = (4,)
    """That a network over pictures can do."""
    max_references: int = 4
    """That a network over pictures is given in a run."""
    texel_bytes: tuple[int, int] = (2400, 54)
    """Working memory of one per high texel, and what each reference adds to it."""
    is_head: bool = False
    """It is no model by itself: it goes on one."""


def _texsr() -> Architecture:
    from texsr.models.texsr import Texsr, TexsrConfig
    from texsr.models.texsr_upscaler import TexsrUpscaler

    return Architecture(config=TexsrConfig, network=Texsr, upscaler=TexsrUpscaler)


def _amrsr() -> Architecture:
    from texsr.models.amrsr import Amrsr, AmrsrConfig
    from texsr.models.restoring import Restore, Restored

    def restoring(network: Any) -> Restore:
        def restore(
            low: Tensor, references: list[Tensor], size: tuple[int, int], reach: int | None = None
        ) -> Restored:
            parts = replace(network.config.parts, reach=reach)
            return Restored(*network.attended(low, references, parts))

        return restore

    return Architecture(config=AmrsrConfig, network=Amrsr, restore=restoring)


def _masa() -> Architecture:
    from texsr.models.coarse_to_fine import find, find_near
    from texsr.models.masa import Masa, MasaConfig
    from texsr.models.restoring import Restore, Restored

    def restoring(network: Any) -> Restore:
        def restore(
            low: Tensor, references: list[Tensor], size: tuple[int, int], reach: int | None = None
        ) -> Restored:
            return Restored(network(low, references, find if reach is None else find_near(reach)))

        return restore

    return Architecture(config=MasaConfig, network=Masa, restore=restoring)


def _rrsr() -> Architecture:
    from texsr.models.restoring import Restore, Restored
    from texsr.models.rrsr import Rrsr, RrsrConfig

    def restoring(network: Any) -> Restore:
        return lambda low, references, size, reach=None: Restored(network(low, references, reach))

    # It holds the features of all references, and offsets for each texel.
    bytes_held = (7000, 1400)
    return Architecture(config=RrsrConfig, network=Rrsr, restore=restoring, texel_bytes=bytes_held)


def _ciaosr() -> Architecture:
    from texsr.models.ciaosr import Ciaosr, CiaosrConfig
    from texsr.models.restoring import Restore, Restored

    def restoring(network: Any) -> Restore:
        return lambda low, references, size, reach=None: Restored(network(low[None], *size)[0])

    return Architecture(
        config=CiaosrConfig,
        network=Ciaosr,
        restore=restoring,
        scales=ANY_SCALE,
        max_references=0,
        texel_bytes=(5000, 0),
    )


def _ciao_head() -> Architecture:
    from texsr.models.implicit_head import HeadConfig, ImplicitHead

    return Architecture(config=HeadConfig, network=ImplicitHead, is_head=True)


ARCHITECTURES: dict[str, Callable[[], Architecture]] = {
    "texsr": _texsr,
    "amrsr": _amrsr,
    "masa": _masa,
    "rrsr": _rrsr,
    "ciaosr": _ciaosr,
    "ciao-head": _ciao_head,
}


def as_upscaler(architecture: Architecture, network: nn.Module, name: str) -> Upscaler:
    """Make an upscaler of a network, which reports call by a name."""
    if architecture.upscaler is not None:
        return architecture.upscaler(network, name)
    from texsr.models.picture_upscaler import PictureUpscaler

    assert architecture.restore is not None
    return PictureUpscaler(
        network,
        architecture.restore(network),
        name,
        scales=architecture.scales,
        max_references=architecture.max_references,
        texel_bytes=architecture.texel_bytes,
    )


def named_by(config: object) -> str:
    """Name the architecture that a configuration is of.

    Raises:
        KeyError: of none.
    """
    for name, described in ARCHITECTURES.items():
        if isinstance(config, described().config):
            return name
    raise KeyError(type(config).__name__)
