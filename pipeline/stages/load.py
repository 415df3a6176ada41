"""Files -> Capture, View -> Photo."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from texsr.pipeline.capture import Capture, Finding, LeftOut, Photo, Severity, View
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.directory import find_mesh
from texsr.pipeline.formats.meshes import read_textured_mesh
from texsr.pipeline.formats.photo_sets import Wanted, gather_views
from texsr.pipeline.formats.photos import read_mask, read_photo
from texsr.pipeline.formats.toml_settings import CAPTURE_TOML, CaptureToml, read_capture_toml
from texsr.pipeline.undistortion import undistort


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSettings:
    """What to take from a capture directory. What is set here stands before capture.toml."""

    include: tuple[str, ...] = ()
    """Names or patterns of the photos to take; empty: all."""
    exclude: tuple[str, ...] = ()
    """Names or patterns of photos to leave out, besides those of capture.toml."""
    strict: bool = False
    """Raise the first reason for leaving a photo out."""
    mesh: str | None = None
    """The mesh, relative to the capture; None: look for it."""
    cameras: str | None = None
    """The camera file or folder, relative to the capture; None: look for it."""


def load_capture(root: Path, settings: LoadSettings | None = None) -> Capture:
    """Read what a capture directory holds; of photos, only their headers.

    A photo that cannot be used costs no more than itself: it is named in `Capture.left_out`.

    Raises:
        CaptureError: no such directory, no mesh or cameras, or files of theirs that cannot be used;
            no usable photo; with `settings.strict`, any photo that cannot be used.
    """
    if not root.is_dir():
        raise CaptureError(
            root,
            found="a file" if root.exists() else "nothing there",
            expected="a capture directory: a mesh, images/ and cameras",
            remedy="give the directory that holds the mesh",
        )
    try:
        return _read_capture(root, settings or LoadSettings())
    except OSError as fault:
        raise CaptureError(
            str(fault.filename or root),
            found=f"a file or folder that cannot be read ({fault.strerror or fault})",
            expected="one that may be read",
            remedy="correct its permissions, or copy the capture again",
        ) from fault


def load_photo(view: View, *, mask_erosion_px: int = 3) -> Photo:
    """Decode the photo of a view, remove its lens distortion and apply its mask.

    Args:
        view: as `load_capture` gives it.
        mask_erosion_px: how far from the border of the mask, or of transparent pixels, a pixel has
            to be to count; half the side of a square.

    Raises:
        CaptureError: the photo or its mask cannot be read, has another size than at load, is blank,
            or has no pixel left.
    """
    lens, camera = view.lens, view.camera
    color, opaque = read_photo(view.photo_path, where=view.name)
    keep = None if view.mask_path is None else read_mask(view.mask_path, where=view.name)
    for pixels in (color, *([] if keep is None else [keep])):
        if pixels.shape[:2] != (lens.height_px, lens.width_px):
            raise CaptureError(
                view.name,
                found=f"{pixels.shape[1]} x {pixels.shape[0]} px",
                expected=f"{lens.width_px} x {lens.height_px} px, as when the capture was read",
                remedy="do not change photos and masks during a run",
            )
    if opaque is not None:
        keep = opaque if keep is None else keep & opaque
    if lens.is_pinhole:
        valid = np.ones(color.shape[:2], bool) if keep is None else _eroded(keep, mask_erosion_px)
    else:
        everywhere = np.ones(color.shape[:2], bool)
        color, kept, valid = undistort(
            color, everywhere if keep is None else keep, lens=lens, camera=camera
        )
        valid = valid if keep is None else valid & _eroded(kept, mask_erosion_px)
    if not valid.any():
        raise CaptureError(
            view.name,
            found="no pixel inside the mask and the lens",
            expected="some of the object",
            remedy="correct the mask or exclude the photo",
        )
    return Photo(color=color, valid=valid)


def _eroded(keep: Bool[np.ndarray, "h w"], radius_px: int) -> Bool[np.ndarray, "h w"]:
    """Take a square's half side off a mask; the photo's own border does not count as one."""
    from scipy.ndimage import minimum_filter1d

    eroded = keep.view(np.uint8)
    for axis in (0, 1) if radius_px else ():
        eroded = minimum_filter1d(eroded, 2 * radius_px + 1, axis=axis, mode="nearest")
    return eroded.astype(bool)


def _read_capture(root: Path, settings: LoadSettings) -> Capture:
    toml_path = root / CAPTURE_TOML
    toml = read_capture_toml(toml_path) if toml_path.is_file() else CaptureToml()
    mesh_path = find_mesh(root, settings.mesh or toml.mesh)
    wanted = Wanted(
        include=settings.include or toml.include, exclude=(*toml.exclude, *settings.exclude)
    )
    first_set = replace(toml.photo_set, cameras=settings.cameras or toml.photo_set.cameras)
    sets = [gather_views(root, first_set, wanted)]
    if toml.second_set is not None:
        sets.append(gather_views(root, toml.second_set, wanted, second=True))
    left_out = tuple(item for gathered in sets for item in gathered.left_out)
    views = tuple(view for gathered in sets for view in gathered.views)
    if settings.strict and left_out:
        raise left_out[0].reason
    if not views:
        raise _none_usable(sets[0].cameras_path, left_out)
    names = [name for gathered in sets for name in gathered.names]
    return Capture(
        root=root,
        surface=read_textured_mesh(mesh_path, root=root),
        views=views,
        left_out=left_out,
        findings=(
            *(finding for gathered in sets for finding in gathered.findings),
            *(_matched_nothing(pattern, root) for pattern in wanted.unused(names)),
        ),
        cameras_path=sets[0].cameras_path,
        unit_m=toml.unit_m,
        scale=toml.scale,
        mask_erosion_px=toml.mask_erosion_px,
    )


def _none_usable(cameras_path: Path, left_out: tuple[LeftOut, ...]) -> CaptureError:
    if not left_out:
        return CaptureError(
            cameras_path,
            found="no photo that include and exclude let through",
            expected="at least one",
            remedy="correct the patterns in the settings or in capture.toml",
        )
    first = left_out[0]
    return CaptureError(
        cameras_path,
        found=f"no usable photo; {len(left_out)} were left out, "
        f"the first because of {first.reason.where}: {first.reason.found}",
        expected=f"at least one usable photo: {first.reason.expected}",
        remedy=first.reason.remedy,
    )


def _matched_nothing(pattern: str, root: Path) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        where=str(root),
        text=f"the pattern {pattern!r} matches no photo",
        remedy="correct the name in --exclude, or in capture.toml's include or exclude",
    )
