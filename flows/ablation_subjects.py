"""What the published networks are measured on: tiles of texture maps that have references alike."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from texsr.flows.manifest import stamp
from texsr.flows.tile_scores import spread
from texsr.pipeline.color import to_float, to_integer
from texsr.pipeline.dataset import TextureMapSet, TextureTile, TilePixels
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.texture_map_folders import read_texture_maps, read_texture_tile
from texsr.pipeline.resample import Resampling, resize

SCALE = 4
COUNTS = (1, 2, 4, 8)  # of references, as AMRSR's tables have them
MOST_INSIDE = 0.5  # of a reduced texel: from here on it is scored


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """A set of texture maps, and the tiles of it that count."""

    name: str
    num_references: int
    """That each of the tiles has, one of `COUNTS`; 0: none."""
    maps: Mapping[str, list[TextureTile]]
    num_tiles_there: int
    turned: bool
    sha256: str
    """Of the pictures of the tiles."""

    @property
    def num_tiles(self) -> int:
        """That count."""
        return sum(map(len, self.maps.values()))

    @property
    def told(self) -> str:
        """A sentence on it."""
        stand = "turned as the tile stands" if self.turned else "as photographed"
        return (
            f"{self.name}: {self.num_tiles} of {self.num_tiles_there} tiles of {len(self.maps)} "
            f"maps, each with {self.num_references} references, {stand}."
        )


def read_subjects(roots: Sequence[Path], most_tiles: int | None) -> list[Subject]:
    """Read sets, and choose the tiles of each: of those that have the references, evenly apart.

    Raises:
        CaptureError: a set cannot be used, or two have one name.
    """
    named = [root.resolve().name for root in roots]
    if not roots or len(set(named)) < len(named):
        raise CaptureError(
            "texture maps",
            found=", ".join(named) or "no set",
            expected="sets whose folders have names of their own",
            remedy="make one with `texsr dataset texture-maps`, and give each once",
        )
    return [_subject(root, most_tiles) for root in roots]


def read_tile(tile: TextureTile, scale: float) -> TilePixels:
    """Read a tile; at another scale than the set's the truth is reduced, the low tile stays.

    Raises:
        CaptureError: a picture cannot be read.
    """
    pixels = read_texture_tile(tile)
    height, width = (round(side * scale) for side in pixels.low.shape[:2])
    if pixels.truth.shape[:2] == (height, width):
        return pixels
    truth = resize(to_float(pixels.truth), height=height, width=width)
    area = Resampling.area(pixels.mask.shape, (height, width))
    inside = area.apply(pixels.mask[..., None].astype(np.float32), slice(0, height))[..., 0]
    return TilePixels(
        low=pixels.low,
        truth=to_integer(truth, pixels.truth.dtype),
        mask=inside >= MOST_INSIDE,
        references=pixels.references,
    )


def _subject(root: Path, most_tiles: int | None) -> Subject:
    made = read_texture_maps(root)
    if made.scale != SCALE or not made.num_tiles:
        raise CaptureError(
            root,
            found=f"{made.num_tiles} tiles at x{made.scale}",
            expected=f"tiles at x{SCALE}, the scale of the published networks",
            remedy=f"cut captures whose truth is {SCALE} times their atlas, with "
            "`texsr dataset texture-maps`",
        )
    count = _references_everywhere(made)
    maps = {
        one.name: spread([tile for tile in one.tiles if len(tile.references) >= count], most_tiles)
        for one in made.maps
        if one.tiles
    }
    return Subject(
        name=root.resolve().name,
        num_references=count,
        maps=maps,
        num_tiles_there=made.num_tiles,
        turned=made.turned,
        sha256=_sha256(tile for tiles in maps.values() for tile in tiles),
    )


def _references_everywhere(made: TextureMapSet) -> int:
    """Give the most references, of `COUNTS`, that some tile of every map has."""
    most = [max(len(tile.references) for tile in one.tiles) for one in made.maps if one.tiles]
    return max((count for count in COUNTS if count <= min(most)), default=0)


def _sha256(tiles: Iterable[TextureTile]) -> str:
    whole = hashlib.sha256()
    for tile in tiles:
        paths = (tile.low, tile.truth, tile.mask, *(one.path for one in tile.references))
        for path in paths:
            whole.update(stamp(path).sha256.encode())
    return whole.hexdigest()
