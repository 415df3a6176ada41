"""Photos and masks as they lie on disk, decoded by Pillow.

Only four containers are opened, by their content. The file class of each is called directly, so
Pillow's own guard against large images, a global, is neither asked nor changed: `MAX_PHOTO_PX` is
checked here instead. TIFFs are left to OpenImageIO. Nothing is rotated (cameras are calibrated
on the photo as stored, whatever EXIF says) and no colour profile is applied (the atlas was baked
from the stored numbers too).
"""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8, UInt16
from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.images import image_header, read_image

Samples = UInt8[np.ndarray, "h w c"] | UInt16[np.ndarray, "h w c"]

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")
MAX_PHOTO_PX = 2**28
BLANK_LEVELS = 8  # of 255: a photo whose channels vary by no more holds nothing

# Whatever Pillow's decoders raise on bytes that are not what they say.
_FAULTS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
_KINDS: dict[bytes, type[ImageFile.ImageFile]] = {
    b"\xff\xd8\xff": JpegImageFile,
    b"\x89PNG": PngImageFile,
    b"RIFF": WebPImageFile,
}
_TIFF_STARTS = (b"II*\0", b"MM\0*")
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "I;16", "I;16B")
_TAIL_BYTES = 2**16
_HEADER_BYTES = 2**12  # what EXIF and tables may take of a file
_ORIENTATION = 0x0112


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoHeader:
    """What a photo's first bytes tell."""

    width_px: int
    height_px: int
    turned: bool  # EXIF asks viewers to turn or mirror it


def read_photo_header(path: Path, *, where: str) -> PhotoHeader:
    """Read the size of a photo or mask, and whether EXIF turns it (not looked for in a TIFF).

    Raises:
        CaptureError: the file is missing, or its header cannot be read.
    """
    if _start(path, where) in _TIFF_STARTS:
        tiff = image_header(path, where=where)
        _check_size(path, tiff.width_px, tiff.height_px, where)
        return PhotoHeader(width_px=tiff.width_px, height_px=tiff.height_px, turned=False)
    with _opened(path, where) as image:
        return PhotoHeader(width_px=image.width, height_px=image.height, turned=_is_turned(image))


def check_photo(path: Path, *, where: str) -> PhotoHeader:
    """Read a photo's header; decode it only where its bytes look cut short or blank.

    Raises:
        CaptureError: the photo is missing, unreadable, cut short or blank.
    """
    header = read_photo_header(path, where=where)
    # A blank picture packs into less than a fortieth of a byte a pixel, a real one hardly ever.
    packed_bytes = path.stat().st_size - _HEADER_BYTES
    num_px = header.width_px * header.height_px
    if packed_bytes < num_px / 40 or not _ends_well(path, num_px):
        read_photo(path, where=where)
    return header


def read_photo(
    path: Path, *, where: str
) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"] | None]:
    """Decode a photo as stored, reduced to 8 bits.

    Returns:
        RGB, and where the photo holds colour: None for everywhere; pixels that are wholly
        transparent hold none, any other alpha is not looked at.

    Raises:
        CaptureError: as `check_photo`.
    """
    color, opaque = _color(path, where)
    spread = color.max(axis=(0, 1)).astype(int) - color.min(axis=(0, 1))
    if int(spread.max()) <= BLANK_LEVELS:
        raise CaptureError(
            where,
            found=f"a blank photo: its channels vary by {int(spread.max())} of 255",
            expected="a photo of the object",
            remedy="copy the photo again or exclude it",
        )
    return color, opaque


def read_mask(path: Path, *, where: str) -> Bool[np.ndarray, "h w"]:
    """Decode a mask: true where it is lighter than middle grey; alpha is not looked at.

    Raises:
        CaptureError: the mask is missing or unreadable.
    """
    image = _decoded(path, where)
    if isinstance(image, np.ndarray):
        return image[..., 0] > np.iinfo(image.dtype).max // 2
    if image.mode.startswith("I;16"):
        return np.asarray(image) >= 2**15
    return np.asarray(image.convert("RGB").convert("L")) >= 128


