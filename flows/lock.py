"""A lock with an owner: one writer a result directory, and no lock outlives its writer."""

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path

from texsr.pipeline.errors import OutputError

HEARTBEAT_S = 20.0
# An owner on another host cannot be asked whether it lives; its silence has to do.
SILENT_OWNER_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The process that holds a lock."""

    host: str
    pid: int
    started: str  # tells a process from a later one with the same pid
    token: str


def this_process() -> Owner:
    """Describe the calling process as an owner."""
    return Owner(
        host=socket.gethostname(),
        pid=os.getpid(),
        started=process_start(os.getpid()),
        token=uuid.uuid4().hex,
    )


def process_start(pid: int) -> str:
    """Give the start time of a process in the kernel's ticks; "" where the system does not say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    # The command's name may hold spaces and parentheses: count the fields after the last one.
    return stat.rpartition(")")[2].split()[19]


def is_alive(owner: Owner, silent_s: float) -> bool:
    """Whether the owner of a lock still works, `silent_s` seconds after its last heartbeat."""
    if owner.host != socket.gethostname():
        return silent_s < SILENT_OWNER_S
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it lives and is somebody else's
    return not owner.started or process_start(owner.pid) in ("", owner.started)


@contextlib.contextmanager
def hold(lock: Path, what: Path) -> Generator[None]:
    """Hold the lock file `lock` over `what`; take it over from an owner that died.

    Raises:
        OutputError: a living owner holds it, or the place cannot be written.
    """
    owner = this_process()
    _take(lock, owner, what)
    stop = threading.Event()
    heart = threading.Thread(target=_beat, args=(lock, stop), daemon=True)
    heart.start()
    try:
        yield
    finally:
        stop.set()
        heart.join()
        if _read(lock) == owner:
            lock.unlink(missing_ok=True)


def _take(lock: Path, owner: Owner, what: Path) -> None:
    """Create the lock with its content in one step, so that no one reads it half-written."""
    draft = lock.with_name(f"{lock.name}.{owner.token}")
    draft.write_text(json.dumps(asdict(owner)), encoding="utf-8")
    try:
        for _ in range(5):
            try:
                os.link(draft, lock)
                return
            except FileExistsError:
                _clear_dead(lock, what)
        raise _busy(what, "other processes that keep taking it")
    finally:
        draft.unlink(missing_ok=True)


def _clear_dead(lock: Path, what: Path) -> None:
    """Remove the lock if its owner is dead.

    Raises:
        OutputError: the owner lives.
    """
    try:
        silent_s = time.time() - lock.stat().st_mtime
    except FileNotFoundError:
        return
    found = _read(lock)
    if found is not None and is_alive(found, silent_s):
        raise _busy(what, f"process {found.pid} on {found.host}")
    grave = lock.with_name(f"{lock.name}.dead-{uuid.uuid4().hex}")
    with contextlib.suppress(FileNotFoundError):
        lock.rename(grave)
        if _read(grave) != found:  # someone was faster, and this is a living owner's lock
            with contextlib.suppress(FileExistsError):
                os.link(grave, lock)
        grave.unlink(missing_ok=True)


def _read(lock: Path) -> Owner | None:
    """Read a lock; None where there is none or it says nothing."""
    try:
        return Owner(**json.loads(lock.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _beat(lock: Path, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT_S):
        with contextlib.suppress(OSError):
            os.utime(lock)


def _busy(what: Path, holder: str) -> OutputError:
    return OutputError(
        what,
        found=f"it being written by {holder}",
        expected="one writer at a time",
        remedy="wait for that run, or give this one another --out",
    )
