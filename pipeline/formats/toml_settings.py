"""capture.toml: what a person wants done otherwise than it would be found.

mesh = "scan.glb"              # which mesh, where there are several
images = "photos"              # where the photos are; default: images
masks = "silhouettes"          # where the masks are; default: masks
mask_erosion_px = 3            # how far from a mask's border a pixel is trusted
scale = 4                      # texels per texel
unit_m = 0.001                 # metres per unit of the mesh

[cameras]                      # or cameras = "sparse/1"
path = "sparse/1"
undo_applied_transform = true  # the mesh is from before nerfstudio's applied_transform

[photos]                       # names or patterns (*, ?) that match the end of a name
include = ["front_*.jpg"]
exclude = ["front_017.jpg"]

[second_set]                   # photos of another session, aligned to the same mesh
cameras = "close_ups/sparse/0"
images = "close_ups/images"
masks = "close_ups/masks"
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from texsr.pipeline.errors import CaptureError

CAPTURE_TOML = "capture.toml"
MAX_TOML_BYTES = 2**20
DEFAULT_MASK_EROSION_PX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoSet:
    """Where a set of photos and its cameras lie, relative to the capture. None: look for them."""

    cameras: str | None = None
    images: str | None = None
    masks: str | None = None
    undo_applied_transform: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureToml:
    """What capture.toml says; the defaults stand for a capture without one."""

    photo_set: PhotoSet = PhotoSet()
    second_set: PhotoSet | None = None
    mesh: str | None = None
    scale: float | None = None
    unit_m: float | None = None
    mask_erosion_px: int = DEFAULT_MASK_EROSION_PX
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


def read_capture_toml(path: Path) -> CaptureToml:
    """Read capture.toml; a key that is not known is an error, so that no typing slip goes unseen.

    Raises:
        CaptureError: no TOML, an unknown key, or a value of the wrong kind.
    """
    table = _Table(_parsed(path), str(path))
    photos = table.table("photos")
    settings = CaptureToml(
        mesh=table.text("mesh"),
        scale=table.number("scale", least=1.5, most=8.0),
        unit_m=table.number("unit_m", least=1e-9, most=1e9),
        mask_erosion_px=_erosion(table),
        include=photos.texts("include"),
        exclude=photos.texts("exclude"),
        photo_set=_photo_set(table),
        second_set=_second_set(table),
    )
    photos.finish()
    table.finish()
    return settings


class _Table:
    """A TOML table that is emptied as it is read, so that what is left is not known."""

    def __init__(self, values: dict[str, Any], where: str) -> None:
        self.values = dict(values)
        self.where = where
        self.known: list[str] = []

    def take(self, key: str, kinds: tuple[type, ...], expected: str) -> Any:
        self.known.append(key)
        value = self.values.pop(key, None)
        if value is None or (isinstance(value, kinds) and not isinstance(value, bool)):
            return value
        if bool in kinds and isinstance(value, bool):
            return value
        raise self.fault(key, value, expected)

    def text(self, key: str) -> str | None:
        return cast(str | None, self.take(key, (str,), "text in quotes"))

    def flag(self, key: str) -> bool:
        return bool(self.take(key, (bool,), "true or false"))

    def texts(self, key: str) -> tuple[str, ...]:
        expected = "a list of names in quotes"
        names: list[Any] = self.take(key, (list,), expected) or []
        if not all(isinstance(name, str) for name in names):
            raise self.fault(key, names, expected)
        return tuple(names)

    def number(self, key: str, *, least: float, most: float) -> float | None:
        expected = f"a number from {least:g} to {most:g}"
        value: float | None = self.take(key, (int, float), expected)
        if value is not None and not least <= value <= most:  # NaN is not within either
            raise self.fault(key, value, expected)
        return None if value is None else float(value)

    def table(self, key: str) -> "_Table":
        values: dict[str, Any] = self.take(key, (dict,), f"a table [{key}]") or {}
        return _Table(values, f"{self.where}: {key}")

    def finish(self) -> None:
        if self.values:
            raise CaptureError(
                self.where,
                found=f"the key {next(iter(self.values))!r:.60}",
                expected="only " + ", ".join(self.known),
                remedy="correct the spelling or remove the key",
            )

    def fault(self, key: str, value: object, expected: str) -> CaptureError:
        return CaptureError(
            f"{self.where}: {key}",
            found=f"{value!r:.60}",
            expected=expected,
            remedy="correct the value or remove the key",
        )


def _photo_set(table: _Table) -> PhotoSet:
    images, masks = table.text("images"), table.text("masks")
    if not isinstance(table.values.get("cameras"), dict):
        return PhotoSet(cameras=table.text("cameras"), images=images, masks=masks)
    cameras = table.table("cameras")
    path, undo = cameras.text("path"), cameras.flag("undo_applied_transform")
    cameras.finish()
    return PhotoSet(cameras=path, images=images, masks=masks, undo_applied_transform=undo)


def _second_set(table: _Table) -> PhotoSet | None:
    if "second_set" not in table.values:
        table.known.append("second_set")
        return None
    second = table.table("second_set")
    found = PhotoSet(
        cameras=second.text("cameras"),
        images=second.text("images"),
        masks=second.text("masks"),
        undo_applied_transform=second.flag("undo_applied_transform"),
    )
    second.finish()
    for key, value in (("cameras", found.cameras), ("images", found.images)):
        if value is None:
            raise second.fault(key, value, "the name of a file or folder of the second set")
    return found


def _erosion(table: _Table) -> int:
    value = table.number("mask_erosion_px", least=0.0, most=1000.0)
    if value is None:
        return DEFAULT_MASK_EROSION_PX
    if value != int(value):
        raise table.fault("mask_erosion_px", value, "a whole number")
    return int(value)


def _parsed(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MAX_TOML_BYTES:
        raise CaptureError(
            path,
            found=f"{path.stat().st_size} bytes",
            expected=f"at most {MAX_TOML_BYTES}",
            remedy="use patterns in place of long lists of photos",
        )
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as fault:  # both of TOML and of UTF-8
        raise CaptureError(
            path,
            found=f"text that is no TOML ({str(fault)[:120]})",
            expected="TOML as in the documentation of capture.toml",
            remedy="correct the line; names stand in quotes",
        ) from None
