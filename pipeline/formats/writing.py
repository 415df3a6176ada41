"""Writing a file so that its name never stands for half of it."""

import os
import shutil
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from texsr.pipeline.errors import OutputError


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """Lend a temporary name beside `path`; give what stands there the name `path` at the end.

    Folders that lack on the way are made. After an exception, what stood at `path` stands there
    still, and nothing under the temporary name.

    Raises:
        OutputError: the place cannot be written, or the disk is full.
    """
    part = path.with_name(f".{path.name[:200]}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except OSError as error:
        raise OutputError(
            path,
            found=f"a place that cannot be written: {error.strerror or error}",
            expected="a folder that can be written, with room for the file",
            remedy="free some space or choose another output directory with --out",
        ) from error
    finally:
        with suppress(OSError):  # after a success, or where the folder could not be made: not there
            part.unlink()


@contextmanager
def whole_or_absent(folder: Path) -> Generator[Path]:
    """Lend a folder beside `folder` that takes its name when all went well.

    Raises:
        OutputError: `folder` holds something, or its place cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(
            folder,
            found="something that is already there",
            expected="a new or empty folder",
            remedy="choose another one with --out, or remove it",
        )
    part = folder.absolute().with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        part.mkdir(parents=True)
        yield part
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    except OSError as error:
        raise OutputError(
            folder,
            found=f"a place that cannot be written ({error.strerror or error})",
            expected="a folder that can be made, with room for its files",
            remedy="choose another one with --out, or free some space",
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the files of a mesh go: their places relative to each other stay."""

    base: Path  # the folder that holds them all
    out_dir: Path

    def place(self, path: Path) -> Path:
        """Give the new place of a file below `base`."""
        return self.out_dir / normal(path).relative_to(self.base)


def normal(path: Path) -> Path:
    """Take `.` and `..` out of a path without following links."""
    return Path(os.path.normpath(path))


def copy_file(source: Path, target: Path) -> None:
    """Copy the bytes of a file."""
    with replacing(target) as part:
        shutil.copyfile(source, part)


def write_pieces(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Write a file piece by piece."""
    with replacing(path) as part, part.open("wb") as file:
        for piece in pieces:
            file.write(piece)


def write_file(path: Path, data: bytes | memoryview) -> None:
    """Write the bytes of a whole file."""
    write_pieces(path, [data])