def _color(
    path: Path, where: str
) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"] | None]:
    """Bring any kind of pixels to 8-bit RGB and a mask of those that are not transparent."""
    image = _decoded(path, where)
    if isinstance(image, np.ndarray):
        return _color_of_samples(image)
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA"))
        return np.ascontiguousarray(rgba[..., :3]), rgba[..., 3] > 0
    if image.mode.startswith("I;16"):
        return _color_of_samples(np.asarray(image)[..., None])
    return np.array(image.convert("RGB")), None


def _color_of_samples(
    stored: Samples,
) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"] | None]:
    """Reduce samples to 8-bit RGB; channels are grey, grey + alpha, RGB or RGB + alpha."""
    opaque = stored[..., -1] > 0 if stored.shape[2] in (2, 4) else None
    color = stored[..., : 3 if stored.shape[2] >= 3 else 1]
    if color.dtype == np.uint16:
        color = ((color.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(color, (*color.shape[:2], 3))), opaque


def _start(path: Path, where: str) -> bytes:
    """Give the first four bytes."""
    try:
        with path.open("rb") as file:
            return file.read(4)
    except OSError as fault:
        raise CaptureError(
            where,
            found=f"no file {path} that can be read ({fault.strerror or fault})",
            expected="the photo or mask that the cameras name",
            remedy="copy it there or exclude the photo",
        ) from None


def _opened(path: Path, where: str) -> ImageFile.ImageFile:
    """Open a JPEG, PNG or WebP by its first bytes; its pixels are not read."""
    start = _start(path, where)
    file_class = next((kind for magic, kind in _KINDS.items() if start.startswith(magic)), None)
    if file_class is None:
        raise _unusable(where, f"{path}, which is no JPEG, PNG, TIFF or WebP")
    try:
        image = file_class(path)
    except _FAULTS as fault:
        raise _unusable(where, f"{path}, whose header is broken ({str(fault)[:120]})") from None
    try:
        _check_size(path, image.width, image.height, where)
    except CaptureError:
        image.close()
        raise
    return image


def _decoded(path: Path, where: str) -> Image.Image | Samples:
    """Decode an image; a TIFF through OpenImageIO, since Pillow holds no 16-bit RGB."""
    if _start(path, where) in _TIFF_STARTS:
        read_photo_header(path, where=where)
        return read_image(path, where=where)[0]
    with _opened(path, where) as image:
        try:
            image.load()
        except _FAULTS as fault:
            found = f"{path}, which is damaged or cut short ({str(fault)[:120]})"
            raise _unusable(where, found) from None
        if image.mode not in _MODES:
            raise _unusable(where, f"{path}, with pixels of Pillow's mode {image.mode}")
        return image.copy()


def _is_turned(image: ImageFile.ImageFile) -> bool:
    """Whether EXIF asks viewers to turn the photo."""
    if "exif" not in image.info:  # asking a PNG for EXIF it does not have would decode it
        return False
    try:
        return image.getexif().get(_ORIENTATION, 1) != 1
    except _FAULTS:
        return False  # what EXIF says is only told, never used


def _ends_well(path: Path, num_px: int) -> bool:
    """Whether the container's end is where it should be; no pixel is decoded.

    A False asks for a closer look: some phones append a film to their photos. A TIFF may end
    anywhere; one that is not smaller than its pixels is trusted until it is decoded.
    """
    with path.open("rb") as file:
        start = file.read(12)
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read()
    if start.startswith(b"\xff\xd8"):
        return b"\xff\xd9" in tail
    if start.startswith(b"\x89PNG"):
        return b"IEND" in tail
    if start.startswith(b"RIFF"):
        return int.from_bytes(start[4:8], "little") + 8 <= size
    return size >= num_px


def _check_size(path: Path, width: int, height: int, where: str) -> None:
    if not 0 < width * height <= MAX_PHOTO_PX:
        raise _unusable(where, f"{path}, an image of {width} x {height} px")


def _unusable(where: str, found: str) -> CaptureError:
    return CaptureError(
        where,
        found=found,
        expected=f"a whole JPEG, PNG, TIFF or WebP of at most {MAX_PHOTO_PX // 2**20} Mpx",
        remedy="copy the file again, save it in one of these formats, or exclude the photo",
    )
