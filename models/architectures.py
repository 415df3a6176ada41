"""The one table of upscalers: name -> builder."""

from collections.abc import Callable

from texsr.models.bicubic import Bicubic
from texsr.models.projection import Projection

Builder = Callable[[], Bicubic | Projection]

BUILDERS: dict[str, Builder] = {
    "projection": Projection,
    "bicubic": Bicubic,
}
DEFAULT = "projection"


def names() -> tuple[str, ...]:
    """Names that `load_upscaler` knows."""
    return tuple(BUILDERS)


def load_upscaler(name: str) -> Bicubic | Projection:
    """Build an upscaler by name; `auto` is the best that is shipped.

    Raises:
        KeyError: no such name.
    """
    return BUILDERS[DEFAULT if name == "auto" else name]()
