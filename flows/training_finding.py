"""Where the material of a training lies: packs, scans, pictures and captures below given places."""

import logging
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from texsr.flows.dataset_places import with_truth
from texsr.flows.patch_data import PictureSettings
from texsr.flows.training_data import CONTEXT_TX, PackSettings
from texsr.flows.training_origins import is_for_validation
from texsr.pipeline.errors import CaptureError, SettingsError
from texsr.pipeline.formats.directory import MESH_SUFFIXES, find_mesh
from texsr.pipeline.formats.images import image_header
from texsr.pipeline.formats.refsr_layouts import IMAGE_SUFFIXES
from texsr.pipeline.stages.load import load_capture

logger = logging.getLogger(__name__)


def is_pack(folder: Path) -> bool:
    """Whether a folder holds packed tiles."""
    return (folder / "low.npy").is_file()


def find_packs(places: Sequence[Path], option: str) -> list[Path]:
    """List packs: those given, and those in folders of packs.

    Raises:
        SettingsError: a place holds none, or one that nothing may be learnt from.
    """
    found: list[Path] = []
    for place in places:
        inside = [place] if is_pack(place) else sorted(filter(is_pack, place.iterdir()))
        barred = next(filter(is_for_validation, inside), None)
        if not inside or barred is not None:
            raise SettingsError(
                option,
                found=f"no packed tiles in {place}"
                if barred is None
                else f"{barred}, which is for validation only",
                expected="folders with low.npy, truth.npy and the like to learn from",
                remedy="leave it out" if barred else "give the folder `packs` of another training",
            )
        found += inside
    return found


def find_scans(place: Path) -> list[Path]:
    """List the textured meshes of a place: a mesh, its folder, or a folder of such folders.

    Raises:
        CaptureError: there is none.
    """
    if place.is_file():
        return [place]
    folders = [place] if _holds_mesh(place) else sorted(filter(_holds_mesh, place.iterdir()))
    if not folders:
        raise CaptureError(
            place,
            found="no mesh, neither in it nor in a folder of it",
            expected=f"textured meshes: {', '.join(MESH_SUFFIXES)}",
            remedy="correct --scans",
        )
    return [find_mesh(folder, None) for folder in folders]


def find_pictures(folder: Path, settings: PackSettings) -> list[Path]:
    """List the pictures below a folder that are large enough; the others are left out and told.

    Raises:
        CaptureError: there is none.
    """
    patch = PictureSettings().patch
    side_tx = settings.side_tx + 2 * CONTEXT_TX
    least = replace(patch, side_tx=side_tx, scale=settings.scale).source_side_tx
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
    kept: list[Path] = []
    for path in files:
        header = image_header(path, where=path)
        if min(header.width_px, header.height_px) >= least:
            kept.append(path)
    if not kept:
        raise CaptureError(
            folder,
            found=f"{len(files)} pictures, none as large" if files else "no pictures",
            expected=f"JPEG, PNG or TIFF of at least {least} px on either side",
            remedy="correct --pictures, or train on smaller tiles",
        )
    if len(kept) < len(files):
        logger.warning(
            "%s: %d of %d pictures are smaller than %d px on a side and left out",
            folder,
            len(files) - len(kept),
            len(files),
            least,
        )
    return kept


def known_scale(root: Path, known: tuple[int, ...]) -> int:
    """Tell how much larger a truth is than its low atlas.

    Raises:
        SettingsError: the network has no port for that scale.
    """
    capture_dir, truth = with_truth(root)
    atlas = load_capture(capture_dir).surface.atlases[0]
    header = image_header(truth / "atlas.png", where=truth / "atlas.png")
    for scale in known:
        if (header.width_px, header.height_px) == (atlas.width_tx * scale, atlas.height_tx * scale):
            return scale
    raise SettingsError(
        root,
        found=f"a truth of {header.width_px} x {header.height_px} over "
        f"{atlas.width_tx} x {atlas.height_tx} texels",
        expected=f"{' or '.join(map(str, known))} times as many along both axes",
        remedy="leave it out, or train a network of that scale with --scale",
    )


def named_apart(places: Iterable[Path], name_of: Callable[[Path], str]) -> dict[str, Path]:
    """Name places, those that share a name by a digest of their path as well."""
    unique = list(dict.fromkeys(places))
    names = [name_of(place) for place in unique]
    return {
        name if names.count(name) == 1 else f"{name}-{zlib.crc32(str(place).encode()):08x}": place
        for name, place in zip(names, unique, strict=True)
    }


def _holds_mesh(folder: Path) -> bool:
    return folder.is_dir() and any(p.suffix.lower() in MESH_SUFFIXES for p in folder.iterdir())
