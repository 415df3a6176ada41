"""Make a capture with a known answer from a real one: everything smaller, the real thing as truth.

The capture's own atlas becomes the truth. The low atlas is its reduction, and the photos are made
smaller by the same factor unless told otherwise, so that the small capture stands to its truth as
the real one stands to what `texsr run` will be asked for. Photos that the atlas was baked from
contain the truth's own noise: where roles are known they are left out of the new capture. The full
photos are kept beside the truth, with their cameras.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from texsr.pipeline.atlas import ImageKind
from texsr.pipeline.camera import Camera
from texsr.pipeline.capture import Capture, Photo, View
from texsr.pipeline.dataset import AtlasOrigin, OwnCapture, OwnPhoto, OwnSettings, PhotoRole
from texsr.pipeline.errors import CaptureError, SettingsError
from texsr.pipeline.formats.colmap import write_colmap_text
from texsr.pipeline.formats.images import write_image
from texsr.pipeline.formats.obj_writing import write_obj
from texsr.pipeline.formats.own_photos import (
    name_below_images,
    write_full_photo,
    write_small_photo,
)
from texsr.pipeline.formats.writing import whole_or_absent, write_file
from texsr.pipeline.reduction import resized
from texsr.pipeline.texture_plane import TexturePlane
from texsr.pipeline.viewpoints import px_per_texel

Mask = Bool[np.ndarray, "H W"]
Progress = Callable[[str, int, int], None]
PhotoOf = Callable[[View], Photo]

DATASET_JSON = "dataset.json"
FULL_PHOTOS = "truth/photos"
FORMAT, VERSION = "texsr-own-capture", 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Photos:
    """What is to be done with the photos."""

    capture: Capture
    photos: tuple[OwnPhoto, ...]  # parallel to the views
    photo_of: PhotoOf
    factor: float
    keep_full: bool


def truth_size(capture: Capture, scale: int) -> tuple[int, int]:
    """Give height and width of the truth: the atlas's own, brought to multiples of the scale.

    Raises:
        CaptureError: the capture has several atlases, or a tiny one.
    """
    atlases = capture.surface.atlases
    if len(atlases) != 1:
        raise CaptureError(
            capture.surface.path,
            found=f"{len(atlases)} textures",
            expected="a mesh with one",
            remedy="bake its materials into one atlas first",
        )
    height, width = (side // scale * scale for side in atlases[0].stored.shape[:2])
    if min(height, width) < 16 * scale:
        raise CaptureError(
            str(atlases[0].path or capture.surface.path),
            found=f"an atlas of {atlases[0].width_tx} x {atlases[0].height_tx} texels",
            expected=f"at least {16 * scale} a side",
            remedy="choose a smaller --scale",
        )
    return height, width


def own_capture(
    capture: Capture,
    photo_of: PhotoOf,
    origin: AtlasOrigin,
    out_dir: Path,
    settings: OwnSettings,
    progress: Progress | None = None,
) -> OwnCapture:
    """Write `out_dir`/capture, `out_dir`/truth and `out_dir`/dataset.json.

    Args:
        capture: the real one, with one atlas.
        photo_of: gives the pixels of a view; one photo is held at a time.
        origin: where roles are known, only photos that are `reference_only` go into the new
            capture.
        out_dir: made; it must not exist or be empty. In the end it is whole or absent.
        settings: scale and size of the photos.
        progress: told stage, done and total.

    Raises:
        CaptureError: the atlas or a photo cannot be used, or no photo is left.
        SettingsError: the photos are coarser than asked for.
        OutputError: `out_dir` is taken or cannot be written.
    """
    size = truth_size(capture, settings.scale)
    photos = _photos(capture, origin.roles)
    factor = photo_factor(capture, settings, size)
    used = [view for view, photo in zip(capture.views, photos, strict=True) if photo.used]
    with whole_or_absent(out_dir) as part:
        mask = origin.trusted & TexturePlane(capture.surface, 0).coverage(*size)
        _write_atlases(capture, part, size, mask, settings.scale)
        work = _Photos(
            capture=capture,
            photos=photos,
            photo_of=photo_of,
            factor=factor,
            keep_full=settings.full_photos,
        )
        _write_photos(work, part, progress or _silent)
        _copy_terms(capture.root, part / "capture")
        small = [view.camera.scaled(factor) for view in used]
        surface = capture.surface
        made = OwnCapture(
            capture=out_dir / "capture",
            truth=out_dir / "truth",
            source=str(capture.root),
            scale=settings.scale,
            photo_scale=factor,
            px_per_texel=px_per_texel(surface.mesh, surface.charts, small, size_tx=size),
            share_scored=float(mask.mean()),
            licence=settings.licence,
            validation_only=origin.validation_only,
            photos=photos,
        )
        _write_manifest(made, part)
    return made


def photo_factor(capture: Capture, settings: OwnSettings, size_tx: tuple[int, int]) -> float:
    """Tell by what factor the photos are made smaller.

    Raises:
        SettingsError: they would have to be enlarged.
    """
    if settings.px_per_texel is None:
        return settings.photo_scale or 1.0 / settings.scale
    cameras = [view.camera for view in capture.views]
    surface = capture.surface
    per_texel = px_per_texel(surface.mesh, surface.charts, cameras, size_tx=size_tx)
    if per_texel < settings.px_per_texel:
        raise SettingsError(
            "own capture, px_per_texel",
            found=f"{settings.px_per_texel:g}, where the full photos have {per_texel:.2f}",
            expected="photos that are made smaller, not larger",
            remedy=f"ask for at most {per_texel:.2f}",
        )
    return settings.px_per_texel / per_texel


def _photos(capture: Capture, roles: Mapping[str, PhotoRole]) -> tuple[OwnPhoto, ...]:
    known = PhotoRole.BAKED in roles.values() or PhotoRole.REFERENCE_ONLY in roles.values()
    photos: list[OwnPhoto] = []
    for view in capture.views:
        role = roles.get(view.name, PhotoRole.UNKNOWN)
        used = role is PhotoRole.REFERENCE_ONLY or not known
        name = name_below_images(view, capture.root)
        photos.append(OwnPhoto(name=name, source=view.name, role=role, used=used))
    if not any(photo.used for photo in photos):
        raise CaptureError(
            capture.root,
            found=f"{len(photos)} photos, none of which is known to be kept out of the atlas",
            expected="at least one that did not contribute to it",
            remedy="bake the atlas without some photos, or give no list of roles",
        )
    return tuple(photos)


def _write_atlases(
    capture: Capture, part: Path, size: tuple[int, int], mask: Mask, scale: int
) -> None:
    surface = capture.surface
    truth = resized(surface.atlases[0].stored, height=size[0], width=size[1])
    write_image(part / "truth" / "atlas.png", ImageKind.PNG, truth)
    levels = np.where(mask, np.uint8(255), np.uint8(0))[..., None]
    write_image(part / "truth" / "mask.png", ImageKind.PNG, levels)
    low = resized(truth, height=size[0] // scale, width=size[1] // scale)
    write_image(part / "capture" / "atlas.png", ImageKind.PNG, low)
    mesh_path = part / "capture" / "mesh.obj"
    write_obj(mesh_path, surface.mesh, surface.charts, texture_name="atlas.png")


def _write_photos(work: _Photos, part: Path, tell: Progress) -> None:
    """Write the photos of the new capture and the full ones, both with cameras; one at a time."""
    small: list[tuple[str, Camera]] = []
    full: list[tuple[str, Camera]] = []
    masked = False
    pairs = list(zip(work.capture.views, work.photos, strict=True))
    for index, (view, photo) in enumerate(pairs):
        tell("photos", index, len(pairs))
        if not photo.used and not work.keep_full:
            continue
        pixels = work.photo_of(view)
        if work.keep_full:
            name = write_full_photo(view, pixels, part / FULL_PHOTOS, photo.name)
            full.append((name, view.camera))
        if photo.used:
            camera, name = view.camera.scaled(work.factor), _as_jpeg(photo.name)
            masked |= write_small_photo(pixels, camera, part / "capture", name)
            small.append((name, camera))
    write_colmap_text(part / "capture" / "sparse" / "0", small)
    if full:
        write_colmap_text(part / FULL_PHOTOS / "sparse" / "0", full)
    _write_toml(work.capture, part / "capture", masked=masked)
    tell("photos", len(pairs), len(pairs))


def _write_toml(capture: Capture, folder: Path, *, masked: bool) -> None:
    lines = ["mask_erosion_px = 0  # done before the photos were made smaller"] if masked else []
    lines += [f"unit_m = {capture.unit_m!r}"] if capture.unit_m is not None else []
    if lines:
        write_file(folder / "capture.toml", ("\n".join(lines) + "\n").encode())


def _as_jpeg(name: str) -> str:
    """Name a photo's JPEG: by the old name whole, so that x.png and x.jpg stay apart."""
    return name if name.lower().endswith((".jpg", ".jpeg")) else f"{name}.jpg"


def _copy_terms(root: Path, capture: Path) -> None:
    for path in sorted(root.iterdir()):
        if path.is_file() and path.name.upper().startswith(("ATTRIBUTION", "LICENSE", "LICENCE")):
            shutil.copyfile(path, capture / path.name)


def _write_manifest(made: OwnCapture, part: Path) -> None:
    facts = {key: value for key, value in asdict(made).items() if key not in ("capture", "truth")}
    document = {"format": FORMAT, "version": VERSION, **facts}
    write_file(part / DATASET_JSON, (json.dumps(document, indent=1) + "\n").encode())


def _silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""
