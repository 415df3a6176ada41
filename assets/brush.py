"""A picture being painted with Pillow, in units of length, and the glaze over it."""

from typing import final

import numpy as np
from jaxtyping import Float64, UInt8
from PIL import Image, ImageDraw, ImageFont

Canvas = UInt8[np.ndarray, "y x 3"]
Color = tuple[int, int, int]
Line = Float64[np.ndarray, "n 2"]
Extent = tuple[float, float]  # width, height

GLAZE, INK, WASH = (238, 230, 212), (28, 48, 104), (176, 196, 214)
RUST, OCHRE, LEAF, DEEP = (164, 62, 38), (206, 154, 62), (58, 98, 76), (16, 28, 62)

GRAIN, BLOTCH = 4.0, 5.0  # standard deviations in 1/255
BAND_ROWS = 256


@final
class Brush:
    """A picture being painted, with coordinates in units."""

    def __init__(self, px: float, extent: Extent, ground: Color) -> None:
        self.px = px
        self.width, self.height = extent
        size = (max(1, round(extent[0] * px)), max(1, round(extent[1] * px)))
        self.image = Image.new("RGB", size, ground)
        self._draw = ImageDraw.Draw(self.image)

    def line(self, points: Line, color: Color, width: float) -> None:
        """Draw a stroke; it keeps at least one pixel."""
        thick = max(1, round(width * self.px))
        self._draw.line([tuple(p) for p in (points * self.px).tolist()], color, thick, "curve")

    def polygon(self, points: Line, color: Color) -> None:
        """Fill an outline."""
        self._draw.polygon([tuple(p) for p in (points * self.px).tolist()], color)

    def box(self, x: float, y: float, width: float, height: float, color: Color) -> None:
        """Fill a rectangle."""
        corners = (x * self.px, y * self.px, (x + width) * self.px, (y + height) * self.px)
        self._draw.rectangle(corners, color)

    def disc(self, x: float, y: float, radius: float, color: Color) -> None:
        """Fill a circle."""
        r = radius * self.px
        at = (x * self.px, y * self.px)
        self._draw.ellipse((at[0] - r, at[1] - r, at[0] + r, at[1] + r), color)

    def ring(self, x: float, y: float, radius: float, color: Color, width: float) -> None:
        """Draw a circle."""
        r, at = radius * self.px, (x * self.px, y * self.px)
        thick = max(1, round(width * self.px))
        self._draw.ellipse((at[0] - r, at[1] - r, at[0] + r, at[1] + r), outline=color, width=thick)

    def text(self, x: float, y: float, text: str, height: float, color: Color) -> float:
        """Write a line with its upper-left corner at (x, y); give its width."""
        font = ImageFont.load_default(max(4.0, height * self.px))
        self._draw.text((x * self.px, y * self.px), text, color, font)
        return self.text_width(text, height)

    def text_width(self, text: str, height: float) -> float:
        """Measure a line without writing it."""
        font = ImageFont.load_default(max(4.0, height * self.px))
        return float(self._draw.textlength(text, font)) / self.px

    def finished(self, rng: np.random.Generator) -> Canvas:
        """Give the painting under its glaze: fine grain, and tone that drifts."""
        return glazed(np.asarray(self.image), rng)


def glazed(picture: Canvas, rng: np.random.Generator) -> Canvas:
    """Add grain and blotches; both are grey, as light on a glaze is."""
    height, width, _ = picture.shape
    cells = rng.standard_normal((14, 36)).astype(np.float32)
    cells[:, -1] = cells[:, 0]  # the side closes on itself
    tone = np.asarray(Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC))
    out = np.empty_like(picture)
    for first in range(0, height, BAND_ROWS):
        rows = slice(first, min(first + BAND_ROWS, height))
        grain = rng.standard_normal((rows.stop - rows.start, width), dtype=np.float32)
        change = GRAIN * grain + BLOTCH * tone[rows]
        out[rows] = np.clip(np.rint(picture[rows] + change[..., None]), 0, 255)
    return out
