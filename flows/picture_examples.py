"""What networks over pictures learn from: crops, and pictures that show the same.

They come from packed tiles, as a run gives them or with their references moved as if nothing
aligned them, and from sets of texture maps and folders of reference super-resolution, whose
references are photos as they are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol, final, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int, UInt8
from torch import Tensor

from texsr.flows.training_batches import PackedTiles
from texsr.flows.training_data import DETAIL_STEP, Pack
from texsr.models.resample import enlarge_faithfully, reduce
from texsr.models.restoring import as_pictures
from texsr.pipeline.color import to_float
from texsr.pipeline.dataset import Rgb, TextureTile
from texsr.pipeline.errors import SettingsError
from texsr.pipeline.formats.images import image_header
from texsr.pipeline.formats.refsr_folders import read_refsr_folder, read_refsr_scene
from texsr.pipeline.formats.texture_map_folders import (
    MANIFEST,
    read_texture_maps,
    read_texture_tile,
)
from texsr.pipeline.refsr import RefsrScene

SCALE = 4
MOVED_TX = 8  # low texels at most that a packed reference is moved by
GAIN, OFFSET = 0.15, 0.04  # by which photos differ in exposure, at most
SCENES_HELD = 64


class Example(NamedTuple):
    """One crop with what it is restored from and what it should become, in values of 8 bits."""

    low: UInt8[np.ndarray, "h w 3"]
    truth: UInt8[np.ndarray, "H W 3"]
    covered: Bool[np.ndarray, "H W"]
    references: list[UInt8[np.ndarray, "_ _ 3"]]


@runtime_checkable
class Examples(Protocol):
    """Gives examples."""

    reach: int | None
    """Low texels between a place and its match in the references; None: they may lie anywhere."""

    @property
    def least_side_tx(self) -> int:
        """Of the smallest crop that all can give, in low texels."""
        ...

    def example(self, rng: np.random.Generator, *, count: int, side_tx: int) -> Example:
        """Draw a crop with at most so many references."""
        ...


@final
class PackedExamples:
    """Crops of packed tiles, whose references nothing aligns, or geometry does.

    Where nothing does, each is cut some way off, in a light of its own.
    """

    def __init__(self, tiles: PackedTiles, reach: int | None = None) -> None:
        """Take tiles of x4.

        Args:
            tiles: drawn from.
            reach: in low texels, for references as a run gives them; None: as if nothing aligned
                them.
        """
        self.tiles, self.reach = tiles, reach

    @property
    def least_side_tx(self) -> int:
        """Of the smallest tiles."""
        return self.tiles.least_side_tx

    def example(self, rng: np.random.Generator, *, count: int, side_tx: int) -> Example:
        """Draw a crop with at most so many references: those that see it."""
        tile = self.tiles.any_tile(rng)
        corner = _corner(tile.low.shape[:2], side_tx, rng)
        high = _square(corner, side_tx, SCALE)
        seeing = rng.permutation(np.flatnonzero(tile.weight[(slice(None), *high)].any((1, 2))))
        pictures = _pictures(tile, seeing[:count]) if count else []
        return Example(
            low=tile.low[_square(corner, side_tx, 1)],
            truth=tile.truth[high],
            covered=tile.covered[high] > 127,
            references=[self._as_given(picture, corner, side_tx, rng) for picture in pictures],
        )

    def _as_given(
        self,
        picture: Float32[np.ndarray, "3 H W"],
        corner: tuple[int, int],
        side_tx: int,
        rng: np.random.Generator,
    ) -> UInt8[np.ndarray, "_ _ 3"]:
        if self.reach is None:
            return _as_photo(picture, corner, side_tx, rng)
        return _as_bytes(picture[(slice(None), *_square(corner, side_tx, SCALE))])


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A truth with references, to be read when it is its turn."""

    sides_px: tuple[int, int]  # height and width of the truth
    read: Callable[[], Example]


@final
class SceneExamples:
    """Crops of the truths of texture maps and of reference super-resolution; references are whole.

    A crop may have any place in them: where, nobody tells.
    """

    reach: int | None = None

    def __init__(self, scenes: Sequence[Scene]) -> None:
        """Take scenes; the last few that were read stay in memory."""
        self.scenes = scenes
        self._read = lru_cache(maxsize=SCENES_HELD)(self._scene)

    @property
    def least_side_tx(self) -> int:
        """Of the smallest truth."""
        return min(min(scene.sides_px) for scene in self.scenes) // SCALE

    def _scene(self, number: int) -> Example:
        return self.scenes[number].read()

    def example(self, rng: np.random.Generator, *, count: int, side_tx: int) -> Example:
        """Draw a crop with at most so many references, any of those that there are."""
        scene = self._read(int(rng.integers(len(self.scenes))))
        corner = _corner(scene.low.shape[:2], side_tx, rng)
        chosen = rng.permutation(len(scene.references))[:count]
        high = _square(corner, side_tx, SCALE)
        return Example(
            low=scene.low[_square(corner, side_tx, 1)],
            truth=scene.truth[high],
            covered=scene.covered[high],
            references=[scene.references[index] for index in chosen],
        )


