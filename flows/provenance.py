"""The map beside each texture that says where every texel came from."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from texsr.pipeline.atlas import Atlas, ImageKind, TexturedMesh
from texsr.pipeline.formats.images import write_image

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")


def write_provenance(
    surface: TexturedMesh,
    provenance: Sequence[UInt8[np.ndarray, "_ _ 2"]],
    written: Sequence[Path],
    out_dir: Path,
) -> None:
    """Write `<texture>.provenance.png` for each atlas: L is the level, A the confidence.

    Args:
        surface: the mesh that was exported.
        provenance: parallel to `surface.atlases`.
        written: the files of the export; a texture among them gets its map beside it.
        out_dir: where they are, and where the map of an embedded texture goes.
    """
    homes = provenance_paths(surface, written, out_dir)
    for home, levels in zip(homes, provenance, strict=True):
        write_image(home, ImageKind.PNG, levels)


def provenance_paths(surface: TexturedMesh, written: Sequence[Path], out_dir: Path) -> list[Path]:
    """Name the map of each atlas; where two names would meet, they keep what tells them apart."""
    textures = [_texture_path(atlas, surface, written, out_dir) for atlas in surface.atlases]
    short = [texture.with_suffix(".provenance.png") for texture in textures]
    long = [texture.with_name(f"{texture.name}.provenance.png") for texture in textures]
    shared = Counter(short)
    named = [s if shared[s] == 1 else w for s, w in zip(short, long, strict=True)]
    shared = Counter(named)
    return [
        home if shared[home] == 1 else home.with_name(f"{index}.{home.name}")
        for index, home in enumerate(named)
    ]


def _texture_path(
    atlas: Atlas, surface: TexturedMesh, written: Sequence[Path], out_dir: Path
) -> Path:
    """Find the texture of an atlas among the written files; invent a name for an embedded one."""
    source = atlas.path
    if source is not None:
        matches = [path for path in written if _is_copy(path.relative_to(out_dir), source)]
        if matches:
            return max(matches, key=lambda path: (len(path.parts), path.suffix == source.suffix))
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in atlas.name).strip(".")
    return out_dir / f"{surface.path.stem}.{name or 'texture'}.png"


def _is_copy(place: Path, source: Path) -> bool:
    """Whether a file below the result is the texture `source`, be it in another container."""
    if place.suffix.lower() not in IMAGE_SUFFIXES:
        return False
    parts = place.with_suffix("").parts
    return source.with_suffix("").parts[-len(parts) :] == parts
