"""What is painted on the jar: fine strokes, hatching, patterns and lettering.

A painter gets the resolution (px per unit) and the extent in units, and gives a picture. Lengths
are in units, so any resolution shows the same artwork; only the grain of the glaze is as fine as
the picture.
"""

from collections.abc import Callable

import numpy as np

from texsr.assets.brush import (
    DEEP,
    GLAZE,
    INK,
    OCHRE,
    RUST,
    WASH,
    Brush,
    Canvas,
    Extent,
    Line,
)
from texsr.assets.motifs import branch, hatch, hills, notes, petal, sun

Panel = Callable[[Brush, float, float, np.random.Generator], None]

PANELS: tuple[Panel, ...] = (sun, branch, notes, hills, branch, notes)
MOTTO = "LOOK AGAIN · THE DETAIL WAS THERE · "


def paint_side(px: float, extent: Extent, rng: np.random.Generator) -> Canvas:
    """Paint the belly: x runs around, y down from the neck to the foot."""
    brush = Brush(px, extent, GLAZE)
    foot = brush.height
    _waves(brush, foot - 0.68, foot - 0.30)
    _neck(brush)
    _lettering(brush, 0.36)
    _border(brush, 0.545)
    _border(brush, foot - 0.725)
    width = brush.width / len(PANELS)
    for index, panel in enumerate(PANELS):
        panel(brush, index * width, width, rng)
    _meander(brush, foot - 0.30, 0.13)
    brush.box(0.0, foot - 0.12, brush.width, 0.2, INK)
    brush.line(_level(brush, foot - 0.135), INK, 0.008)
    return brush.finished(rng)


def paint_lid(px: float, extent: Extent, rng: np.random.Generator) -> Canvas:
    """Paint the lid: petals with veins between rings of dots, ink at both rims."""
    brush = Brush(px, extent, INK)
    middle = extent[0] / 2
    brush.disc(middle, middle, middle * 0.95, GLAZE)
    for share in (0.93, 0.915, 0.80, 0.79):
        brush.ring(middle, middle, middle * share, INK, 0.006)
    for turn in np.arange(72) * (2 * np.pi / 72):
        spot = middle + 0.857 * middle * np.array([np.cos(turn), np.sin(turn)])
        brush.disc(*spot, 0.012, RUST if round(turn * 72 / (2 * np.pi)) % 3 == 0 else INK)
    for index in range(16):
        color = (WASH, GLAZE)[index % 2]
        petal(brush, 2 * np.pi * index / 16, (0.28 * middle, 0.77 * middle), color, rng)
    brush.disc(middle, middle, middle * 0.27, INK)
    return brush.finished(rng)


def paint_bottom(px: float, extent: Extent, rng: np.random.Generator) -> Canvas:
    """Paint the maker's mark, and ink at the rim."""
    brush = Brush(px, extent, INK)
    middle = extent[0] / 2
    brush.disc(middle, middle, middle * 0.93, GLAZE)
    brush.ring(middle, middle, middle * 0.85, INK, 0.008)
    brush.ring(middle, middle, middle * 0.82, RUST, 0.004)
    lines = (("texsr", 0.15, INK), ("sample jar · made in Python", 0.036, RUST))
    y = middle - 0.17
    for text, height, color in (*lines, ("four times sharper from its photos", 0.03, INK)):
        wide = brush.text_width(text, height)
        brush.text(middle - wide / 2, y, text, height, color)
        y += height * 1.5
    hatch(brush, (middle - 0.2, y + 0.02, 0.4, 0.08), INK, rng)
    return brush.finished(rng)


def paint_knob(px: float, extent: Extent, rng: np.random.Generator) -> Canvas:
    """Paint the knob: rays from a rust-red tip, ink at the rim."""
    brush = Brush(px, extent, INK)
    middle = extent[0] / 2
    brush.disc(middle, middle, middle * 0.9, OCHRE)
    for turn in np.arange(48) * (2 * np.pi / 48):
        spoke = np.array([np.cos(turn), np.sin(turn)])
        reach = middle * np.array([[0.2], [0.88 if round(turn * 24 / np.pi) % 2 else 0.6]])
        brush.line(middle + reach * spoke, DEEP, 0.006)
    brush.disc(middle, middle, middle * 0.22, RUST)
    return brush.finished(rng)