def planes(color: UInt8[np.ndarray, "h w 3"]) -> Float32[Tensor, "3 h w"]:
    """Give a picture as a network takes it, [0, 1]."""
    return torch.from_numpy(to_float(color)).permute(2, 0, 1).contiguous()


def scenes_of(place: Path) -> list[Scene]:
    """List the scenes of a set of texture maps, or of a folder of reference super-resolution.

    Raises:
        CaptureError: it is neither, or a picture is missing.
        SettingsError: it is of another scale than 4.
    """
    if not (place / MANIFEST).is_file():
        return [
            Scene(sides_px=_sides(scene.truth), read=lambda scene=scene: _of_folder(scene))
            for scene in read_refsr_folder(place)
        ]
    made = read_texture_maps(place)
    if made.scale != SCALE:
        raise SettingsError(
            place,
            found=f"texture maps at x{made.scale}",
            expected=f"x{SCALE}, which networks over pictures learn",
            remedy="make the set again from captures of that scale",
        )
    return [
        Scene(
            sides_px=(tile.box.height, tile.box.width), read=lambda tile=tile: _of_texture_map(tile)
        )
        for one in made.maps
        for tile in one.tiles
    ]


def _of_folder(scene: RefsrScene) -> Example:
    """Read a scene; its low image is made as the field makes it."""
    pictures = read_refsr_scene(scene)
    height, width = (side // SCALE * SCALE for side in pictures.truth.shape[:2])
    truth = _bytes(pictures.truth)[:height, :width]
    return Example(
        low=_reduced(truth),
        truth=truth,
        covered=np.ones(truth.shape[:2], bool),
        references=[_bytes(one) for one in pictures.references],
    )


def _of_texture_map(tile: TextureTile) -> Example:
    pixels = read_texture_tile(tile)
    return Example(
        low=_bytes(pixels.low),
        truth=_bytes(pixels.truth),
        covered=pixels.mask,
        references=[_bytes(one) for one in pixels.references],
    )


def _corner(sides: tuple[int, ...], side_tx: int, rng: np.random.Generator) -> tuple[int, int]:
    y, x = (int(rng.integers(0, size - side_tx + 1)) for size in sides)
    return y, x


def _square(corner: tuple[int, int], side_tx: int, scale: int) -> tuple[slice, slice]:
    rows, columns = (slice(start * scale, (start + side_tx) * scale) for start in corner)
    return rows, columns


def _pictures(tile: Pack, chosen: Int[np.ndarray, " k"]) -> list[Float32[np.ndarray, "3 H W"]]:
    """Give references of a packed tile as pictures in the light of the atlas."""
    base = enlarge_faithfully(planes(tile.low)[None], SCALE)[0]
    detail = torch.from_numpy(tile.detail[chosen].astype(np.float32) * np.float32(DETAIL_STEP))
    weight = torch.from_numpy(tile.weight[chosen].astype(np.float32))
    return [picture.numpy() for picture in as_pictures(base, detail, weight)]


def _as_photo(
    picture: Float32[np.ndarray, "3 H W"],
    corner: tuple[int, int],
    side_tx: int,
    rng: np.random.Generator,
) -> UInt8[np.ndarray, "_ _ 3"]:
    """Cut as large a crop some way off, and change its light."""
    most = picture.shape[1] // SCALE - side_tx
    moved = [
        int(np.clip(start + rng.integers(-MOVED_TX, MOVED_TX + 1), 0, most)) for start in corner
    ]
    cut = picture[(slice(None), *_square((moved[0], moved[1]), side_tx, SCALE))]
    gain = np.float32(1.0 + rng.uniform(-GAIN, GAIN))
    offset = rng.uniform(-OFFSET, OFFSET, (3, 1, 1)).astype(np.float32)
    return _as_bytes(cut * gain + offset)


def _as_bytes(picture: Float32[np.ndarray, "3 h w"]) -> UInt8[np.ndarray, "h w 3"]:
    values = np.rint(picture * np.float32(255.0)).clip(0, 255)
    return values.astype(np.uint8).transpose(1, 2, 0)


def _reduced(truth: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "h w 3"]:
    low = reduce(planes(truth)[None], SCALE)[0].clamp(0.0, 1.0)
    return torch.round(low * 255.0).to(torch.uint8).permute(1, 2, 0).numpy()


def _bytes(color: Rgb) -> UInt8[np.ndarray, "_ _ 3"]:
    return color if color.dtype == np.uint8 else (color >> 8).astype(np.uint8)


def _sides(path: Path) -> tuple[int, int]:
    header = image_header(path, where=path)
    return header.height_px, header.width_px
