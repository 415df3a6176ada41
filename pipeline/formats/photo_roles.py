"""Lists that tell which photos an atlas was baked from.

Either text, a photo's name a line (a line that begins with # is not read), or JSON as
`{"views": [{"name": "a.jpg", "role": "baked"}, {"name": "b.jpg", "role": "reference_only"}]}`.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from texsr.pipeline.dataset import PhotoRole
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.json_node import JsonNode, parse_json

MAX_LIST_BYTES = 2**26
ROLES = (PhotoRole.BAKED, PhotoRole.REFERENCE_ONLY)


def read_photo_roles(
    path: Path, names: Sequence[str], *, listed: PhotoRole
) -> dict[str, PhotoRole]:
    """Read the roles of photos.

    Args:
        path: the list.
        names: the photos of the capture, as its cameras name them.
        listed: what a text list's photos are; all others are then the other thing. JSON says it
            itself, and may be silent on some.

    Returns:
        Roles by the names of `names`.

    Raises:
        CaptureError: the list cannot be read, names a photo that is not there, or none.
    """
    text = _text(path)
    if text.lstrip().startswith("{"):
        told = _from_json(parse_json(path, text))
        roles = {_resolve(path, name, names): role for name, role in told}
    else:
        chosen = {_resolve(path, name, names) for name in _from_lines(text)}
        other = ROLES[1 - ROLES.index(listed)]
        roles = {name: listed if name in chosen else other for name in names} if chosen else {}
    if not roles:
        raise CaptureError(
            path,
            found="no photo",
            expected="a photo's name a line, or JSON with 'views'",
            remedy="list the photos, or leave the option out",
        )
    return roles


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_LIST_BYTES:
            raise OSError(f"it has {path.stat().st_size} bytes")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        raise CaptureError(
            path,
            found=f"a list that cannot be read ({getattr(fault, 'strerror', None) or fault})",
            expected="UTF-8 text or JSON",
            remedy="correct the name of the list, or save it again",
        ) from None


def _from_lines(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _from_json(document: JsonNode) -> list[tuple[str, PhotoRole]]:
    told: list[tuple[str, PhotoRole]] = []
    for view in document["views"].elements():
        role = view["role"]
        if role.text() not in ROLES:
            raise role.fault(found=repr(role.text()[:40]), expected=" or ".join(ROLES))
        told.append((view["name"].text(), PhotoRole(role.text())))
    return told


def _resolve(path: Path, name: str, names: Sequence[str]) -> str:
    """Find the photo that a list means: by its name as it is, else by the end of it."""
    name = name.replace("\\", "/").removeprefix("images/")
    if name in names:
        return name
    parts = PurePosixPath(name).parts
    alike = [known for known in names if PurePosixPath(known).parts[-len(parts) :] == parts]
    if len(alike) == 1:
        return alike[0]
    raise CaptureError(
        path,
        found=f"the name {name!r}, and {len(alike) or 'no'} photos it can mean",
        expected="names of photos of the capture",
        remedy="correct the name in the list",
    )
