"""What an upscaler gives, and what it asks of the references handed to it.

The pipeline declares its own side of this (`texsr.pipeline.stages.superresolve`); the two agree by
structure.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from jaxtyping import Float32, Float64, Int64, Num
from torch import Tensor


@runtime_checkable
class WarpedReferences(Protocol):
    """References resampled into the texels of a tile, at the high resolution."""

    @property
    def color(self) -> Float32[Tensor, "b k 3 H W"]:
        """sRGB-encoded, [0, 1]; 0 where the weight is 0."""
        ...

    @property
    def weight(self) -> Float32[Tensor, "b k H W"]:
        """[0, 1]; 0: the view does not see this texel."""
        ...

    @property
    def prior(self) -> Float32[Tensor, "b k 2 h w"]:
        """On the low texels: cosine of the view angle; photo px per high texel."""
        ...

    @property
    def trust(self) -> Float32[Tensor, "b k"]:
        """[0, 1]; how well the whole view agrees with the atlas."""
        ...


@runtime_checkable
class PhotoPart(Protocol):
    """The part of a photo that shows a tile."""

    @property
    def pixels(self) -> Num[Tensor, "3 p q"]:
        """SRGB-encoded, 0 to 255."""
        ...

    @property
    def px(self) -> Float32[Tensor, "2 H W"]:
        """Where on it (x, y) each high texel lies, before anything is registered; pixel (0, 0) is
        centred at (0.5, 0.5). Of use where the reference's weight is above 0."""
        ...


@runtime_checkable
class LocatedReferences(WarpedReferences, Protocol):
    """Warped references that may know from which pixels they come."""

    @property
    def parts(self) -> Sequence[PhotoPart]:
        """Of the references of a single tile, in their order; empty: that is not known."""
        ...


@runtime_checkable
class CroppedReferences(Protocol):
    """Photos, or parts of them, that no geometry aligns."""

    @property
    def photos(self) -> list[Float32[Tensor, "3 _ _"]]:
        """SRGB-encoded, [0, 1], of any sizes."""
        ...

    @property
    def px(self) -> Sequence[float]:
        """How many pixels of each photo as it was taken went into one of it here, along an axis;
        empty: one each. What was enlarged holds no more detail than before."""
        ...


@runtime_checkable
class PhotoSight(Protocol):
    """Where one photo shows a tile."""

    @property
    def patch(self) -> Int64[Tensor, "p q"]:
        """For each patch of 3 x 3 low texels of the tile, by its upper left one, the most similar
        of the photo reduced alike: by the number of its upper left one, row by row."""
        ...

    @property
    def similarity(self) -> Float32[Tensor, "p q"]:
        """Cosine of the two patches, [-1, 1]; -1 where it was not looked for."""
        ...

    @property
    def flow(self) -> Float32[Tensor, "2 h w"]:
        """From each low texel to where the photo shows it, if it does: x and y, in low texels,
        both counted from the upper left corners of tile and photo."""
        ...


@runtime_checkable
class SightedReferences(CroppedReferences, Protocol):
    """Photos of which it may be known already where they show a tile."""

    @property
    def sights(self) -> Sequence[PhotoSight]:
        """Of a single tile, one a photo; empty: that is not known."""
        ...


@runtime_checkable
class TexelGrid(Protocol):
    """Rows and columns of texels on a tile, of any size and at any place."""

    @property
    def rows(self) -> Float64[Tensor, " H"]:
        """Centres, in low texels from the tile's upper edge."""
        ...

    @property
    def columns(self) -> Float64[Tensor, " W"]:
        """Centres, in low texels from its left edge."""
        ...

    @property
    def texel(self) -> tuple[float, float]:
        """Height and width of a texel, in low texels."""
        ...


class Upscaled(NamedTuple):
    """The answer of an upscaler for one tile."""

    high: Float32[Tensor, "b 3 H W"]  # not clipped
    confidence: Float32[Tensor, "b 1 H W"]  # [0, 1], falls with the expected error
    evidence: Float32[Tensor, "b 1 H W"]  # [0, 1], share of the detail that photos decided
