"""Writing a glTF file again with other images, and every other byte as it was."""

import base64
import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from texsr.pipeline.atlas import ImageKind
from texsr.pipeline.errors import CaptureError, OutputError
from texsr.pipeline.formats.gltf_container import (
    BIN_CHUNK,
    GLB_MAGIC,
    JSON_CHUNK,
    Gltf,
    image_names,
    is_data,
    open_gltf,
)
from texsr.pipeline.formats.gltf_splice import Splice, splice_views
from texsr.pipeline.formats.json_edit import Place, edited
from texsr.pipeline.formats.json_node import JsonNode
from texsr.pipeline.formats.writing import Layout, copy_file, write_pieces

MIME = {ImageKind.PNG: "image/png", ImageKind.JPEG: "image/jpeg"}
MAX_GLB_BYTES = (1 << 32) - 1
_BASE64_BYTES = 3 << 18  # a multiple of three, so that the pieces join

Edits = dict[Place, str | Iterable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImage:
    """An encoded image that takes the place of an embedded one."""

    file: Path
    kind: ImageKind


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImages:
    """What changes among the images of a glTF file."""

    embedded: dict[str, NewImage] = field(default_factory=dict[str, NewImage])  # by image name
    renamed: dict[Path, str] = field(default_factory=dict[Path, str])  # file -> its new name


def write_gltf(source: Path, layout: Layout, images: NewImages) -> list[Path]:
    """Write a GLB or glTF file with some images replaced.

    Only the bytes of these images, and the offsets, lengths, URIs and mime types that depend on
    them, change. A buffer in a file of its own is written again where it holds such an image.

    Returns:
        The files written, the glTF file first.
    """
    gltf = open_gltf(source, layout.base)
    target = layout.place(source)
    edits, contents = _image_edits(gltf, images)
    splices = splice_views(gltf, contents)
    others: list[Path] = []
    for splice in splices:
        edits |= _layout_edits(gltf, splice)
        uri = gltf.document.item("buffers", splice.buffer).get("uri")
        pieces = splice.pieces(gltf.buffer(splice.buffer))
        if uri is None:
            continue  # the chunk of a GLB, which is written with it
        if is_data(uri):
            whole = b"".join(pieces)
            edits["buffers", splice.buffer, "uri"] = _data_uri("application/octet-stream", [whole])
        else:
            others.append(layout.place(gltf.file(uri)))
            write_pieces(others[-1], pieces)
    if not edits:
        copy_file(source, target)
    elif gltf.chunks:
        _write_glb(gltf, target, "".join(edited(gltf.text, edits)), splices)
    else:
        write_pieces(target, (piece.encode() for piece in edited(gltf.text, edits)))
    return [target, *others]


def embedded_image(source: Path, root: Path, name: str) -> bytes:
    """Give the bytes of an image that a glTF file carries inside, by its name among the images."""
    gltf = open_gltf(source, root)
    content = gltf.image(image_names(gltf).index(name))
    assert isinstance(content, bytes)
    return content


def _image_edits(gltf: Gltf, images: NewImages) -> tuple[Edits, dict[int, Path]]:
    """List the changes of the document's images, and the new content of buffer views."""
    edits: Edits = {}
    contents: dict[int, Path] = {}
    names = image_names(gltf)
    for index, node in enumerate(gltf.document.items("images")):
        uri, view, mime = node.get("uri"), node.get("bufferView"), node.get("mimeType")
        new = images.embedded.get(names[index])
        kind = None if new is None else new.kind
        if new is not None and view is not None and uri is None:
            contents[view.index()] = new.file
        elif new is not None and uri is not None and is_data(uri):
            edits["images", index, "uri"] = _data_uri(MIME[new.kind], _blocks(new.file))
        elif uri is not None and not is_data(uri):
            renamed = _renamed(gltf, uri, images)
            if renamed is not None:
                edits["images", index, "uri"] = json.dumps(renamed)
                kind = ImageKind.PNG
        if kind is not None and mime is not None and mime.text() != MIME[kind]:
            edits["images", index, "mimeType"] = json.dumps(MIME[kind])
    return edits, contents


def _renamed(gltf: Gltf, uri: JsonNode, images: NewImages) -> str | None:
    """Give the new URI of an image file, where it has one."""
    try:
        name = images.renamed.get(gltf.file(uri))
    except CaptureError:  # a file we never touch, for its name leads out of the capture
        return None
    if name is None:
        return None
    folder = uri.text().replace("\\", "/").rpartition("/")[0]
    return f"{folder}/{quote(name)}" if folder else quote(name)


def _layout_edits(gltf: Gltf, splice: Splice) -> Edits:
    """List the numbers that change with the layout of a buffer."""
    edits: Edits = {("buffers", splice.buffer, "byteLength"): str(splice.num_bytes)}
    for view, offset in splice.offsets.items():
        node = gltf.document.item("bufferViews", view)
        if node.index_of("byteOffset", 0) != offset:
            edits["bufferViews", view, "byteOffset"] = str(offset)
    for view, length in splice.lengths.items():
        edits["bufferViews", view, "byteLength"] = str(length)
    return edits


def _data_uri(mime: str, blocks: Iterable[bytes]) -> Iterator[str]:
    """Give a data URI in quotes, piece by piece; all blocks but the last are multiples of three."""
    yield f'"data:{mime};base64,'
    for block in blocks:
        yield base64.b64encode(block).decode("ascii")
    yield '"'


def _blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while block := opened.read(_BASE64_BYTES):
            yield block


def _write_glb(gltf: Gltf, target: Path, text: str, splices: list[Splice]) -> None:
    """Write the chunks again: the new document, the new buffer, and what else there was."""
    encoded = text.rstrip(" ").encode()
    sizes = [len(encoded)]
    contents: list[Iterable[bytes | memoryview]] = [[encoded]]
    first = gltf.document.items("buffers")[:1]
    own = [each for each in splices if each.buffer == 0 and first[0].get("uri") is None]
    for order, (kind, content) in enumerate(gltf.chunks[1:]):
        is_buffer = order == 0 and kind == BIN_CHUNK and len(own) > 0
        sizes.append(own[0].num_bytes if is_buffer else len(content))
        contents.append(own[0].pieces(gltf.buffer(0)) if is_buffer else [content])
    total = 12 + sum(8 + size + -size % 4 for size in sizes)
    if total > MAX_GLB_BYTES:
        raise OutputError(
            target,
            found=f"{total / 1e9:.1f} GB of meshes and textures",
            expected="at most 4.3 GB, more than which no GLB can hold",
            remedy="choose a smaller --scale, or export the capture's mesh as glTF or OBJ",
        )
    write_pieces(target, _glb_pieces(gltf.chunks, total, sizes, contents))


def _glb_pieces(
    chunks: list[tuple[int, memoryview]],
    total: int,
    sizes: list[int],
    contents: list[Iterable[bytes | memoryview]],
) -> Iterator[bytes | memoryview]:
    yield struct.pack("<III", GLB_MAGIC, 2, total)
    for (kind, _), size, content in zip(chunks, sizes, contents, strict=True):
        yield struct.pack("<II", size + -size % 4, kind)
        yield from content
        yield (b" " if kind == JSON_CHUNK else b"\0") * (-size % 4)
