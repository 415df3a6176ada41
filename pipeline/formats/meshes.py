"""Textured meshes of any format, told by the extension of the file."""

from collections.abc import Callable
from pathlib import Path

from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.gltf import read_gltf
from texsr.pipeline.formats.obj import read_obj
from texsr.pipeline.formats.ply import read_ply
from texsr.pipeline.formats.surfaces import RawSurface, build_surface

_READERS: dict[str, Callable[[Path, Path], RawSurface]] = {
    ".obj": read_obj,
    ".glb": read_gltf,
    ".gltf": read_gltf,
    ".ply": read_ply,
}
MESH_SUFFIXES = frozenset(_READERS)


def read_textured_mesh(path: Path, *, root: Path) -> TexturedMesh:
    """Read a mesh, its UVs and the atlases that its materials name.

    Args:
        path: the mesh file.
        root: the capture directory; no name in the file reaches outside it.

    Raises:
        CaptureError: not a mesh format we read, a file that cannot be read, or a mesh that cannot
            be used; the message names the file, and the line or field where there is one.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise CaptureError(
            path,
            found=f"a mesh of kind '{path.suffix}'",
            expected="one of " + ", ".join(sorted(_READERS)),
            remedy="export the mesh as OBJ, GLB, glTF or PLY with its texture",
        )
    try:
        raw = read(path, root)
    except OSError as error:
        raise CaptureError(
            path,
            found=f"a file that cannot be read ({error.strerror or error})",
            expected="the mesh file",
            remedy="correct the name or the permissions",
        ) from error
    return build_surface(path, raw)
