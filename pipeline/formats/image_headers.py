"""What an image file says of itself, read without a decoder.

Size and sample type are checked here before a decoder sees the file, so a header that lies costs
nothing. The container is told by the content; the extension of the name plays no part.
"""

import mmap
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from texsr.pipeline.atlas import ImageKind
from texsr.pipeline.errors import CaptureError

MAX_SIDE_PX = 32768
MAX_PIXELS = 1_200_000_000
MAX_PROFILE_BYTES = 16 << 20
# What the codecs can pack at most, 8 bits a pixel: deflate 1032 to 1 (zlib's documentation); a JPEG
# spends one bit or more on the DC term of each 8 x 8 block. Fewer bytes cannot be a whole picture.
MAX_PX_PER_BYTE = {ImageKind.PNG: 1040, ImageKind.JPEG: 512}

Bytes = bytes | mmap.mmap

_REMEDY = "save the image again as an 8- or 16-bit PNG or TIFF, or as an RGB JPEG"
_OTHERS = {
    b"\x76\x2f\x31\x01": "an OpenEXR image (floating point)",
    b"#?RADIANCE": "a Radiance HDR image (floating point)",
    b"RIFF": "a WebP image",
    b"GIF8": "a GIF image",
    b"BM": "a BMP image",
    b"\xabKTX": "a KTX texture",
    b"DDS ": "a DDS texture",
    b"8BPS": "a Photoshop document",
    b"\x00\x00\x00\x0cjP": "a JPEG 2000 image",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageHeader:
    """Container, size and sample type of an image file."""

    kind: ImageKind
    width_px: int
    height_px: int
    bits: int  # a sample, as stored: 1, 2, 4, 8 or 16
    profile: bytes = b""  # ICC; empty: none, which means sRGB
    premultiplied: bool = False  # TIFF may hold colour that is multiplied by alpha


def read_header(data: Bytes, *, where: str | Path) -> ImageHeader:
    """Read what an image file says of itself.

    Args:
        data: the whole file.
        where: file, and field that names it, for the message.

    Raises:
        CaptureError: no PNG, JPEG or TIFF, floating point, CMYK, or beyond our size budget.
    """
    try:
        header = _parser(data, where)(data, where)
    except CaptureError:
        raise
    except (struct.error, LookupError, ValueError, zlib.error) as error:
        raise damaged(where, f"a header that ends early or makes no sense ({error})") from error
    if header.width_px < 1 or header.height_px < 1:
        raise damaged(where, f"an image of {header.width_px} x {header.height_px} px")
    if (
        max(header.width_px, header.height_px) > MAX_SIDE_PX
        or header.width_px * header.height_px > MAX_PIXELS
    ):
        raise CaptureError(
            where,
            found=f"an image of {header.width_px} x {header.height_px} px",
            expected=f"at most {MAX_SIDE_PX} px a side and {MAX_PIXELS:.1e} px in all",
            remedy="reduce the image or cut it into several",
        )
    densest = MAX_PX_PER_BYTE.get(header.kind, header.width_px * header.height_px)
    if header.width_px * header.height_px * header.bits > 8 * densest * len(data):
        size = f"{header.width_px} x {header.height_px} px"
        raise damaged(where, f"{len(data)} bytes, too few for {size}")
    return header


def damaged(where: str | Path, found: str) -> CaptureError:
    """Give the error for a file that is broken or cut short."""
    return CaptureError(where, found=found, expected="a complete image", remedy=_REMEDY)


def _unusable(where: str | Path, found: str) -> CaptureError:
    expected = "a PNG, JPEG or TIFF of 1 to 4 channels with 8 or 16 bits each"
    return CaptureError(where, found=found, expected=expected, remedy=_REMEDY)


def _parser(data: Bytes, where: str | Path) -> Callable[[Bytes, str | Path], ImageHeader]:
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return _png
    if data[:3] == b"\xff\xd8\xff":
        return _jpeg
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _tiff
    for magic, name in _OTHERS.items():
        if data[: len(magic)] == magic:
            raise _unusable(where, name)
    raise _unusable(where, "no image" if data else "an empty file")


def _png(data: Bytes, where: str | Path) -> ImageHeader:
    """Read IHDR and, before the pixels, iCCP (PNG specification, chapter 11)."""
    header = ImageHeader(kind=ImageKind.PNG, width_px=0, height_px=0, bits=0)
    color_type, at = -1, 8
    while True:
        length, tag = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        at += 12 + length
        if tag == b"IHDR":
            width, height, bits, color_type = struct.unpack_from(">IIBB", body)
            header = replace(header, width_px=width, height_px=height, bits=bits)
        elif tag == b"iCCP":
            packed = body[body.index(0) + 2 :]
            profile = zlib.decompressobj().decompress(packed, MAX_PROFILE_BYTES)
            header = replace(header, profile=profile)
        elif tag in (b"IDAT", b"IEND"):
            break
    if color_type not in (0, 2, 3, 4, 6) or header.bits not in (1, 2, 4, 8, 16):
        raise damaged(where, f"colour type {color_type} with {header.bits} bits")
    return header


def _jpeg(data: Bytes, where: str | Path) -> ImageHeader:
    """Read the frame header and the ICC segments before it (ITU-T T.81, annex B)."""
    profile: dict[int, bytes] = {}
    at = 2
    while True:
        while data[at] == 0xFF and data[at + 1] == 0xFF:  # fill bytes
            at += 1
        mark, marker, length = struct.unpack_from(">BBH", data, at)
        body = data[at + 4 : at + 2 + length]
        at += 2 + length
        if mark != 0xFF or length < 2:
            raise damaged(where, f"no marker at byte {at}")
        if marker == 0xE2 and body.startswith(b"ICC_PROFILE\0"):
            profile[body[12]] = body[14:]
        elif marker in (0xC0, 0xC1, 0xC2):
            bits, height, width, channels = struct.unpack_from(">BHHB", body)
            break
        elif marker in (0xD9, 0xDA):
            raise damaged(where, "a JPEG whose picture comes before its size")
        elif 0xC3 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            raise _unusable(where, "a lossless or arithmetic-coded JPEG")
    if bits != 8 or channels not in (1, 3):
        what = "CMYK colour" if channels == 4 else f"{channels} channels"
        raise _unusable(where, f"a JPEG of {what} with {bits} bits")
    joined = b"".join(profile[part] for part in sorted(profile))
    return ImageHeader(
        kind=ImageKind.JPEG, width_px=width, height_px=height, bits=8, profile=joined
    )


def _tiff(data: Bytes, where: str | Path) -> ImageHeader:
    """Read the tags of the first page (TIFF 6.0)."""
    tags = dict(_tiff_tags(data))
    width, height = tags[256][0], tags[257][0]
    bits = set(tags.get(258, (1,)))
    channels, photometric = tags.get(277, (1,))[0], tags.get(262, (1,))[0]
    samples = set(tags.get(339, (1,)))
    if samples != {1}:
        what = "floating point" if 3 in samples else "signed or complex"
        raise _unusable(where, f"a TIFF with {what} samples")
    if photometric not in (0, 1, 2, 3, 6) or not 1 <= channels <= 4:
        what = "CMYK" if photometric == 5 else f"photometric {photometric}"
        raise _unusable(where, f"a TIFF of {channels} channels ({what})")
    if len(bits) != 1 or not bits <= {1, 2, 4, 8, 16}:
        raise _unusable(where, f"a TIFF with {sorted(bits)} bits a channel")
    profile = bytes(tags.get(34675, ()))
    return ImageHeader(
        kind=ImageKind.TIFF,
        width_px=width,
        height_px=height,
        bits=bits.pop(),
        profile=profile,
        premultiplied=1 in tags.get(338, ()),
    )


def _tiff_tags(data: Bytes) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Give the integer tags of the first page."""
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, at)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(order + "HHI", data, entry)
        letter = {1: "B", 3: "H", 4: "I", 7: "B"}.get(kind)
        if letter is None or length > MAX_PROFILE_BYTES:
            continue
        size = struct.calcsize(letter) * length
        place = entry + 8
        if size > 4:
            (place,) = struct.unpack_from(order + "I", data, place)
            if tag in (273, 279, 324, 325):  # where strips and tiles lie: the decoder's business
                continue
        yield tag, struct.unpack_from(f"{order}{length}{letter}", data, place)
