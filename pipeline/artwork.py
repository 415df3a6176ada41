"""Printed artwork drawn at random: lettering, bars, discs and outlines, as on packages and cards.

Photographs are short of the crisp edges that print has; networks that never saw them blur labels.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float32

from texsr.pipeline.resample import resize

SUPERSAMPLE = 3  # drawn this much larger, then reduced: edges as a scanner would see them
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789&%.,:;!?()-+/"
MAX_SOFTNESS_PX = 1.1
MIN_BOX_PX = 32  # on the enlarged canvas: room for the widest outline
CANVAS_SHARE = 0.35  # of the shapes: how many are drawn large, as grounds for the others


def draw_artwork(rng: np.random.Generator, *, side_px: int) -> Float32[np.ndarray, "s s 3"]:
    """Draw one square piece of artwork, sRGB-encoded, [0, 1].

    Args:
        rng: the same state gives the same picture.
        side_px: of the picture.
    """
    from PIL import Image, ImageDraw

    side = side_px * SUPERSAMPLE
    palette = _palette(rng)
    picture = Image.new("RGB", (side, side), palette[0])
    pen = ImageDraw.Draw(picture)
    shapes: tuple[_Shape, ...] = (
        _disc,
        _bar,
        _outline,
        _polygon,
        _lettering,
        _lettering,
        _lines,
        _screen,
        _screen,
        _frames,
        _frames,
        _rules,
        _rules,
        _stripes,
        _net,
    )
    for _ in range(int(rng.integers(6, 26))):
        shape = shapes[int(rng.integers(len(shapes)))]
        colour = palette[int(rng.integers(len(palette)))]
        largest = 0.6 if rng.random() < CANVAS_SHARE else 0.2
        shape(pen, rng, side, largest, colour)
    if rng.random() < 0.5:
        picture = picture.rotate(
            float(rng.uniform(0, 360)), Image.Resampling.BICUBIC, fillcolor=palette[0]
        )
    drawn = np.asarray(picture, np.float32) / np.float32(255)
    return _printed(resize(drawn, height=side_px, width=side_px), rng)


_Shape = Callable[..., None]
Colour = tuple[int, int, int]


def _palette(rng: np.random.Generator) -> list[Colour]:
    """Draw the few inks of a print, one of them dark and one light more often than not."""
    inks = rng.integers(0, 256, (int(rng.integers(2, 6)), 3))
    if rng.random() < 0.7:
        inks[0] = rng.integers(200, 256)
        inks[-1] = rng.integers(0, 60)
    order = rng.permutation(len(inks))
    return [(int(r), int(g), int(b)) for r, g, b in inks[order]]


def _printed(
    picture: Float32[np.ndarray, "s s 3"], rng: np.random.Generator
) -> Float32[np.ndarray, "s s 3"]:
    """Add what paper and scanner add: softness, uneven light, grain."""
    from scipy.ndimage import gaussian_filter

    softness = float(rng.uniform(0.0, MAX_SOFTNESS_PX))
    soft = gaussian_filter(picture, (softness, softness, 0.0), mode="nearest")
    slope = rng.uniform(-0.1, 0.1, 2)
    rows, columns = np.mgrid[-0.5 : 0.5 : 1j * len(soft), -0.5 : 0.5 : 1j * len(soft)]
    light = 1.0 + slope[0] * rows + slope[1] * columns
    grain = rng.uniform(0.0, 0.012) * rng.standard_normal(soft.shape)
    return np.clip(soft * light[..., None] + grain, 0.0, 1.0).astype(np.float32)


def _box(rng: np.random.Generator, side: int, largest: float) -> tuple[float, float, float, float]:
    width, height = MIN_BOX_PX + side * largest * rng.uniform(0.08, 1.0, 2)
    x, y = rng.uniform(-0.1, 1.0, 2) * side
    return x, y, x + width, y + height


def _disc(pen: Any, rng: np.random.Generator, side: int, largest: float, colour: Colour) -> None:
    pen.ellipse(_box(rng, side, largest), fill=colour)


def _bar(pen: Any, rng: np.random.Generator, side: int, largest: float, colour: Colour) -> None:
    pen.rectangle(_box(rng, side, largest), fill=colour)


def _outline(pen: Any, rng: np.random.Generator, side: int, largest: float, colour: Colour) -> None:
    width = int(rng.integers(2, 14))
    if rng.random() < 0.5:
        pen.ellipse(_box(rng, side, largest), outline=colour, width=width)
    else:
        pen.rounded_rectangle(_box(rng, side, largest), radius=width, outline=colour, width=width)


def _polygon(pen: Any, rng: np.random.Generator, side: int, largest: float, colour: Colour) -> None:
    corners = int(rng.integers(3, 9))
    turn = np.sort(rng.uniform(0, 2 * np.pi, corners))
    reach = side * largest * 0.5 * rng.uniform(0.3, 1.0, corners)
    x, y = rng.uniform(0, side, 2)
    pen.polygon(
        [(x + r * np.cos(t), y + r * np.sin(t)) for t, r in zip(turn, reach, strict=True)],
        fill=colour,
    )


def _lines(pen: Any, rng: np.random.Generator, side: int, largest: float, colour: Colour) -> None:
    """Parallel lines, as in bar codes and hatching."""
    x, y, right, bottom = _box(rng, side, largest)
    step = float(rng.uniform(4, 40))
    while x < right:
        pen.line((x, y, x, bottom), fill=colour, width=int(rng.integers(1, 9)))
        x += step * float(rng.uniform(0.5, 1.5))


def _screen(pen: Any, rng: np.random.Generator, side: int, largest: float, colour: Colour) -> None:
    """A tint as printers make it: fine lines, or dots, on a ground that is not much unlike them."""
    x, y, right, bottom = _box(rng, side, largest)
    share = float(rng.uniform(0.05, 0.5))
    ground = tuple(int(v + share * (int(rng.integers(256)) - v)) for v in colour)
    pen.rectangle((x, y, right, bottom), fill=ground)
    step = float(rng.uniform(2.2, 8.0)) * SUPERSAMPLE
    slope = float(rng.uniform(-1.0, 1.0))
    width = max(1, round(step * float(rng.uniform(0.25, 0.6))))
    rows = np.arange(y - abs(slope) * (right - x), bottom + abs(slope) * (right - x), step)
    if rng.random() < 0.5:
        for row in rows:
            _clipped_line(
                pen, (x, row, right, row + slope * (right - x)), (y, bottom), colour, width
            )
        return
    for number, row in enumerate(np.arange(y, bottom - width, step)):
        for column in np.arange(x + (number % 2) * step / 2, right - width, step):
            pen.ellipse((column, row, column + width, row + width), fill=colour)


def _frames(pen: Any, rng: np.random.Generator, side: int, largest: float, colour: Colour) -> None:
    """Outlines within outlines at an even distance: the rules and borders of print."""
    x, y, right, bottom = _box(rng, side, largest)
    step, width = _pitch(rng)
    round_ones = rng.random() < 0.5
    radius = step * float(rng.uniform(0.0, 6.0))
    for _ in range(int(rng.integers(2, 16))):
        least = min(right - x, bottom - y)
        if least < 4 * width:
            break
        if round_ones:
            pen.ellipse((x, y, right, bottom), outline=colour, width=width)
        else:
            curve = min(radius, least / 2 - width)
            pen.rounded_rectangle((x, y, right, bottom), curve, outline=colour, width=width)
        x, y, right, bottom = x + step, y + step, right - step, bottom - step
        radius = max(0.0, radius - step)


def _stripes(pen: Any, rng: np.random.Generator, side: int, largest: float, colour: Colour) -> None:
    """One broken line drawn again and again beside itself."""
    x, y, right, bottom = _box(rng, side, largest)
    step, width = _pitch(rng)
    corners = int(rng.integers(2, 6))
    spots = rng.uniform((x, y), (right, bottom), (corners, 2))
    if rng.random() < 0.5:  # stairs
        spots = spots[np.argsort(spots[:, 0])]
        spots = np.stack([spots, np.stack([np.roll(spots[:, 0], -1), spots[:, 1]], 1)], 1)
        spots = spots.reshape(-1, 2)[:-1]
    angle = rng.uniform(0, 2 * np.pi)
    beside = step * np.array([np.cos(angle), np.sin(angle)])
    for number in range(int(rng.integers(2, 12))):
        line = [(float(a), float(b)) for a, b in spots + number * beside]
        pen.line(line, fill=colour, width=width, joint="curve")


def _rules(pen: Any, rng: np.random.Generator, side: int, largest: float, colour: Colour) -> None:
    """A few long rules side by side, unlike in width, distance and shade, as borders have them."""
    across, at = int(rng.integers(2)), float(rng.uniform(0, side))
    slant = float(rng.normal(0.0, 0.06)) * side * (rng.random() < 0.7)
    for _ in range(int(rng.integers(2, 6))):
        gap, width = _pitch(rng)
        ends = np.array([[0.0, at], [side, at + slant]])[:, :: 1 - 2 * across]
        shade = _shaded(colour, rng) if rng.random() < 0.5 else colour
        pen.line([(float(x), float(y)) for x, y in ends], fill=shade, width=width)
        at += gap * float(rng.uniform(0.5, 1.0)) + width / 2


def _shaded(colour: Colour, rng: np.random.Generator) -> Colour:
    """Give a colour a little lighter or darker."""
    red, green, blue = (int(np.clip(part + rng.normal(0, 40), 0, 255)) for part in colour)
    return red, green, blue


def _net(pen: Any, rng: np.random.Generator, side: int, largest: float, colour: Colour) -> None:
    """Rows of arcs, each beside and under the other, as scales and guilloches have them."""
    x, y, right, bottom = _box(rng, side, min(largest, 0.3))
    step, width = _pitch(rng)
    size = step * float(rng.uniform(1.5, 3.0))
    start, end = sorted(rng.uniform(0, 360, 2))
    for number, row in enumerate(np.arange(y, bottom, size * float(rng.uniform(0.5, 1.0)))):
        for column in np.arange(x + (number % 2) * size / 2, right, size):
            box = (column, row, column + size, row + size)
            pen.arc(box, start, end, fill=colour, width=max(1, width // 2))


def _pitch(rng: np.random.Generator) -> tuple[float, int]:
    """Draw a distance at which a low atlas hardly tells lines apart, and how wide they are."""
    step = float(rng.uniform(2.5, 11.0)) * SUPERSAMPLE
    return step, max(1, round(step * float(rng.uniform(0.2, 0.65))))


def _clipped_line(
    pen: Any,
    ends: tuple[float, float, float, float],
    rows: tuple[float, float],
    colour: Colour,
    width: int,
) -> None:
    """Draw the part of a line that lies between two rows."""
    x, y, right, end = ends
    if y == end:
        if rows[0] <= y <= rows[1]:
            pen.line((x, y, right, end), fill=colour, width=width)
        return
    shares = sorted((row - y) / (end - y) for row in rows)
    first, last = max(0.0, shares[0]), min(1.0, shares[1])
    if first < last:
        spots = [(x + t * (right - x), y + t * (end - y)) for t in (first, last)]
        pen.line((*spots[0], *spots[1]), fill=colour, width=width)


def _lettering(
    pen: Any, rng: np.random.Generator, side: int, largest: float, colour: Colour
) -> None:
    """A few lines of text of one size."""
    from PIL import ImageFont

    size = int(side * rng.uniform(0.03, max(0.05, largest * 0.6)))
    font = ImageFont.load_default(size=size)
    x, y = rng.uniform(-0.1, 0.8, 2) * side
    for _ in range(int(rng.integers(1, 5))):
        text = "".join(rng.choice(list(LETTERS + "   "), int(rng.integers(2, 16))))
        pen.text((x, y), text, font=font, fill=colour, stroke_width=int(rng.integers(0, 3)))
        y += size * 1.15
