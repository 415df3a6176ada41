"""Images as they are stored: 8- and 16-bit PNG and TIFF, and JPEG, through OpenImageIO.

Samples come and go as integers: nothing is narrowed, premultiplied, rotated or converted. Palettes
and fewer than 8 bits are spread to 8 bits. An ICC profile is carried as it is.
"""

import mmap
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import OpenImageIO
from jaxtyping import Shaped, UInt8, UInt16

from texsr.pipeline.atlas import ImageKind
from texsr.pipeline.errors import CaptureError, OutputError
from texsr.pipeline.formats.image_headers import ImageHeader, damaged, read_header
from texsr.pipeline.formats.writing import replacing

Stored = UInt8[np.ndarray, "h w c"] | UInt16[np.ndarray, "h w c"]

BAND_ROWS = 64
# On 2048 x 2048 RGB: 0.3 s and 7% more bytes than OpenImageIO's own choice, which takes 1.2 s.
PNG_LEVEL, PNG_FILTER_PAETH = 4, 128
JPEG_QUALITY = 95
# OpenImageIO stamps TIFFs with the time of writing; the same input has to give the same bytes.
NO_TIME = "1980:01:01 00:00:00"


def read_image(source: Path | bytes, *, where: str | Path) -> tuple[Stored, ImageKind]:
    """Read the samples of an image file as they are stored, and which container they came in.

    Args:
        source: a file, or its bytes. The content tells the container, not the extension.
        where: file, and field that names it, for the message.

    Returns:
        Rows from the top, channels last: 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha.

    Raises:
        CaptureError: missing, damaged, cut short, beyond the size budget, or of a sample type that
            cannot be kept (floating point, CMYK).
    """
    header = image_header(source, where=where)
    with _as_file(source) as path:
        stored = _decode(path, header, where)
    if stored.dtype != (np.uint16 if header.bits == 16 else np.uint8):
        raise damaged(where, f"{header.bits}-bit samples that decode as {stored.dtype}")
    return stored, header.kind


def image_header(source: Path | bytes, *, where: str | Path) -> ImageHeader:
    """Read container, size and sample type of an image file without decoding it.

    Raises:
        CaptureError: as `read_image`, where the header tells.
    """
    if isinstance(source, bytes):
        return read_header(source, where=where)
    try:
        if source.stat().st_size == 0:
            return read_header(b"", where=where)
        with source.open("rb") as file, _mapped(file.fileno()) as data:
            return read_header(data, where=where)
    except OSError as error:
        raise CaptureError(
            where,
            found=f"{source}, which cannot be read ({error.strerror or error})",
            expected="an image file",
            remedy="put the image there or correct the name",
        ) from error


def write_image(
    path: Path, kind: ImageKind, stored: Stored, *, like: ImageHeader | None = None
) -> None:
    """Write an image band by band under a temporary name, then rename it.

    Memory holds one band: `stored` may be a memory map larger than memory, whose pages are given
    back as they are written.

    Args:
        path: where the image goes; its extension plays no part.
        kind: container. JPEG is written with quality 95 and no chroma subsampling.
        stored: rows from the top, channels last.
        like: the header of the image this one stands for, whose ICC profile it inherits.

    Raises:
        OutputError: the place cannot be written, or the container cannot hold these samples.
    """
    if kind is ImageKind.JPEG and (stored.dtype != np.uint8 or stored.shape[2] not in (1, 3)):
        raise OutputError(
            path,
            found=f"{stored.shape[2]} channels of {stored.dtype}",
            expected="1 or 3 channels of 8 bits: JPEG holds no others",
            remedy="write a PNG with --texture-format png",
        )
    with replacing(path) as part:
        part.touch()  # the system names what is wrong with a place better than the encoder does
        _encode(part, kind, stored, like)


