"""Result directories: built in hiding beside their place, then swapped in whole."""

import contextlib
import errno
import glob
import os
import shutil
import uuid
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from texsr.flows.lock import hold
from texsr.flows.manifest import MANIFEST, Manifest, read_manifest
from texsr.pipeline.capture import Capture
from texsr.pipeline.errors import OutputError

PREVIEW = "preview"  # made from a result, and void once the result is redone


@dataclass(frozen=True, slots=True, kw_only=True)
class Staging:
    """The hidden directory in which a result comes to be."""

    result: Path  # becomes the result directory
    work: Path  # scratch; never published


def check_place(out: Path, *, force: bool) -> None:
    """Check that a result may stand at `out`.

    Raises:
        OutputError: something else stands there, or files of the result there were changed by hand.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise _foreign(out, "a file")
    manifest = read_manifest(out)
    if manifest is None:
        if any(out.iterdir()):
            raise _foreign(out, "files that no texsr run wrote")
        return
    changed = changed_outputs(out, manifest)
    if changed and not force:
        raise OutputError(
            out,
            found=f"{changed[0]} changed since texsr wrote it",
            expected="a result as it was written, before it is replaced",
            remedy="move the changed file away, or use --force to replace it",
        )


def changed_outputs(out: Path, manifest: Manifest) -> list[str]:
    """Names of a result's files that are there with another content."""
    return [
        name
        for name, stamp in manifest.outputs.items()
        if (out / name).is_file() and not stamp.matches(out / name)
    ]


def is_whole(out: Path, manifest: Manifest) -> bool:
    """Whether every file of a result is there as it was written."""
    return all(stamp.matches(out / name) for name, stamp in manifest.outputs.items())


@contextlib.contextmanager
def staging(out: Path, *, inside: bool = False) -> Generator[Staging]:
    """Lock `out` and give a hidden directory beside it; whatever is left there goes at the end.

    Args:
        inside: `out` is the default place in the capture, so the error asks for `--out`.

    Raises:
        OutputError: the place cannot be written, is full, or another process writes it.
    """
    with contextlib.ExitStack() as stack:
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(hold(_beside(out, "lock"), out))
            _clear_leftovers(out)
            desk = _beside(out, f"staging-{uuid.uuid4().hex[:8]}")
            stack.callback(shutil.rmtree, desk, ignore_errors=True)
            stage = Staging(result=desk / "result", work=desk / "work")
            stage.result.mkdir(parents=True)
            stage.work.mkdir()
        except OSError as error:
            if inside:
                raise _read_only_capture(out.parent, error) from error
            raise _not_writable(out, error) from error
        try:
            yield stage
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise _full(out) from error
            raise


def publish(stage: Staging, out: Path) -> None:
    """Swap a complete result in: readers find the old one or the new one, never a mixture.

    Raises:
        OutputError: what stands at `out` cannot be replaced, as where a disk is mounted there.
    """
    old = _beside(out, f"old-{uuid.uuid4().hex[:8]}")
    try:
        if out.exists():
            out.rename(old)
        stage.result.rename(out)
    except OSError as error:
        if old.exists():
            old.rename(out)
        raise _not_writable(out, error) from error
    if old.exists():
        _retire(old, out)


def check_disk(capture: Capture, scale: float, out: Path) -> None:
    """Check that a result of this capture and what it takes on the way fit on the disk.

    Raises:
        OutputError: they do not.
    """
    needed = needed_bytes(capture, scale)
    place = next(parent for parent in out.parents if parent.exists())
    free = shutil.disk_usage(place).free
    if free < needed:
        raise OutputError(
            out,
            found=f"{free / 1e9:.2f} GB free",
            expected=f"{needed / 1e9:.2f} GB for the new atlases and the scratch files",
            remedy="free some space, or give --out on another disk",
        )


def needed_bytes(capture: Capture, scale: float) -> int:
    """Estimate the disk that a run takes at its height, scratch files included."""
    total = 64_000_000
    for atlas in capture.surface.atlases:
        texels = round(atlas.height_tx * scale) * round(atlas.width_tx * scale)
        stored = atlas.stored.shape[2] * atlas.stored.dtype.itemsize
        # Written and mapped colour, written and mapped provenance, one float colour in between.
        total += texels * (2 * stored + 2 * 2 + 3 * 4)
    return total


def _not_writable(out: Path, error: OSError) -> OutputError:
    return OutputError(
        out,
        found=f"a place that cannot be written ({error.strerror or error})",
        expected="a directory that texsr may create or replace",
        remedy="give --out DIR on a disk that you can write to",
    )


def _read_only_capture(capture: Path, error: OSError) -> OutputError:
    return OutputError(
        capture,
        found=f"a capture that cannot be written ({error.strerror or error}) and no --out",
        expected="--out, where the result cannot go to its default place in the capture",
        remedy="give --out DIR on a disk that you can write to",
    )


def _full(out: Path) -> OutputError:
    return OutputError(
        out,
        found="the disk full",
        expected="room for the result and its scratch files",
        remedy="free some space, or give --out on another disk",
    )


def _foreign(out: Path, found: str) -> OutputError:
    return OutputError(
        out,
        found=found,
        expected="a new or empty directory, or an earlier result of texsr",
        remedy="give another --out; nothing was touched",
    )


def _beside(out: Path, kind: str) -> Path:
    return out.parent / f".{out.name}.texsr-{kind}"


def _clear_leftovers(out: Path) -> None:
    """Remove what a killed run left. Only the holder of the lock may call this."""
    for desk in out.parent.glob(f".{_escaped(out.name)}.texsr-staging-*"):
        shutil.rmtree(desk, ignore_errors=True)
    for old in out.parent.glob(f".{_escaped(out.name)}.texsr-old-*"):
        # A kill between the two renames of `publish` leaves the old result without its name.
        if out.exists():
            _retire(old, out)
        else:
            old.rename(out)


def _escaped(name: str) -> str:
    return glob.escape(name)


def _retire(old: Path, out: Path) -> None:
    """Remove a replaced result; a person's own files in it move on to the new one."""
    manifest = read_manifest(old)
    ours = {MANIFEST, PREVIEW, *(manifest.outputs if manifest else ())}
    for path in sorted(old.rglob("*")):
        name = path.relative_to(old)
        if path.is_dir() or name.as_posix() in ours or name.parts[0] == PREVIEW:
            continue
        target = out / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
    shutil.rmtree(old, ignore_errors=True)
