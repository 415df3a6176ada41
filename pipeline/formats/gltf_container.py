"""The outside of glTF 2.0: GLB chunks, the JSON document, buffers, data URIs and image names."""

import base64
import binascii
import posixpath
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote_to_bytes

from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.json_node import JsonNode, parse_json
from texsr.pipeline.formats.paths import confined
from texsr.pipeline.formats.surfaces import unique_name

GLB_MAGIC, JSON_CHUNK, BIN_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942
_BASE64 = re.compile(r"data:[^,]*;base64,", re.I)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gltf:
    """An opened glTF file."""

    path: Path
    root: Path  # no name reaches outside it
    text: str  # the JSON document as it is written
    document: JsonNode
    chunks: list[tuple[int, memoryview]]  # of a GLB, type and content; none for a glTF file
    buffers: dict[int, memoryview] = field(default_factory=dict[int, memoryview])  # read so far

    def buffer(self, index: int) -> memoryview:
        """Give the bytes of a buffer.

        Raises:
            CaptureError: missing, shorter than it says, or outside the capture.
        """
        if index not in self.buffers:
            node = self.document.item("buffers", index)
            self.buffers[index] = self._read_buffer(node, index)
        return self.buffers[index]

    def _read_buffer(self, node: JsonNode, index: int) -> memoryview:
        length = node["byteLength"].index()
        uri = node.get("uri")
        if uri is not None:
            data = memoryview(resource(uri, self.path, self.root))
        elif index == 0 and len(self.chunks) > 1 and self.chunks[1][0] == BIN_CHUNK:
            data = self.chunks[1][1]
        else:
            raise node.fault(found="a buffer without uri", expected="a file, or a GLB's own chunk")
        if len(data) < length:
            raise node.fault(found=f"{len(data)} bytes", expected=f"{length}, as byteLength says")
        return data[:length]

    def view(self, index: int) -> memoryview:
        """Give the bytes of a buffer view."""
        node = self.document.item("bufferViews", index)
        data = self.buffer(node["buffer"].index())
        start, length = node.index_of("byteOffset", 0), node["byteLength"].index()
        if start + length > len(data):
            found = f"bytes {start} to {start + length} of a buffer of {len(data)}"
            raise node.fault(found=found, expected="a view inside its buffer")
        return data[start : start + length]

    def image(self, index: int) -> Path | bytes:
        """Give the file of an image, or its bytes where the mesh file carries it."""
        node = self.document.item("images", index)
        uri, view = node.get("uri"), node.get("bufferView")
        if uri is None and view is None:
            raise node.fault(found="neither uri nor bufferView", expected="one of them")
        if uri is None:
            assert view is not None
            return bytes(self.view(view.index()))
        return resource(uri, self.path, self.root) if is_data(uri) else self.file(uri)

    def file(self, uri: JsonNode) -> Path:
        """Give the path that a URI stands for; it may not exist."""
        return file_of(uri, self.path, self.root)


def open_gltf(path: Path, root: Path) -> Gltf:
    """Open a GLB or glTF file, told by its content.

    Raises:
        CaptureError: not version 2, chunks that do not fit the file, no JSON.
    """
    text = path.read_bytes()
    chunks: list[tuple[int, memoryview]] = []
    if text[:4] == struct.pack("<I", GLB_MAGIC):
        chunks = _split_glb(path, text)
        text = bytes(chunks[0][1])
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _broken(path, f"text that is not UTF-8 ({error.reason})", "JSON") from error
    document = parse_json(path, decoded.removeprefix("\ufeff"))
    version = document["asset"]["version"].text()
    if not version.startswith("2."):
        raise _broken(path, f"glTF {version}", "glTF 2.0")
    return Gltf(path=path, root=root, text=decoded, document=document, chunks=chunks)


