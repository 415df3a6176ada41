"""Writing a file so that its name never stands for half of it."""

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
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


def write_file(path: Path, data: bytes | memoryview) -> None:
    """Write the bytes of a whole file."""
    with replacing(path) as part:
        part.write_bytes(data)
