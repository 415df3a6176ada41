"""Training material made from captures: texture-map tiles, and what a photo was to an atlas."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8, UInt16

from texsr.pipeline.errors import SettingsError
from texsr.pipeline.tile import Region

Rgb = UInt8[np.ndarray, "_ _ 3"] | UInt16[np.ndarray, "_ _ 3"]

MAX_REFERENCES = 8
LOW_TILE_TX = 64


class PhotoRole(StrEnum):
    """What a photo was to the atlas of its capture."""

    BAKED = "baked"  # the atlas was made from it
    REFERENCE_ONLY = "reference_only"  # it shows the object and had no part in the atlas
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextureMapSettings:
    """How to cut captures with a truth into tiles."""

    low_tile_tx: int = LOW_TILE_TX
    """Side of a tile in low texels; its truth is the scale times larger."""
    min_mask_share: float = 0.25
    """Share of a tile's truth texels that have to lie inside the mask."""
    max_references: int = MAX_REFERENCES
    """Crops of photos a tile gets at most."""
    turned: bool = True
    """Turn crops until they stand as their tile does, at its truth's scale; else they stay as
    photographed."""
    licence: str = "not stated"
    """Under which terms the pictures may be used; kept in the manifest."""

    def __post_init__(self) -> None:
        limits = {
            "low_tile_tx": (16, 1024),
            "min_mask_share": (0.0, 1.0),
            "max_references": (0, MAX_REFERENCES),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingsError(
                    f"texture maps, {name}",
                    found=f"{value:g}",
                    expected=f"a number from {low:g} to {high:g}",
                    remedy="leave it out for the default",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class TileReference:
    """A crop of a photo that shows some of a tile."""

    view: str
    path: Path
    shows: float  # share of the tile's charted texels that the crop shows, (0, 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextureTile:
    """One tile of a texture map: a truth, its reduction, its mask, and crops of photos."""

    name: str  # unique in its map
    box: Region  # truth texels of the map
    mask_share: float  # of the truth texels, (0, 1]
    low: Path
    truth: Path
    mask: Path
    references: tuple[TileReference, ...]  # what shows most first


@dataclass(frozen=True, slots=True, kw_only=True)
class TextureMap:
    """One atlas, cut into tiles."""

    name: str  # unique in its set
    source: str  # the capture that it came from
    atlas: Path  # the truth, whole
    mask: Path  # white: inside a chart, to be scored
    tiles: tuple[TextureTile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextureMapSet:
    """A folder of texture maps. It names pictures and does not hold them."""

    root: Path
    scale: int  # truth texels per low texel and axis
    licence: str
    validation_only: bool  # made from captures that nothing may be trained on
    turned: bool  # crops stand as their tiles do, a pixel a truth texel; else as photographed
    maps: tuple[TextureMap, ...]

    @property
    def num_tiles(self) -> int:
        """Tiles of all maps."""
        return sum(len(one.tiles) for one in self.maps)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TilePixels:
    """The pixels of a tile, as stored; sRGB-encoded."""

    low: Rgb
    truth: Rgb
    mask: Bool[np.ndarray, "H W"]
    references: tuple[Rgb, ...]  # of any sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSettings:
    """How to make a capture with a known answer from a real one."""

    scale: int = 4
    """Truth texels per low texel and axis."""
    photo_scale: float | None = None
    """Factor on the photos' sides; None: what `px_per_texel` asks for, else 1 / `scale`."""
    px_per_texel: float | None = None
    """Photo px per truth texel wanted, median over the surface."""
    full_photos: bool = True
    """Keep the full photos beside the truth."""
    licence: str = "not stated"
    """Under which terms the pictures may be used; kept in the manifest."""

    def __post_init__(self) -> None:
        limits = {"scale": (2, 8), "photo_scale": (0.01, 1.0), "px_per_texel": (0.01, 10.0)}
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise SettingsError(
                    f"own capture, {name}",
                    found=f"{value:g}",
                    expected=f"a number from {low:g} to {high:g}",
                    remedy="leave it out for the default",
                )
        if self.photo_scale is not None and self.px_per_texel is not None:
            raise SettingsError(
                "own capture, photo_scale and px_per_texel",
                found="both",
                expected="one of them: each sets the size of the photos",
                remedy="leave one out",
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AtlasOrigin:
    """What is known of how a real capture's atlas came about."""

    roles: Mapping[str, PhotoRole]  # by view name; views that it lacks are unknown
    trusted: Bool[np.ndarray, "H W"]  # truth texels that really show the object
    validation_only: bool = False  # nothing may be trained on it


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPhoto:
    """One photo of the real capture, and what became of it."""

    name: str  # below images/ of the real capture
    source: str  # as the cameras of the real capture name it
    role: PhotoRole
    used: bool  # whether the new capture has it


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCapture:
    """Where a capture made from a real one went, and what it holds."""

    capture: Path
    truth: Path
    source: str
    scale: int
    photo_scale: float
    px_per_texel: float  # photo px per truth texel, median over the surface
    share_scored: float  # of the truth's texels
    licence: str
    validation_only: bool
    photos: tuple[OwnPhoto, ...]

    @property
    def roles_known(self) -> bool:
        """Whether any photo is known to have had a part in the atlas, or none."""
        return any(photo.role is not PhotoRole.UNKNOWN for photo in self.photos)
