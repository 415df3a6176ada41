"""The map beside each texture that says where every texel came from."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from texsr.pipeline.atlas import Atlas, ImageKind, TexturedMesh
from texsr.pipeline.formats.images import write_image


def write_provenance(
    surface: TexturedMesh,
    provenance: Sequence[UInt8[np.ndarray, "H W 2"]],
    written: Sequence[Path],
    out_dir: Path,
) -> list[Path]:
    """Write `<texture>.provenance.png` for each atlas: L is the level, A the confidence.

    Args:
        provenance: parallel to `surface.atlases`.
        written: the files of the export; a texture among them gets its map beside it.
        out_dir: where the map of an embedded texture goes.
    """
    homes = _homes(surface, written, out_dir)
    for home, levels in zip(homes, provenance, strict=True):
        write_image(home, ImageKind.PNG, levels)
    return homes


def _homes(surface: TexturedMesh, written: Sequence[Path], out_dir: Path) -> list[Path]:
    """Name the maps; textures that differ in suffix alone keep their suffix, so none is lost."""
    textures = [_texture_home(atlas, surface, written, out_dir) for atlas in surface.atlases]
    short = [texture.with_suffix(".provenance.png") for texture in textures]
    taken = Counter(short)
    long = [texture.with_name(f"{texture.name}.provenance.png") for texture in textures]
    chosen = [s if taken[s] == 1 else w for s, w in zip(short, long, strict=True)]
    again = Counter(chosen)
    return [
        home if again[home] == 1 else home.with_name(f"{index}.{home.name}")
        for index, home in enumerate(chosen)
    ]


def _texture_home(
    atlas: Atlas, surface: TexturedMesh, written: Sequence[Path], out_dir: Path
) -> Path:
    if atlas.path is not None:
        for path in written:
            if path.stem == atlas.path.stem and path.suffix != surface.path.suffix:
                return path
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in atlas.name).strip(".")
    return out_dir / f"{surface.path.stem}.{name or 'texture'}.png"
