"""The features of a picture where they are wanted, never all of them at once.

A trunk's features of a large photo take a hundred times the memory of the photo. They depend on
little around a place, so here they are made window by window, each with as much around it as
matters: the same features, but for the order in which sums are taken.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, final

from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional

SITE_PX = 4  # a site of the coarsest level is so many pixels wide
VGG_REACH_PX = 16  # what VGG19 up to relu3_1 sees around a site, in whole sites
LEAST_SITES = 3  # of a patch
WINDOW_REACHES = 8  # sides of a window to its reach: worth what has to be made around it

Levels = Sequence[Float32[Tensor, "b c h w"]]
"""Features by level, the finest first: each half as large as the one before, the last of sites."""
Trunk = Callable[[Float32[Tensor, "b 3 h w"]], Levels]


class Window(NamedTuple):
    """A rectangle of sites, half-open."""

    top: int
    bottom: int
    left: int
    right: int


@final
class Looked:
    """A picture, looked at through a trunk."""

    def __init__(
        self, picture: Float32[Tensor, "3 h w"], trunk: Trunk, reach_px: int = VGG_REACH_PX
    ) -> None:
        """Take a picture, sRGB-encoded in [0, 1], and how far around a site the trunk sees.

        The picture is extended to whole sites.
        """
        self.reach = -(-reach_px // SITE_PX)
        self.window_sites = WINDOW_REACHES * self.reach
        self.picture = extended(picture)[None]
        self.height, self.width = (side // SITE_PX for side in self.picture.shape[2:])
        self.trunk = trunk

    def within(self, window: Window) -> list[Float32[Tensor, "c p q"]]:
        """Give the features of a window, level by level."""
        around = Window(
            max(0, window.top - self.reach),
            min(self.height, window.bottom + self.reach),
            max(0, window.left - self.reach),
            min(self.width, window.right + self.reach),
        )
        rows, columns = (
            slice(around.top * SITE_PX, around.bottom * SITE_PX),
            slice(around.left * SITE_PX, around.right * SITE_PX),
        )
        levels = self.trunk(self.picture[:, :, rows, columns])
        inner: list[Tensor] = []
        for index, level in enumerate(levels):
            times = 2 ** (len(levels) - 1 - index)
            top, left = window.top - around.top, window.left - around.left
            bottom, right = window.bottom - around.top, window.right - around.left
            inner.append(level[0, :, top * times : bottom * times, left * times : right * times])
        return inner

    def sites(self, window: Window | None = None) -> Float32[Tensor, "c p q"]:
        """Give the coarsest features of a window, or of all."""
        return self.within(window or Window(0, self.height, 0, self.width))[-1]

    def windows(self, tall: int, wide: int, *, shared: int = 0) -> Iterator[Window]:
        """Cut the picture into windows of so many sites; `shared` rows and columns are in two."""
        for top in _starts(self.height, tall, shared):
            for left in _starts(self.width, wide, shared):
                yield Window(top, min(top + tall, self.height), left, min(left + wide, self.width))


def extended(picture: Float32[Tensor, "3 h w"]) -> Float32[Tensor, "3 h2 w2"]:
    """Repeat the last row and column until sites are whole, and as many as a patch has."""
    lack = [_whole(side) - side for side in picture.shape[1:]]
    return functional.pad(picture[None], (0, lack[1], 0, lack[0]), mode="replicate")[0]


def _starts(size: int, step: int, shared: int) -> range:
    return range(0, max(1, size - shared), step - shared)


def _whole(side_px: int) -> int:
    return max(LEAST_SITES, -(-side_px // SITE_PX)) * SITE_PX
