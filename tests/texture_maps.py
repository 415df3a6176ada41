"""Sets of texture maps of a few tiles of noise, for tests."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.pictures import picture
from texsr.pipeline.dataset import TextureMap, TextureMapSet, TextureTile, TilePixels, TileReference
from texsr.pipeline.formats import texture_map_folders as folders
from texsr.pipeline.tile import Region

SIDE = 64  # of a tile's truth


def write_texture_maps(
    root: Path,
    *,
    names: tuple[str, ...] = ("vase",),
    tiles: int = 1,
    references: int = 1,
    scale: int = 4,
) -> Path:
    """Write a set to learn from; half of each tile lies inside the mask.

    Args:
        root: made.
        names: of its maps.
        tiles: of each map, side by side.
        references: of each tile: the first nearly all of the truth, the others of something else.
        scale: truth texels to a low one.
    """
    maps = tuple(
        _map(root / name, 100 * index, tiles, references, scale) for index, name in enumerate(names)
    )
    made = TextureMapSet(
        root=root, scale=scale, licence="CC0-1.0", validation_only=False, turned=True, maps=maps
    )
    folders.write_texture_manifest(made, root)
    return root


def _map(root: Path, seed: int, tiles: int, references: int, scale: int) -> TextureMap:
    made = tuple(_tile(root, seed + 10 * index, index, references, scale) for index in range(tiles))
    whole = np.zeros((SIDE, SIDE * tiles, 3), np.uint8)
    for name in ("atlas", "mask"):
        Image.fromarray(whole).save(root / f"{name}.png")
    return TextureMap(
        name=root.name,
        source=f"a {root.name}",
        atlas=root / "atlas.png",
        mask=root / "mask.png",
        tiles=made,
    )


def _tile(root: Path, seed: int, index: int, references: int, scale: int) -> TextureTile:
    name = f"x{index}"
    place = root / "tiles" / name
    truth = _noise(seed + 4)
    crops = [truth[:50], *(_noise(seed + 5 + one)[:, :40] for one in range(references - 1))]
    pixels = TilePixels(
        low=truth[::scale, ::scale],
        truth=truth,
        mask=np.arange(SIDE)[:, None] < np.full(SIDE, SIDE // 2),
        references=tuple(crops[:references]),
    )
    folders.write_texture_tile(place, pixels)
    return TextureTile(
        name=name,
        box=Region(x=SIDE * index, y=0, width=SIDE, height=SIDE),
        mask_share=0.5,
        low=place / "low.png",
        truth=place / "truth.png",
        mask=place / "mask.png",
        references=tuple(
            TileReference(view=f"v{one}", path=place / f"ref_{one + 1}.png", shows=1.0)
            for one in range(references)
        ),
    )


def _noise(seed: int) -> np.ndarray:
    return (picture(seed, SIDE, SIDE).permute(1, 2, 0).numpy() * 255).astype(np.uint8)
