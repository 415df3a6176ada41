"""Photo sets: the shots of a camera file joined to the photos and masks on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from texsr.pipeline.capture import Finding, LeftOut, Severity, View
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.colmap import read_colmap
from texsr.pipeline.formats.directory import PhotoFolder, find_cameras
from texsr.pipeline.formats.paths import confined
from texsr.pipeline.formats.photos import PhotoHeader, check_photo, read_photo_header
from texsr.pipeline.formats.shots import Shot, ShotList
from texsr.pipeline.formats.toml_settings import PhotoSet
from texsr.pipeline.formats.transforms import read_transforms

SECOND_SET = "second_set/"  # begins the names of the second set's views


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which photos a person wants: names or patterns that match the end of a name."""

    include: tuple[str, ...] = ()  # empty: all
    exclude: tuple[str, ...] = ()

    def takes(self, name: str) -> bool:
        """Whether a photo is wanted."""
        included = not self.include or any(_matches(name, pattern) for pattern in self.include)
        return included and not any(_matches(name, pattern) for pattern in self.exclude)

    def unused(self, names: Sequence[str]) -> tuple[str, ...]:
        """List the patterns that match no photo: typing slips, most likely."""
        patterns = dict.fromkeys((*self.include, *self.exclude))
        return tuple(p for p in patterns if not any(_matches(name, p) for name in names))


@dataclass(frozen=True, slots=True, kw_only=True)
class GatheredViews:
    """The views of one photo set and what is to be said of it."""

    cameras_path: Path
    names: tuple[str, ...]  # of all shots, wanted or not
    views: tuple[View, ...]
    left_out: tuple[LeftOut, ...]
    findings: tuple[Finding, ...]


def gather_views(
    root: Path, photo_set: PhotoSet, wanted: Wanted, *, second: bool = False
) -> GatheredViews:
    """Read the cameras of a photo set and look at the header of every photo they name.

    Raises:
        CaptureError: no cameras, or a camera file that cannot be used.
    """
    cameras_path, found = find_cameras(root, photo_set.cameras)
    folder = PhotoFolder(
        root=root,
        images=_folder(root, photo_set.images, "images"),
        masks=_folder(root, photo_set.masks, "masks"),
    )
    near = cameras_path.parent if cameras_path.is_file() else folder.images
    shots = _read_shots(cameras_path, photo_set, folder)
    prefix = SECOND_SET if second else ""
    views: list[View] = []
    left_out = [
        LeftOut(name=prefix + item.name, reason=item.reason)
        for item in shots.left_out
        if wanted.takes(prefix + item.name)
    ]
    notes = _Notes()
    for shot in shots.shots:
        name = prefix + shot.name
        if not wanted.takes(name):
            notes.unwanted.append(name)
            continue
        try:
            views.append(_view(shot, name, folder, near=near, notes=notes, second=second))
        except CaptureError as reason:
            left_out.append(LeftOut(name=name, reason=reason))
    all_names = [*(shot.name for shot in shots.shots), *(item.name for item in shots.left_out)]
    return GatheredViews(
        cameras_path=cameras_path,
        names=tuple(prefix + name for name in all_names),
        views=tuple(views),
        left_out=tuple(left_out),
        findings=(*found, *shots.findings, *notes.findings(str(folder.images), views)),
    )


def _read_shots(path: Path, photo_set: PhotoSet, folder: PhotoFolder) -> ShotList:
    if path.is_dir():
        return read_colmap(path)

    def photo_size(name: str, where: str) -> tuple[int, int]:
        photo, _ = folder.find_photo(name, near=path.parent, where=where)
        header = read_photo_header(photo, where=where)
        return header.width_px, header.height_px

    return read_transforms(
        path,
        photo_size=photo_size,
        undo_applied_transform=photo_set.undo_applied_transform,
    )


def _view(
    shot: Shot, name: str, folder: PhotoFolder, *, near: Path, notes: "_Notes", second: bool
) -> View:
    """Join a shot to its photo and mask.

    Raises:
        CaptureError: the photo or its mask is missing, unreadable or unlike its intrinsics.
    """
    photo, renamed = folder.find_photo(shot.name, near=near, where=shot.where)
    header = check_photo(photo, where=shot.where)
    size = (header.width_px, header.height_px)
    if size != (shot.lens.width_px, shot.lens.height_px):
        raise _unlike(shot, photo, header)
    mask = folder.find_mask(photo, shot.mask_name, near=near, where=shot.where)
    if mask is not None:
        _check_mask(mask, size, where=f"{shot.where}: mask")
    view = View(
        name=name,
        camera=shot.lens.pinhole(shot.cam_from_world),
        lens=shot.lens,
        photo_path=photo,
        mask_path=mask,
        second_set=second,
    )
    if renamed:
        notes.renamed.append(f"{shot.name} -> {photo.name}")
    if header.turned:
        notes.turned.append(name)
    return view


def _check_mask(path: Path, size: tuple[int, int], *, where: str) -> None:
    header = read_photo_header(path, where=where)
    if (header.width_px, header.height_px) != size:
        raise CaptureError(
            where,
            found=f"{path.name} of {header.width_px} x {header.height_px} px",
            expected=f"{size[0]} x {size[1]} px, as the photo",
            remedy="make the mask again for this photo, or remove it",
        )


def _unlike(shot: Shot, photo: Path, header: PhotoHeader) -> CaptureError:
    wanted = (shot.lens.width_px, shot.lens.height_px)
    swapped = wanted == (header.height_px, header.width_px)
    return CaptureError(
        shot.where,
        found=f"{photo.name} of {header.width_px} x {header.height_px} px"
        + (", turned against its intrinsics" if swapped else ""),
        expected=f"{wanted[0]} x {wanted[1]} px as its intrinsics say",
        remedy="save the photo as the calibration saw it, without turning it"
        if swapped
        else "use the photos that were calibrated, or rescale the intrinsics with them",
    )


class _Notes:
    """What was seen on the way and has to be said, without stopping the work."""

    def __init__(self) -> None:
        self.renamed: list[str] = []
        self.turned: list[str] = []
        self.unwanted: list[str] = []

    def findings(self, where: str, views: Sequence[View]) -> list[Finding]:
        unmasked = [view.name for view in views if view.mask_path is None]
        bent = sorted({view.lens.model for view in views if not view.lens.is_pinhole})
        said = [
            (
                Severity.WARNING,
                self.renamed,
                "photos were taken by stem, for lack of the exact name",
                "check that they are the photos that were calibrated",
            ),
            (
                Severity.INFO,
                self.turned,
                "photos carry an EXIF orientation, which is not applied: cameras are calibrated "
                "on the photo as stored",
                "",
            ),
            (Severity.INFO, self.unwanted, "photos were left out as asked for", ""),
            (
                Severity.WARNING,
                unmasked if len(unmasked) < len(views) else [],
                "photos have no mask, though others do",
                "make the missing masks, or their background may reach the texture",
            ),
            (Severity.INFO, bent, "lens models have their distortion removed on load", ""),
        ]
        return [
            Finding(severity=severity, where=where, text=_counted(names, text), remedy=remedy)
            for severity, names, text, remedy in said
            if names
        ]


def _counted(names: Sequence[str], text: str) -> str:
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return f"{len(names)} {text}: {shown}"


def _folder(root: Path, name: str | None, default: str) -> Path:
    return (
        root / default if name is None else confined(root, root, name, where=f"{root}: {default}")
    )


def _matches(name: str, pattern: str) -> bool:
    """Whether a pattern matches a name, or the end of it that follows a slash."""
    name = name.replace("\\", "/")
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"*/{pattern}")