def _chunks(data: bytes) -> list[tuple[int, memoryview]]:
    """List the chunks of a GLB, as far as they lie inside it."""
    chunks: list[tuple[int, memoryview]] = []
    at = 12
    while at + 8 <= len(data):
        length, kind = struct.unpack_from("<II", data, at)
        if at + 8 + length > len(data):
            break
        chunks.append((kind, memoryview(data)[at + 8 : at + 8 + length]))
        at += 8 + length
    return chunks


def _split_glb(path: Path, data: bytes) -> list[tuple[int, memoryview]]:
    if len(data) < 20:
        raise _broken(path, f"{len(data)} bytes", "a GLB header and a JSON chunk")
    version, length = struct.unpack_from("<II", data, 4)
    if version != 2:
        raise _broken(path, f"GLB version {version}", "version 2")
    chunks = _chunks(data)
    if length != len(data) or 12 + sum(8 + len(content) for _, content in chunks) != length:
        found = f"{len(data)} bytes in chunks that do not add up to them"
        raise _broken(path, found, f"the {length} bytes that the header announces")
    if chunks[0][0] != JSON_CHUNK:
        raise _broken(path, "a first chunk of another kind", "the JSON chunk first")
    return chunks


def _broken(path: Path, found: str, expected: str) -> CaptureError:
    remedy = "export the file again; it may have been cut short"
    return CaptureError(path, found=found, expected=expected, remedy=remedy)


def is_data(uri: JsonNode) -> bool:
    """Whether a URI holds the data itself."""
    return uri.text()[:5].lower() == "data:"


def file_of(uri: JsonNode, path: Path, root: Path) -> Path:
    """Give the path that a URI stands for: percents decoded, held inside the capture."""
    return confined(root, path.parent, decoded_name(uri), where=uri.where)


def decoded_name(uri: JsonNode) -> str:
    """Give the file name that a URI spells."""
    return unquote_to_bytes(uri.text()).decode("utf-8", "replace")


def resource(uri: JsonNode, path: Path, root: Path) -> bytes:
    """Give the bytes behind a URI: a data URI or a file inside the capture, nothing else."""
    if not is_data(uri):
        file = file_of(uri, path, root)
        try:
            return file.read_bytes()
        except OSError as error:
            found = f"{file}, which cannot be read ({error.strerror})"
            raise uri.fault(found=found, expected="a file beside the mesh") from error
    head = _BASE64.match(uri.text())
    if head is None:
        raise uri.fault(found="a data URI without base64", expected="data:...;base64,...")
    try:
        return base64.b64decode(uri.text()[head.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise uri.fault(found=f"a damaged data URI ({error})", expected="base64") from error


def image_names(gltf: Gltf) -> list[str]:
    """Name every image of the document; images that share their content share their name.

    A file goes by its place beside the mesh. An embedded image goes by the name it was given, made
    safe for folders and told apart from the others.
    """
    names: list[str] = []
    of_content: dict[str | int, str] = {}
    for index, node in enumerate(gltf.document.items("images")):
        uri, view = node.get("uri"), node.get("bufferView")
        key: str | int = -1 - index
        plain = _plain(node, index)
        if uri is not None and not is_data(uri):
            key = posixpath.normpath(decoded_name(uri).replace("\\", "/"))
            plain = posixpath.basename(key) if key.startswith(("..", "/")) else key
        elif view is not None:
            key = view.index()
        if key not in of_content:
            of_content[key] = unique_name(plain, set(of_content.values()))
        names.append(of_content[key])
    return names


def _plain(node: JsonNode, index: int) -> str:
    """Make a file name of an embedded image's name."""
    given, mime = node.get("name"), node.get("mimeType")
    uri = node.get("uri")
    kind = mime.text() if mime is not None else (uri.text()[5:20] if uri is not None else "")
    suffix = ".jpg" if kind.lower().startswith("image/jp") else ".png"
    safe = re.sub(r"[^\w-]+", "_", Path(given.text()).stem if given is not None else "")
    return (safe.strip("_")[:100] or f"image_{index}") + suffix
