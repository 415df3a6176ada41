"""The manifest of a result: what it was made of, how, and what it holds. It alone means done."""

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from texsr.flows.progress import Progress, silent
from texsr.pipeline.errors import OutputError

MANIFEST = "manifest.json"
FORMAT = "texsr-result/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A file's identity: content decides, size and time only spare reading it."""

    bytes: int
    mtime_ns: int
    sha256: str

    def unmoved(self, path: Path) -> bool:
        """Whether size and time of `path` are still those of this stamp."""
        try:
            stat = path.stat()
        except OSError:
            return False
        return (stat.st_size, stat.st_mtime_ns) == (self.bytes, self.mtime_ns)

    def matches(self, path: Path) -> bool:
        """Whether `path` still holds this content."""
        return self.unmoved(path) or (path.is_file() and stamp(path).sha256 == self.sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything needed to say whether a result is still true."""

    version: str
    capture_absolute: str
    capture_relative: str  # from the result directory; it survives moving both together
    options: dict[str, Any]
    surroundings: str  # digest of every name, size and time in the capture
    inputs: dict[str, Stamp]  # by path below the capture, or absolute
    outputs: dict[str, Stamp]  # by path below the result
    summary: dict[str, Any]  # what `run` says at its end
    versions: dict[str, str]


def stamp(path: Path) -> Stamp:
    """Hash a file."""
    stat = path.stat()  # before reading: a change while reading shows at the next look
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Stamp(bytes=stat.st_size, mtime_ns=stat.st_mtime_ns, sha256=digest)


def stamp_all(root: Path, paths: Iterable[Path], progress: Progress = silent) -> dict[str, Stamp]:
    """Hash files, keyed by their path below `root`, or absolute where they lie elsewhere."""
    ordered = sorted(set(paths))
    stamps: dict[str, Stamp] = {}
    for done, path in enumerate(ordered, 1):
        key = path.relative_to(root) if path.is_relative_to(root) else path
        stamps[key.as_posix()] = stamp(path)
        progress("hash inputs", done, len(ordered))
    return stamps


def same_content(one: Mapping[str, Stamp], other: Mapping[str, Stamp]) -> bool:
    """Whether both name the same files with the same content."""
    return {k: s.sha256 for k, s in one.items()} == {k: s.sha256 for k, s in other.items()}


def is_result(directory: Path) -> bool:
    """Whether a directory is a finished result of texsr."""
    return read_manifest(directory) is not None


def read_manifest(directory: Path) -> Manifest | None:
    """Read the manifest of a result; None where the directory is no finished result of ours."""
    try:
        data = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        if data.pop("format") != FORMAT:
            return None
        for side in ("inputs", "outputs"):
            data[side] = {name: Stamp(**facts) for name, facts in data[side].items()}
        return Manifest(**data)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write the manifest by rename, after everything else has reached the disk."""
    draft = directory / f".{MANIFEST}.draft"
    with draft.open("w", encoding="utf-8") as stream:
        json.dump({"format": FORMAT, **asdict(manifest)}, stream, indent=1, sort_keys=True)
        stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(directory / MANIFEST)


def texsr_version() -> str:
    """The version of the installed package."""
    return metadata.version("texsr")


def versions() -> dict[str, str]:
    """Versions of what has a say in the pixels."""
    libraries = ("texsr", "numpy", "torch", "pillow", "openimageio", "embreex", "scipy")
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for library in libraries:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            found[library] = "not installed"
    return found


def find_capture(result: Path, given: Path | None = None) -> Path:
    """Find the capture that a result was made from: as given, beside it as before, or where it was.

    Raises:
        OutputError: the directory is no result of texsr, or its capture is gone.
    """
    manifest = read_manifest(result)
    if manifest is None:
        raise OutputError(
            result,
            found="no readable manifest.json of texsr",
            expected="the directory of a finished run",
            remedy="give the directory that `texsr run` named at its end",
        )
    beside = Path(os.path.normpath(result.resolve() / manifest.capture_relative))
    tried = [given] if given is not None else [beside, Path(manifest.capture_absolute)]
    for place in tried:
        if place.is_dir() and (place == given or _holds_inputs(place, manifest)):
            return place.resolve()
    raise OutputError(
        result,
        found=f"its capture neither at {' nor at '.join(str(place) for place in tried)}",
        expected="the capture directory that it was made from",
        remedy="say where it is with --capture DIR",
    )


def _holds_inputs(place: Path, manifest: Manifest) -> bool:
    """Whether most of what a result was made of lies in a directory by its name."""
    own = [name for name in manifest.inputs if not Path(name).is_absolute()]
    return 2 * sum((place / name).is_file() for name in own) > len(own)


def files_below(root: Path) -> Iterator[Path]:
    """List a capture's files: nothing hidden, and nothing inside a result of ours."""
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and not is_result(here / name)
        )
        yield from (here / name for name in sorted(names) if not name.startswith("."))


def surroundings(root: Path) -> str:
    """Digest the names, sizes and times of a capture's files: equal means nothing was touched."""
    digest = hashlib.sha256()
    for path in files_below(root):
        try:
            stat = path.stat()
        except OSError:
            continue  # a dangling link: its name still counts where something refers to it
        line = f"{path.relative_to(root).as_posix()}\0{stat.st_size}\0{stat.st_mtime_ns}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
