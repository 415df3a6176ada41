"""Other paint for a scanned shape: pictures and random print laid over its atlas.

A few dozen scans show few kinds of surface, and hardly any crisp print. Their shapes, charts and
cameras are worth more than their textures: under other paint each is another object.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from texsr.pipeline.artwork import draw_artwork
from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.color import to_integer
from texsr.pipeline.formats.images import read_image
from texsr.pipeline.resample import resize

PRINT_ODDS = 0.6
PIECES_TX = (256, 384, 512, 768)  # sides of the squares that paint comes in
LARGEST_REDUCTION = 3.0  # of a picture: most are soft at full size


def repainted(
    surface: TexturedMesh, pictures: Sequence[Path], rng: np.random.Generator
) -> TexturedMesh:
    """Lay squares of other paint over the whole of the first atlas.

    Args:
        surface: keeps its mesh and charts.
        pictures: photographs and textures to cut from; none: all of it is drawn print.
        rng: the same state gives the same paint.
    """
    atlas = surface.atlases[0]
    side = int(rng.choice(PIECES_TX))
    height, width = atlas.height_tx, atlas.width_tx
    paint = np.zeros((height, width, 3), np.uint8)
    for y in range(0, height, side):
        for x in range(0, width, side):
            room = paint[y : y + side, x : x + side]
            room[:] = _piece(side, pictures, rng)[: room.shape[0], : room.shape[1]]
    return replace(surface, atlases=(replace(atlas, stored=paint), *surface.atlases[1:]))


def _piece(
    side: int, pictures: Sequence[Path], rng: np.random.Generator
) -> UInt8[np.ndarray, "s s 3"]:
    if not pictures or rng.random() < PRINT_ODDS:
        piece = draw_artwork(rng, side_px=side)
    else:
        piece = _cut(pictures[int(rng.integers(len(pictures)))], side, rng)
    return to_integer(np.rot90(piece, int(rng.integers(4))), np.dtype(np.uint8))


def _cut(path: Path, side: int, rng: np.random.Generator) -> Float32[np.ndarray, "s s 3"]:
    """Cut a square out of a picture, made smaller on the way."""
    picture = read_image(path, where=path)[0][..., :3]
    shortest = min(picture.shape[:2])
    reach = min(shortest, round(side * float(rng.uniform(1.0, LARGEST_REDUCTION))))
    y, x = (int(rng.integers(0, length - reach + 1)) for length in picture.shape[:2])
    cut = picture[y : y + reach, x : x + reach].astype(np.float32)
    return resize(cut / np.float32(np.iinfo(picture.dtype).max), height=side, width=side)
