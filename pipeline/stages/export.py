"""Write a textured mesh back into its own container, with other textures."""

import os
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from texsr.pipeline.atlas import ImageKind, TexturedMesh
from texsr.pipeline.errors import OutputError
from texsr.pipeline.formats.gltf_write import NewImage, NewImages, embedded_image, write_gltf
from texsr.pipeline.formats.images import Stored, image_header, write_image
from texsr.pipeline.formats.mtl import renamed_maps
from texsr.pipeline.formats.ply import renamed_texture_header
from texsr.pipeline.formats.writing import Layout, copy_file, normal, write_pieces

COPY_BYTES = 1 << 20


def export_surface(
    surface: TexturedMesh,
    textures: Sequence[Stored],
    out_dir: Path,
    *,
    texture_format: str | None = None,
) -> list[Path]:
    """Write a mesh as its own kind of file, with `textures` in place of its atlases.

    Geometry, UVs, names and materials stay byte for byte; so do the other files that the mesh
    names, which are copied beside it. Nothing is written outside `out_dir`. Textures are written in
    bands, so a memory map larger than memory will do.

    Args:
        surface: as it was read; its files are still there.
        textures: the new samples, rows from the top, parallel to `surface.atlases`, with the same
            sample type and channels.
        out_dir: made if it is not there.
        texture_format: "png" writes JPEG atlases as PNG and corrects the names that call them.

    Returns:
        The files written, the mesh first.

    Raises:
        OutputError: the place cannot be written, or a GLB cannot hold the textures.
    """
    for atlas, texture in zip(surface.atlases, textures, strict=True):
        assert texture.dtype == atlas.stored.dtype
        assert texture.shape[2] == atlas.stored.shape[2]
    layout = _layout(surface, out_dir)
    images = _plan_images(surface, texture_format)
    pairs = list(zip(surface.atlases, images, textures, strict=True))
    written: list[Path] = []
    for atlas, image, texture in pairs:
        if atlas.path is not None:
            path = layout.place(atlas.path).with_name(image.name)
            write_image(path, image.kind, texture, like=image_header(atlas.path, where=atlas.path))
            written.append(path)
    renamed = {
        normal(atlas.path): image.name
        for atlas, image, _ in pairs
        if atlas.path is not None and image.name != atlas.path.name
    }
    with _scratch(layout.out_dir) as folder:
        embedded: dict[str, NewImage] = {}
        for index, (atlas, image, texture) in enumerate(pairs):
            if atlas.path is None:
                file = folder / str(index)
                original = embedded_image(surface.path, layout.base, atlas.name)
                like = image_header(original, where=f"{surface.path}: {atlas.name}")
                write_image(file, image.kind, texture, like=like)
                embedded[atlas.name] = NewImage(file=file, kind=image.kind)
        mesh_files = _write_mesh(surface, layout, NewImages(embedded=embedded, renamed=renamed))
    copied = [each for each in surface.sidecars if layout.place(each) not in mesh_files]
    for each in copied:
        _write_sidecar(each, layout, renamed)
    return [*mesh_files, *written, *(layout.place(each) for each in copied)]


def stored_textures(surface: TexturedMesh) -> tuple[Stored, ...]:
    """Give the samples of every atlas as they came in."""
    return tuple(atlas.stored for atlas in surface.atlases)


def texture_places(
    surface: TexturedMesh, out_dir: Path, *, texture_format: str | None = None
) -> list[Path]:
    """Say where the image of each atlas goes, parallel to `surface.atlases`.

    For an atlas that the mesh file carries inside this is the place it would have as a file of its
    own: pictures about it can be put beside it.
    """
    layout = _layout(surface, out_dir)
    return [
        layout.place(atlas.path or surface.path).with_name(image.name)
        for atlas, image in zip(surface.atlases, _plan_images(surface, texture_format), strict=True)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Image:
    """What becomes of an atlas: its container, and the last part of its name."""

    kind: ImageKind
    name: str


def _plan_images(surface: TexturedMesh, texture_format: str | None) -> list[_Image]:
    files = [each.path for each in surface.atlases if each.path is not None]
    taken = {normal(each) for each in (*files, *surface.sidecars)}
    images: list[_Image] = []
    for atlas in surface.atlases:
        place = normal(atlas.path or surface.path.with_name(Path(atlas.name).name))
        if texture_format != "png" or atlas.kind is not ImageKind.JPEG:
            images.append(_Image(kind=atlas.kind, name=place.name))
            continue
        if place.suffix.lower() != ".png":
            plain = place.with_suffix(".png")
            place = plain if plain not in taken else place.with_name(f"{place.name}.png")
        images.append(_Image(kind=ImageKind.PNG, name=place.name))
    return images


def _layout(surface: TexturedMesh, out_dir: Path) -> Layout:
    """Take the folder that holds all files of a mesh as the one that `out_dir` stands for."""
    files = [each.path for each in surface.atlases if each.path is not None]
    folders = {normal(each).parent for each in (surface.path, *files, *surface.sidecars)}
    return Layout(base=Path(os.path.commonpath(folders)), out_dir=out_dir)


@contextmanager
def _scratch(out_dir: Path) -> Generator[Path]:
    """Lend a folder on the disk that the result goes to."""
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".textures-", dir=out_dir) as folder:
            yield Path(folder)
    except OSError as error:
        raise OutputError(
            out_dir,
            found=f"a place that cannot be written: {error.strerror or error}",
            expected="a folder that can be written",
            remedy="choose another output directory with --out",
        ) from error


def _write_mesh(surface: TexturedMesh, layout: Layout, images: NewImages) -> list[Path]:
    """Write the mesh file, and the buffers that hold images; names are corrected where needed."""
    path, target = surface.path, layout.place(surface.path)
    match path.suffix.lower():
        case ".glb" | ".gltf":
            return write_gltf(path, layout, images)
        case ".ply" if images.renamed:
            header, length = renamed_texture_header(path, layout.base, images.renamed)
            write_pieces(target, _with_header(path, header, length))
        case _:
            copy_file(path, target)
    return [target]


def _with_header(path: Path, header: bytes, length: int) -> Iterator[bytes]:
    """Give a file with other bytes in place of its first `length`."""
    yield header
    with path.open("rb") as file:
        file.seek(length)
        while block := file.read(COPY_BYTES):
            yield block


def _write_sidecar(path: Path, layout: Layout, renamed: dict[Path, str]) -> None:
    """Copy a file that the mesh names; a material library learns the new names of images."""
    if renamed and path.suffix.lower() == ".mtl":
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        text = renamed_maps(path, layout.base, text, renamed)
        write_pieces(layout.place(path), [text.encode("utf-8", "surrogateescape")])
    else:
        copy_file(path, layout.place(path))
