"""COLMAP's binary model: records of cameras.bin and images.bin, as they are written.

Little-endian, no padding, a 64-bit count first. Points are stepped over, never read.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.colmap_rows import CameraRow, ImageRow, unknown_model
from texsr.pipeline.lens_models import EQUIRECTANGULAR, EQUIRECTANGULAR_ID, LENS_MODELS

_NAME_BY_ID = {model.colmap_id: name for name, model in LENS_MODELS.items()}
_MAX_NAME_BYTES = 4096
_POINT_BYTES = 24  # x, y, 64-bit point id


def read_cameras_binary(path: Path) -> Iterator[CameraRow]:
    """Give the records of cameras.bin.

    Raises:
        CaptureError: the file is cut short, its count lies, or a camera model is unknown.
    """
    with _Records.opened(path) as records:
        for index in range(records.count):
            where = f"{path}: camera {index + 1} of {records.count}"
            camera_id, model_id, width, height = records.unpack("<IiQQ", where)
            if model_id == EQUIRECTANGULAR_ID:
                model, num_params = EQUIRECTANGULAR, 2
            elif model_id in _NAME_BY_ID:
                model = _NAME_BY_ID[model_id]
                num_params = LENS_MODELS[model].num_params
            else:
                raise unknown_model(where, f"number {model_id}")
            yield CameraRow(
                where=where,
                camera_id=camera_id,
                model=model,
                width_px=width,
                height_px=height,
                params=records.unpack(f"<{num_params}d", where),
            )
        records.finish()


def read_images_binary(path: Path) -> Iterator[ImageRow]:
    """Give the records of images.bin.

    Raises:
        CaptureError: the file is cut short, its count lies, or a name is no UTF-8 text.
    """
    with _Records.opened(path) as records:
        for index in range(records.count):
            where = f"{path}: image {index + 1} of {records.count}"
            _, *pose, camera_id = records.unpack("<I7dI", where)
            name = records.name(where)
            (num_points,) = records.unpack("<Q", where)
            records.skip(num_points * _POINT_BYTES, where)
            yield ImageRow(
                where=where,
                name=name,
                camera_id=camera_id,
                wxyz=tuple(pose[:4]),
                translation=tuple(pose[4:]),
            )
        records.finish()


@dataclass(slots=True, kw_only=True)
class _Records:
    """A place in a mapped file of records, moved on by every read."""

    path: Path
    data: mmap.mmap
    count: int
    offset: int

    @classmethod
    def opened(cls, path: Path) -> "_Records":
        with path.open("rb") as file:
            if path.stat().st_size < 8:
                raise _cut_short(str(path))
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        (count,) = struct.unpack_from("<Q", data)
        return cls(path=path, data=data, count=count, offset=8)

    def __enter__(self) -> "_Records":
        return self

    def __exit__(self, *_: object) -> None:
        self.data.close()

    def unpack(self, layout: str, where: str) -> tuple[Any, ...]:
        size = struct.calcsize(layout)
        if self.offset + size > len(self.data):
            raise _cut_short(where)
        values = struct.unpack_from(layout, self.data, self.offset)
        self.offset += size
        return values

    def name(self, where: str) -> str:
        end = self.data.find(b"\0", self.offset, self.offset + _MAX_NAME_BYTES)
        if end < 0:
            raise _cut_short(where)
        raw = self.data[self.offset : end]
        self.offset = end + 1
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise CaptureError(
                where,
                found=f"the photo name {raw[:60]!r}, which is no UTF-8 text",
                expected="a UTF-8 name",
                remedy="rename the photo and export the model again",
            ) from None

    def skip(self, size: int, where: str) -> None:
        if self.offset + size > len(self.data):
            raise _cut_short(where)
        self.offset += size

    def finish(self) -> None:
        left = len(self.data) - self.offset
        if left:
            raise CaptureError(
                self.path,
                found=f"{left} bytes after the {self.count} records that its first field announces",
                expected="nothing after the last record",
                remedy="export the model again; the file is damaged",
            )


def _cut_short(where: str) -> CaptureError:
    return CaptureError(
        where,
        found="the end of the file in the middle of a record",
        expected="as many whole records as the file's first field announces",
        remedy="export or copy the model again; the file is damaged",
    )
