"""Names found in files, held inside the capture they were found in."""

import os
import re
import unicodedata
from pathlib import Path
from urllib.parse import unquote

from texsr.pipeline.errors import CaptureError

MAX_NAME_CHARS = 1024
MAX_PART_BYTES = 255
MAX_ENCODINGS = 3  # a name percent-encoded more often than this was made to hide something

_URI_OR_DRIVE = re.compile(r"[A-Za-z]:|[A-Za-z][A-Za-z0-9+.-]+:/|(?:file|data|https?|ftp):", re.I)
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))]
)


def confined(root: Path, base: Path, name: str, *, where: str) -> Path:
    """Give the path that a name found in a file stands for, if it lies inside the capture.

    Backslashes separate folders, as Windows programs write them. Parent steps may be taken as long
    as they stay below `root`. The name is used as it is spelt: a URI has to be decoded by the
    caller, and is refused here where decoding it once more would lead out.

    Args:
        root: the capture directory; nothing outside it may be reached.
        base: the folder that the name is relative to.
        name: the name as the file gives it.
        where: file and field that hold the name, for the message.

    Raises:
        CaptureError: the name is absolute, a URI, a device, too long, holds control characters, or
            leads out of the capture by parent steps or by a symbolic link.
    """
    home, start = root.resolve(), base.resolve()
    for spelling in _spellings(name):
        fault = _fault(spelling) or _leaving(home, start, spelling)
        if fault is not None:
            raise CaptureError(
                where,
                found=f"the name {name[:120]!r}, {fault}",
                expected=f"a relative name that stays inside {root}",
                remedy="copy the file into the capture and name it relative to its folder",
            )
    return Path(os.path.normpath(base / name.replace("\\", "/")))


def _spellings(name: str) -> list[str]:
    """List what a name may turn into by decoding percents and folding look-alike characters."""
    spellings = [name]
    for _ in range(MAX_ENCODINGS):
        decoded = unquote(spellings[-1])
        if decoded == spellings[-1]:
            break
        spellings.append(decoded)
    folded = [unicodedata.normalize("NFKC", spelling) for spelling in spellings]
    return [spelling.replace("\\", "/") for spelling in dict.fromkeys([*spellings, *folded])]


def _fault(name: str) -> str | None:
    """Say what is wrong with the spelling of a name, before the disk is looked at."""
    parts = name.split("/")
    if not name.strip():
        return "which is empty"
    if len(name) > MAX_NAME_CHARS or any(
        len(part.encode("utf-8", "surrogatepass")) > MAX_PART_BYTES for part in parts
    ):
        return f"which is longer than {MAX_NAME_CHARS} characters or {MAX_PART_BYTES} bytes a part"
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        return "which holds control characters"
    if _URI_OR_DRIVE.match(name.strip()):
        return "which is a URI or begins with a drive letter"
    if name.lstrip().startswith("/"):
        return "which is absolute"
    if parts[0].startswith("~") and len(parts) > 1:
        return "which begins in a home folder"
    if any(part not in ("", ".", "..") and not part.strip(". ") for part in parts):
        return "which has a folder of dots and spaces"
    if any(part.split(".")[0].strip().lower() in _DEVICES for part in parts):
        return "which is a device on Windows"
    return None


def _leaving(home: Path, start: Path, name: str) -> str | None:
    """Say how a name leaves `home` (both folders resolved)."""
    reached = Path(os.path.normpath(start / name))
    if not reached.is_relative_to(home):
        return "which leads out of the capture"
    try:
        inside = reached.resolve().is_relative_to(home)
    except (OSError, RuntimeError, ValueError):  # a loop of links, a part that is no folder
        return "which cannot be followed"
    return None if inside else "which leads out of the capture by a symbolic link"
