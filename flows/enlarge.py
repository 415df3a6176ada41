"""One picture made larger: what `texsr enlarge` does.

For texture maps and pictures without a mesh or cameras. Photos of the same thing may come along:
nothing aligns them, so a model finds by itself what they show where.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from texsr.flows.handles import encode
from texsr.flows.model_choice import choose_device
from texsr.flows.photo_stances import PhotoStance, photo_of
from texsr.flows.pictures import TILE_TX, enlarge_picture, references_for
from texsr.flows.progress import Progress, silent
from texsr.flows.settings import RunSettings
from texsr.pipeline.atlas import ImageKind
from texsr.pipeline.capture import Photo
from texsr.pipeline.errors import OutputError, SettingsError
from texsr.pipeline.formats.images import image_header, read_image, write_image
from texsr.pipeline.formats.photos import PHOTO_SUFFIXES, read_photo

KINDS = {
    ".png": ImageKind.PNG,
    ".jpg": ImageKind.JPEG,
    ".jpeg": ImageKind.JPEG,
    ".tif": ImageKind.TIFF,
    ".tiff": ImageKind.TIFF,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EnlargeJob:
    """One call of `texsr enlarge`."""

    picture: Path
    references: tuple[Path, ...] = ()
    """Photos, or folders of them, that show the same thing."""
    as_given: bool = False
    """How photos lie beside the picture is not looked for."""
    out: Path | None = None
    """None: beside the picture, as NAME_x4.png of NAME.png."""
    scale: float = 4.0
    model: str = "auto"
    head: str | None = None
    """A head for the model, by name or file; None: none."""
    device: str = "auto"
    tile_tx: int = TILE_TX
    """Side of a tile, low texels."""
    force: bool = False
    """Replace what is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnlargeOutcome:
    """What was made."""

    out: Path
    model: str
    scale: float
    size_px: tuple[int, int]
    """Width and height."""
    references: tuple[Path, ...]
    stances: tuple[PhotoStance, ...]
    """How the photos lay beside the picture; (): that was not looked for."""
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Give what `--json` prints."""
        return encode(self)


def enlarge(job: EnlargeJob, progress: Progress = silent) -> EnlargeOutcome:
    """Make a picture larger and write it, whole or not at all.

    Raises:
        CaptureError: the picture or a photo cannot be read.
        SettingsError: an option makes no sense, or the model cannot do what is asked.
        OutputError: the place is taken or cannot be written.
    """
    from texsr.flows.sharpen import build_upscaler

    started = time.monotonic()
    settings = RunSettings(scale=job.scale, device=job.device, tile_size_tx=job.tile_tx)
    out = _settle_out(job)
    paths = find_photos(job.references)
    header = image_header(job.picture, where=job.picture)
    low, kind = read_image(job.picture, where=job.picture)
    device = choose_device(settings.device)
    upscaler = build_upscaler(job.model, device, job.head)
    laid = references_for(
        low,
        [_photo(path) for path in paths],
        upscaler,
        job.scale,
        as_given=job.as_given,
        progress=progress,
    )
    high = enlarge_picture(
        low,
        upscaler,
        job.scale,
        device,
        references=None if laid is None else laid.references,
        tile_tx=job.tile_tx,
        progress=progress,
    )
    write_image(out, KINDS.get(out.suffix.lower(), kind), high, like=header)
    return EnlargeOutcome(
        out=out,
        model=upscaler.name,
        scale=job.scale,
        size_px=(high.shape[1], high.shape[0]),
        references=tuple(paths),
        stances=() if laid is None else laid.stances,
        seconds=round(time.monotonic() - started, 2),
    )


def find_photos(places: Sequence[Path]) -> list[Path]:
    """List photos: files given, and those in folders given; each once.

    Raises:
        SettingsError: a place is not there, or holds none.
    """
    found: list[Path] = []
    for place in places:
        inside = [place] if place.is_file() else []
        if place.is_dir():
            inside = sorted(p for p in place.iterdir() if p.suffix.lower() in PHOTO_SUFFIXES)
        if not inside:
            raise SettingsError(
                "--reference",
                found=f"no photo at {place}",
                expected="an image file, or a folder of them",
                remedy="correct the path",
            )
        found += inside
    return list(dict.fromkeys(found))


def _settle_out(job: EnlargeJob) -> Path:
    named = f"{job.picture.stem}_x{job.scale:g}{job.picture.suffix}"
    out = job.picture.with_name(named) if job.out is None else job.out
    if out.resolve() == job.picture.resolve() or (out.exists() and not job.force):
        same = out.resolve() == job.picture.resolve()
        raise OutputError(
            out,
            found="the picture itself" if same else "something that is already there",
            expected="a new file",
            remedy="choose another one with --out" + ("" if same else ", or give --force"),
        )
    return out


def _photo(path: Path) -> Photo:
    color, opaque = read_photo(path, where=str(path))
    return photo_of(color, opaque)
