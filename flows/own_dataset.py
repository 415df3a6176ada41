"""Captures with a known answer from a person's own: what is known of the atlas, gathered."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from texsr.flows.dataset_places import check_place, for_validation_only
from texsr.flows.progress import Progress, silent
from texsr.flows.scene import Scene
from texsr.flows.settings import RunSettings
from texsr.pipeline.capture import Capture
from texsr.pipeline.dataset import AtlasOrigin, OwnCapture, OwnSettings, PhotoRole
from texsr.pipeline.errors import CaptureError, SettingsError
from texsr.pipeline.formats.photo_roles import read_photo_roles
from texsr.pipeline.formats.photos import read_mask
from texsr.pipeline.reduction import resized
from texsr.pipeline.stages.load import load_capture, load_photo
from texsr.pipeline.stages.own_capture import own_capture, truth_size
from texsr.pipeline.stages.rasterize import rasterize
from texsr.pipeline.stages.visibility import look
from texsr.pipeline.tile import plan_tiles

TILE_TX = 256
REACH_TX = 1.0  # low texels whose centre is off the charts hold truth texels that are on them
WHOLLY_VALID = 254  # of 255, where a mask had to be resampled
Mask = Bool[np.ndarray, "H W"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLists:
    """What a person knows of how a real capture's atlas came about."""

    baked: Path | None = None  # a list of the photos it was made from, or JSON with roles
    references_only: Path | None = None  # a list of the photos that had no part in it
    mask: Path | None = None  # white: texels that show the object; as large as the atlas


def own_dataset(
    root: Path, out: Path, settings: OwnSettings, lists: OwnLists, progress: Progress = silent
) -> OwnCapture:
    """Make a capture with a known answer from a real one; see `own_capture`.

    Raises:
        CaptureError: the capture or a list cannot be used.
        SettingsError: the photos are coarser than asked for.
        OutputError: `out` is taken, or lies where nothing may be written.
    """
    place = check_place(out, [root])
    capture = load_capture(root)
    size = truth_size(capture, settings.scale)
    roles = _roles(capture, lists)
    if lists.mask is None:
        trusted = _trusted(capture, settings, roles, progress)
    else:
        trusted = _told(capture, lists.mask, size)
    origin = AtlasOrigin(roles=roles, trusted=trusted, validation_only=for_validation_only(root))
    erosion_px = capture.mask_erosion_px
    return own_capture(
        capture,
        lambda view: load_photo(view, mask_erosion_px=erosion_px),
        origin,
        place,
        settings,
        progress,
    )


def _roles(capture: Capture, lists: OwnLists) -> Mapping[str, PhotoRole]:
    """Read who had a part in the atlas; empty where nothing is known."""
    if lists.baked is not None and lists.references_only is not None:
        raise SettingsError(
            "--exclude-baked and --references-only",
            found="both",
            expected="one list: what it lacks is the other kind",
            remedy="leave one out",
        )
    names = [view.name for view in capture.views] + [left.name for left in capture.left_out]
    if lists.baked is not None:
        return read_photo_roles(lists.baked, names, listed=PhotoRole.BAKED)
    if lists.references_only is not None:
        return read_photo_roles(lists.references_only, names, listed=PhotoRole.REFERENCE_ONLY)
    return {}


def _trusted(
    capture: Capture, settings: OwnSettings, origin: Mapping[str, PhotoRole], progress: Progress
) -> Mask:
    """Find the truth texels that a photo of the atlas sees; what none sees a program made up."""
    scene = Scene(capture, RunSettings(), progress)
    cameras = [
        view.camera
        for view in capture.views
        if origin.get(view.name, PhotoRole.UNKNOWN) is not PhotoRole.REFERENCE_ONLY
    ]
    height, width = (side // settings.scale for side in truth_size(capture, settings.scale))
    seen = np.zeros((height, width), bool)
    tiles = list(plan_tiles(height, width, size_tx=TILE_TX, overlap_tx=0))
    for index, tile in enumerate(tiles):
        progress("visibility", index, len(tiles))
        points = scene.points(
            rasterize(capture.surface, 0, (height, width), tile.core, conservative_tx=REACH_TX)
        )
        by_any = np.zeros(len(points.position), bool)
        for camera in cameras:
            by_any |= look(points, camera, scene.caster).seen
        seen[tile.core.slices][points.texels.covered] = by_any
    progress("visibility", len(tiles), len(tiles))
    return seen.repeat(settings.scale, axis=0).repeat(settings.scale, axis=1)


def _told(capture: Capture, path: Path, size: tuple[int, int]) -> Mask:
    """Read the mask that a person gives: as large as the atlas."""
    mask, atlas = read_mask(path, where=str(path)), capture.surface.atlases[0]
    if mask.shape != (atlas.height_tx, atlas.width_tx):
        raise CaptureError(
            path,
            found=f"{mask.shape[1]} x {mask.shape[0]} texels",
            expected=f"{atlas.width_tx} x {atlas.height_tx}, as the atlas has",
            remedy="make the mask at the atlas's size, or leave --mask out",
        )
    levels = np.where(mask, np.uint8(255), np.uint8(0))[..., None]
    return resized(levels, height=size[0], width=size[1])[..., 0] >= WHOLLY_VALID
