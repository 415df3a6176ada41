"""Captures with a known answer, cut into texture maps: tiles with references and a manifest."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from texsr.flows.dataset_places import check_place, for_validation_only, terms_below, with_truth
from texsr.flows.progress import Progress, silent
from texsr.flows.scene import Scene
from texsr.flows.settings import RunSettings
from texsr.flows.texture_tiles import CutTile, TileCutter
from texsr.pipeline.dataset import (
    Rgb,
    TextureMap,
    TextureMapSet,
    TextureMapSettings,
    TextureTile,
    TileReference,
)
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats import texture_map_folders as folders
from texsr.pipeline.formats.images import read_image
from texsr.pipeline.formats.photos import read_mask
from texsr.pipeline.formats.writing import copy_file, whole_or_absent
from texsr.pipeline.stages.load import load_capture


def texture_map_dataset(
    roots: Sequence[Path], out: Path, settings: TextureMapSettings, progress: Progress = silent
) -> TextureMapSet:
    """Cut captures with a known answer into tiles with references; see `texture_map_folders`.

    Args:
        roots: folders with capture/ and truth/; each gives one map, named after it.
        out: made; it must not exist or be empty. In the end it is whole or absent.
        settings: size of tiles, number of references, and how they stand.
        progress: told stage, done and total.

    Raises:
        CaptureError: a capture or its truth cannot be used.
        OutputError: `out` is taken, or lies where nothing may be written.
    """
    place = check_place(out, roots)
    names = [root.resolve().name for root in roots]
    if len(set(names)) < len(names) or not names:
        raise CaptureError(
            "texture maps",
            found=", ".join(names) or "no capture",
            expected="captures whose folders have names of their own",
            remedy="rename one of the folders, or give each once",
        )
    with whole_or_absent(place) as part:
        maps: list[TextureMap] = []
        scales: list[int] = []
        for root, name in zip(roots, names, strict=True):
            made, scale = _texture_map(root, part / name, place / name, settings, progress)
            maps.append(made)
            scales.append(scale)
        _check_one_scale(roots, scales)
        whole = TextureMapSet(
            root=place,
            scale=scales[0],
            licence=settings.licence,
            validation_only=any(map(for_validation_only, roots)),
            turned=settings.turned,
            maps=tuple(maps),
        )
        folders.write_texture_manifest(whole, part)
    return whole


def _texture_map(
    root: Path, part: Path, place: Path, settings: TextureMapSettings, progress: Progress
) -> tuple[TextureMap, int]:
    """Cut one capture; give its map, with paths below `place`, and its scale."""
    capture_root, truth_root = with_truth(root)
    scene = Scene(load_capture(capture_root), RunSettings(), progress)
    truth, mask = _read_truth(truth_root)
    scale = _scale_between(scene, truth, mask, truth_root)
    cutter = TileCutter(scene, truth, mask, settings)
    tiles: list[TextureTile] = []
    regions = cutter.regions()
    for index, region in enumerate(regions):
        progress(f"tiles of {place.name}", index, len(regions))
        cut = cutter.cut(region)
        name = f"y{cut.box.y:05d}_x{cut.box.x:05d}"
        folders.write_texture_tile(part / folders.TILES / name, cut.pixels)
        tiles.append(_tile(cut, name, place / folders.TILES / name))
    progress(f"tiles of {place.name}", len(regions), len(regions))
    for name in (folders.ATLAS, folders.MASK):
        copy_file(truth_root / name, part / name)
    for path in terms_below(capture_root):
        copy_file(path, part / path.name)
    made = TextureMap(
        name=place.name,
        source=str(root),
        atlas=place / folders.ATLAS,
        mask=place / folders.MASK,
        tiles=tuple(tiles),
    )
    return made, scale


def _tile(cut: CutTile, name: str, folder: Path) -> TextureTile:
    return TextureTile(
        name=name,
        box=cut.box,
        mask_share=cut.mask_share,
        low=folder / folders.LOW,
        truth=folder / folders.TRUTH,
        mask=folder / folders.MASK,
        references=tuple(
            TileReference(view=view, path=folder / folders.reference_name(index), shows=shows)
            for index, (view, shows) in enumerate(zip(cut.views, cut.shows, strict=True))
        ),
    )


def _read_truth(folder: Path) -> tuple[Rgb, Bool[np.ndarray, "H W"]]:
    stored, _ = read_image(folder / folders.ATLAS, where=folder / folders.ATLAS)
    color = stored[..., :3] if stored.shape[2] >= 3 else stored[..., :1].repeat(3, axis=2)
    mask_path = folder / folders.MASK
    return np.ascontiguousarray(color), read_mask(mask_path, where=str(mask_path))


def _scale_between(scene: Scene, truth: Rgb, mask: Bool[np.ndarray, "H W"], folder: Path) -> int:
    atlases = scene.capture.surface.atlases
    sizes = {(atlas.height_tx, atlas.width_tx) for atlas in atlases}
    height, width = truth.shape[:2]
    scale = height // atlases[0].height_tx if len(atlases) == 1 else 0
    if scale < 2 or sizes != {(height / scale, width / scale)} or mask.shape != (height, width):
        lows = ", ".join(f"{w} x {h}" for h, w in sorted(sizes))
        raise CaptureError(
            folder,
            found=f"a truth of {width} x {height} and a mask of {mask.shape[1]} x {mask.shape[0]} "
            f"for {len(atlases)} low atlas(es) of {lows} texels",
            expected="truth and mask of one size, 2 or more whole times that of the only atlas",
            remedy="make them again with `texsr simulate` or `texsr dataset own`",
        )
    return scale


def _check_one_scale(roots: Sequence[Path], scales: list[int]) -> None:
    if len(set(scales)) > 1:
        told = ", ".join(f"{root}: x{scale}" for root, scale in zip(roots, scales, strict=True))
        raise CaptureError(
            "texture maps",
            found=told,
            expected="captures of one scale in one set",
            remedy="make one set for each scale",
        )
