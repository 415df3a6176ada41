"""Pictures for people: labelled, enlarged, encoded. Pillow's home for what is not an atlas."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image, ImageDraw, ImageFont

from texsr.pipeline.color import to_integer
from texsr.pipeline.resample import resize

Color = UInt8[np.ndarray, "_ _ 3"]

LABEL_PX = 15
GAP_PX = 4
PAPER = (238, 240, 242)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedImage:
    """An image file in memory."""

    data: bytes
    mime: str


def encode_png(color: UInt8[np.ndarray, "h w c"]) -> EncodedImage:
    """Encode without loss."""
    return EncodedImage(data=_saved(color, "PNG", optimize=True), mime="image/png")


def encode_jpeg(color: Color, *, quality: int) -> EncodedImage:
    """Encode with full colour resolution (4:4:4)."""
    data = _saved(color, "JPEG", quality=quality, subsampling=0, optimize=True)
    return EncodedImage(data=data, mime="image/jpeg")


def enlarged(color: Float32[np.ndarray, "h w 3"], *, height: int, width: int) -> Color:
    """Resize to 8 bits, bicubic as everywhere in the project."""
    return to_integer(resize(color, height=height, width=width), np.dtype(np.uint8))


def side_by_side(panels: Sequence[tuple[str, Color]]) -> Color:
    """Lay pictures of one height in a row, each with its label in the upper-left corner."""
    gap = np.full((panels[0][1].shape[0], GAP_PX, 3), PAPER, np.uint8)
    row: list[np.ndarray] = []
    for label, color in panels:
        row += [labelled(color, label), gap]
    return np.concatenate(row[:-1], axis=1)


def labelled(color: Color, text: str) -> Color:
    """Write white words on a dark plate into the upper-left corner."""
    picture = Image.fromarray(np.ascontiguousarray(color))
    draw = ImageDraw.Draw(picture, "RGBA")
    font = ImageFont.load_default(LABEL_PX)
    left, top, right, bottom = draw.textbbox((10, 8), text, font=font)
    draw.rounded_rectangle(
        (left - 6, top - 5, right + 6, bottom + 5), radius=6, fill=(15, 17, 20, 205)
    )
    draw.text((10, 8), text, font=font, fill=(255, 255, 255, 255))
    return np.asarray(picture)


def _saved(color: np.ndarray, kind: str, **options: int | bool) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(color)).save(buffer, kind, **options)
    return buffer.getvalue()
