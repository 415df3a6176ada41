"""COLMAP's text model: rows of cameras.txt and images.txt, as they are written."""

from collections.abc import Iterator
from pathlib import Path

from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.colmap_rows import CameraRow, ImageRow, unknown_model
from texsr.pipeline.lens_models import EQUIRECTANGULAR, LENS_MODELS

MAX_LINE_CHARS = 2**25  # a line of points of one photo stays far below
_CAMERA_FIELDS = "CAMERA_ID MODEL WIDTH HEIGHT PARAMS[]"
_IMAGE_FIELDS = "IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME"


def read_cameras_text(path: Path) -> Iterator[CameraRow]:
    """Give the rows of cameras.txt: CAMERA_ID MODEL WIDTH HEIGHT PARAMS[].

    Raises:
        CaptureError: a row cannot be read.
    """
    for line_number, line in _lines(path):
        where = f"{path}: line {line_number}"
        tokens = line.split()
        if not tokens or tokens[0].startswith("#"):
            continue
        if len(tokens) < 5:
            raise _unreadable(where, line, _CAMERA_FIELDS)
        if tokens[1] not in LENS_MODELS and tokens[1] != EQUIRECTANGULAR:
            raise unknown_model(where, repr(tokens[1][:60]))
        try:
            yield CameraRow(
                where=where,
                camera_id=int(tokens[0]),
                model=tokens[1],
                width_px=int(tokens[2]),
                height_px=int(tokens[3]),
                params=tuple(map(float, tokens[4:])),
            )
        except ValueError:
            raise _unreadable(where, line, _CAMERA_FIELDS) from None


def read_images_text(path: Path) -> Iterator[ImageRow]:
    """Give the rows of images.txt: IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME.

    The line of points after each row may be there, empty, or forgotten.

    Raises:
        CaptureError: a row cannot be read.
    """
    after_row = False
    for line_number, line in _lines(path):
        if line.lstrip().startswith("#"):
            continue
        if after_row and _holds_points(line):
            after_row = False
            continue
        after_row = False
        if not line.strip():
            continue
        where = f"{path}: line {line_number}"
        tokens = line.split(maxsplit=9)
        if len(tokens) < 10:
            raise _unreadable(where, line, _IMAGE_FIELDS)
        try:
            yield ImageRow(
                where=where,
                name=tokens[9].rstrip(),
                camera_id=int(tokens[8]),
                wxyz=tuple(map(float, tokens[1:5])),
                translation=tuple(map(float, tokens[5:8])),
            )
        except ValueError:
            raise _unreadable(where, line, _IMAGE_FIELDS) from None
        after_row = True


def _holds_points(line: str) -> bool:
    """Whether a line is X Y POINT3D_ID triples, or empty as for an image without points."""
    tokens = line.split()
    if not tokens:
        return True
    try:
        _ = float(tokens[0]), float(tokens[1]), int(tokens[-1])
    except (ValueError, IndexError):
        return False
    return len(tokens) % 3 == 0


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            line_number = 0
            while line := file.readline(MAX_LINE_CHARS):
                line_number += 1
                if len(line) == MAX_LINE_CHARS:
                    raise _unreadable(f"{path}: line {line_number}", line, "a line of a model")
                yield line_number, line
    except UnicodeDecodeError:
        raise CaptureError(
            path,
            found="bytes that are no UTF-8 text",
            expected="a COLMAP text model",
            remedy="save the file as UTF-8, or give the binary model the suffix .bin",
        ) from None


def _unreadable(where: str, line: str, expected: str) -> CaptureError:
    return CaptureError(
        where,
        found=f"the line {line.strip()[:80]!r}",
        expected=expected,
        remedy="export the model again; the file may have been cut short",
    )