def drop_pages(rows: Shaped[np.ndarray, "..."]) -> None:
    """Give the memory under a part of a memory map back to the system; the file keeps the data.

    Does nothing for other arrays, nor where the system has no such call.
    """
    shared = isinstance(rows, np.memmap) and rows.mode in ("r", "r+", "w+")
    mapping = getattr(rows, "_mmap", None)
    if not shared or mapping is None or not hasattr(mmap, "MADV_DONTNEED"):
        return
    base = np.frombuffer(mapping, np.uint8).ctypes.data
    low, high = np.lib.array_utils.byte_bounds(rows)
    start = (low - base) // mmap.PAGESIZE * mmap.PAGESIZE
    stop = min(len(mapping), -(-(high - base) // mmap.PAGESIZE) * mmap.PAGESIZE)
    mapping.madvise(mmap.MADV_DONTNEED, start, stop - start)


@contextmanager
def _mapped(descriptor: int) -> Generator[mmap.mmap]:
    with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as data:
        yield data


@contextmanager
def _as_file(source: Path | bytes) -> Generator[Path]:
    """Give bytes a file for the time of reading: OpenImageIO's Python side reads no memory."""
    if isinstance(source, Path):
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="texsr-") as folder:
        path = Path(folder, "embedded")
        path.write_bytes(source)
        yield path


def _decode(path: Path, header: ImageHeader, where: str | Path) -> Stored:
    config = OpenImageIO.ImageSpec()
    config["oiio:UnassociatedAlpha"] = 1  # else colour comes multiplied by alpha
    image = OpenImageIO.ImageInput.open(str(path), config)
    if image is None:
        raise damaged(where, f"an image that does not open ({_first_line(OpenImageIO.geterror())})")
    try:
        spec = image.spec()
        if (spec.width, spec.height) != (header.width_px, header.height_px):
            raise damaged(where, f"two sizes: {header.width_px} and {spec.width} px wide")
        stored = image.read_image(spec.format)
        # A JPEG that ends early decodes, with grey below; only the error text tells.
        if stored is None or image.has_error:
            raise damaged(where, f"a damaged image ({_first_line(image.geterror())})")
    finally:
        image.close()
    return stored


def _encode(path: Path, kind: ImageKind, stored: Stored, like: ImageHeader | None) -> None:
    image = OpenImageIO.ImageOutput.create(kind.value)
    if image is None:
        raise OSError(f"OpenImageIO was built without {kind.value}")
    height, width, channels = stored.shape
    spec = OpenImageIO.ImageSpec(width, height, channels, str(stored.dtype))
    for name, value in _attributes(kind, like).items():
        spec[name] = value
    if like is not None and like.profile:
        profile = np.frombuffer(like.profile, np.uint8)
        spec.attribute("ICCProfile", OpenImageIO.TypeDesc(f"uint8[{len(profile)}]"), profile)
    done = image.open(str(path), spec)  # pyright: ignore[reportUnknownMemberType]
    if done:  # writing after a failed open crashes the process
        for top in range(0, stored.shape[0], BAND_ROWS):
            rows = stored[top : top + BAND_ROWS]
            band = np.ascontiguousarray(rows)
            done = done and image.write_scanlines(top, top + len(band), 0, band)
            drop_pages(rows)
        done = image.close() and done
    if not done:
        raise OSError(_first_line(image.geterror()) or "the encoder gave up")


def _attributes(kind: ImageKind, like: ImageHeader | None) -> dict[str, int | str]:
    """Say how OpenImageIO shall encode."""
    # Without "unknown", chunks about colour are added that the original may not have.
    chosen: dict[str, int | str] = {"oiio:ColorSpace": "unknown"}
    if like is None or not like.premultiplied:
        chosen["oiio:UnassociatedAlpha"] = 1
    match kind:
        case ImageKind.PNG:
            return chosen | {"png:compressionLevel": PNG_LEVEL, "png:filter": PNG_FILTER_PAETH}
        case ImageKind.JPEG:
            return chosen | {"Compression": f"jpeg:{JPEG_QUALITY}", "jpeg:subsampling": "4:4:4"}
        case ImageKind.TIFF:
            return chosen | {"Compression": "lzw", "DateTime": NO_TIME}


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""