def _level(brush: Brush, y: float) -> Line:
    return np.array([[0.0, y], [brush.width, y]])


def _neck(brush: Brush) -> None:
    """Ink at the rim, rings, a row of dots, and drops pointing down."""
    brush.box(0.0, 0.0, brush.width, 0.06, INK)
    for y in (0.085, 0.10, 0.205, 0.215):
        brush.line(_level(brush, y), INK, 0.007)
    for x in np.arange(0.5, 120) * brush.width / 120:
        brush.disc(x, 0.153, 0.014, INK)
        brush.disc(x, 0.153, 0.007, OCHRE)
    for index in range(60):
        x, half = (index + 0.5) * brush.width / 60, brush.width / 130
        drop = [(x - half, 0.225), (x + half, 0.225), (x + half * 0.6, 0.28), (x, 0.335)]
        brush.polygon(np.array([*drop, (x - half * 0.6, 0.28)]), RUST if index % 2 else INK)


def _lettering(brush: Brush, y: float) -> None:
    """Write the motto around the shoulder, spread so that it closes."""
    height = 0.125
    once = sum(brush.text_width(letter, height) for letter in MOTTO)
    times = max(1, int(brush.width / once))
    gap = (brush.width - times * once) / (times * len(MOTTO))
    x = 0.0
    for _ in range(times):
        for letter in MOTTO:
            x += brush.text(x, y, letter, height, RUST if letter == "·" else INK) + gap


def _border(brush: Brush, y: float) -> None:
    """Two lines with a fine chain between them."""
    for offset in (0.0, 0.045):
        brush.line(_level(brush, y + offset), INK, 0.008)
    count = 150
    for index in range(count):
        x = (index + 0.5) * brush.width / count
        half = brush.width / count / 2 * 0.8
        link = [(x - half, y + 0.0225), (x, y + 0.009), (x + half, y + 0.0225), (x, y + 0.036)]
        brush.polygon(np.array(link), OCHRE if index % 2 else INK)


def _waves(brush: Brush, top: float, bottom: float) -> None:
    """Rows of overlapping fans of arcs."""
    count = 44
    radius = brush.width / count / 2
    brush.box(0.0, top, brush.width, bottom - top, WASH)
    rows = int(np.ceil((bottom - top) / (radius * 0.5))) + 2
    arc = np.linspace(np.pi, 2 * np.pi, 24)
    for row in range(rows):
        y = top + (row + 1) * radius * 0.5
        for column in range(-1, count + 1):
            x = (column + 0.5 + 0.5 * (row % 2)) * 2 * radius
            for share in (1.0, 0.8, 0.6, 0.4, 0.2):
                fan = np.stack(
                    [x + radius * share * np.cos(arc), y + radius * share * np.sin(arc)], 1
                )
                if share == 1.0:
                    brush.polygon(np.concatenate([fan, [[x + radius, y + radius]]]), GLAZE)
                    brush.polygon(np.concatenate([fan, [[x - radius, y + radius]]]), GLAZE)
                brush.line(fan, INK, 0.007)
    brush.box(0.0, bottom, brush.width, 1.0, GLAZE)
    brush.box(0.0, top - 0.2, brush.width, 0.2, GLAZE)


def _meander(brush: Brush, y: float, height: float) -> None:
    """A key pattern."""
    count = 60
    step = brush.width / count
    key = np.array(
        [(0, 1), (0, 0), (0.8, 0), (0.8, 0.7), (0.35, 0.7), (0.35, 0.35), (0.55, 0.35)], float
    )
    for offset in (0.0, height):
        brush.line(_level(brush, y + offset), INK, 0.009)
    for index in range(count):
        shape = key * (step, height * 0.66) + (index * step, y + height * 0.17)
        brush.line(shape, INK, 0.011)
