"""The figures on the jar: a sun over the sea, hills, branches, a panel of small print, petals."""

import numpy as np

from texsr.assets.brush import DEEP, GLAZE, INK, LEAF, OCHRE, RUST, WASH, Brush, Color

NOTES = (
    "A SMALL JAR, TURNED",
    "AND PAINTED BY A PROGRAM.",
    "Its photographs are finer",
    "than its texture: every",
    "letter too small to read in",
    "the one is sharp in the other.",
    "Twelve strokes to the wave,",
    "six panels to the belly,",
    "and no two leaves alike.",
    "No. 4096 · 2048 · 1024 · 512",
)


def hatch(
    brush: Brush, box: tuple[float, float, float, float], color: Color, rng: np.random.Generator
) -> None:
    """Fill a box with hand-drawn strokes."""
    x, y, width, height = box
    for at in np.arange(0.0, width, 0.014):
        bend = rng.normal(0, 0.004, 5)
        down = np.linspace(0, 1, 5)
        brush.line(np.stack([x + at + bend, y + height * down], 1), color, 0.005)


def petal(
    brush: Brush, turn: float, reach: tuple[float, float], color: Color, rng: np.random.Generator
) -> None:
    """A petal pointing outward from the middle of a disc, with veins."""
    middle = brush.width / 2
    inner, outer = reach
    along = np.linspace(0, 1, 24)
    width = 0.19 * outer * np.sin(np.pi * along**0.7) ** 0.8
    axis, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    spine = middle + (inner + (outer - inner) * along)[:, None] * axis
    outline = np.concatenate(
        [spine + width[:, None] * across, (spine - width[:, None] * across)[::-1]]
    )
    brush.polygon(outline, color)
    brush.line(np.concatenate([outline, outline[:1]]), INK, 0.009)
    for share in np.linspace(-0.75, 0.75, 9):
        end = int(rng.integers(14, 22))
        vein = spine + (share * width)[:, None] * across
        brush.line(vein[2:end], RUST if abs(share) < 0.05 else INK, 0.004)


def sun(brush: Brush, left: float, width: float, rng: np.random.Generator) -> None:
    """A woodcut sun over a hatched sea."""
    x, y, radius = left + width / 2, 0.93, 0.17
    for turn in np.arange(90) * (2 * np.pi / 90):
        spoke = np.array([np.cos(turn), np.sin(turn)])
        reach = np.array([[radius * 1.12], [radius * rng.uniform(1.4, 1.85)]])
        brush.line(np.array([x, y]) + reach * spoke, RUST, 0.007)
    brush.disc(x, y, radius * 1.03, RUST)
    for share in np.linspace(0.92, 0.2, 8):
        brush.ring(x, y, radius * share, OCHRE, 0.010)
    for row in range(15):
        points = np.linspace(left + 0.04, left + width - 0.04, 240)
        level = 1.24 + 0.025 * row + 0.007 * np.sin(points * 45 + row * 1.7)
        for part in np.split(np.arange(240), np.sort(rng.integers(0, 240, 4))):
            keep = part[6:]
            if len(keep) > 8:
                brush.line(np.stack([points[keep], level[keep]], 1), INK, 0.007)


def hills(brush: Brush, left: float, width: float, rng: np.random.Generator) -> None:
    """Ridges behind one another, shaded by strokes that follow the slope."""
    x = np.linspace(left + 0.02, left + width - 0.02, 160)
    floor = 1.58
    for depth in range(5):
        ridge = 0.78 + 0.14 * depth
        for octave in (1, 2, 4, 8):
            ridge = ridge + 0.10 / octave * np.sin(
                x * octave * rng.uniform(4, 6) + rng.uniform(0, 6.3)
            )
        ridge = np.clip(ridge, 0.62, floor)
        outline = np.concatenate([np.stack([x, ridge], 1), [[x[-1], floor], [x[0], floor]]])
        tint = tuple(round(w + (g - w) * depth / 6) for w, g in zip(WASH, GLAZE, strict=True))
        brush.polygon(outline, tint)
        brush.line(np.stack([x, ridge], 1), DEEP, 0.010)
        for start in range(0, 160, 2):
            drop = rng.uniform(0.04, 0.16)
            slant = (0.03, 0.015)[depth % 2]
            foot = min(ridge[start] + drop, floor)
            brush.line(np.array([[x[start], ridge[start]], [x[start] - slant, foot]]), INK, 0.005)
    brush.line(np.array([[x[0], floor], [x[-1], floor]]), DEEP, 0.010)


def branch(brush: Brush, left: float, width: float, rng: np.random.Generator) -> None:
    """A branch with veined leaves and berries."""
    along = np.linspace(0, 1, 60)
    x = left + width / 2 + 0.16 * np.sin(along * 5 + rng.uniform(0, 3))
    y = 1.58 - 0.92 * along
    brush.line(np.stack([x, y], 1), DEEP, 0.018)
    for index in range(4, 58, 4):
        side = 1 if (index // 4) % 2 else -1
        turn = -np.pi / 2 + side * rng.uniform(0.6, 1.2)
        _leaf(brush, (x[index], y[index]), turn, rng.uniform(0.15, 0.24), rng)
        if rng.uniform() < 0.5:
            spot = np.array([x[index] - side * 0.05, y[index] - 0.02]) + rng.normal(0, 0.01, 2)
            brush.disc(*spot, 0.026, RUST)
            brush.disc(spot[0] - 0.007, spot[1] - 0.007, 0.007, GLAZE)


def _leaf(
    brush: Brush, root: tuple[float, float], turn: float, length: float, rng: np.random.Generator
) -> None:
    along = np.linspace(0, 1, 18)
    axis, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    width = 0.22 * length * np.sin(np.pi * along**0.8)
    spine = np.array(root) + length * along[:, None] * axis
    spine = spine + (rng.uniform(-0.15, 0.15) * length * along**2)[:, None] * across
    above, below = spine + width[:, None] * across, spine - width[:, None] * across
    brush.polygon(np.concatenate([above, below[::-1]]), LEAF)
    brush.line(spine, GLAZE, 0.006)
    for index in range(3, 16, 2):
        for edge in (above, below):
            tip = min(index + 2, 17)
            brush.line(np.stack([spine[index], 0.2 * spine[tip] + 0.8 * edge[tip]]), GLAZE, 0.003)


def notes(brush: Brush, left: float, width: float, rng: np.random.Generator) -> None:
    """A framed panel of small print."""
    del rng
    inset = 0.07
    for grow, color in ((0.0, INK), (0.012, GLAZE), (0.022, RUST), (0.028, GLAZE)):
        corner = left + inset + grow
        brush.box(corner, 0.65 + grow, width - 2 * (inset + grow), 0.92 - 2 * grow, color)
    for index, line in enumerate(NOTES):
        height = 0.053 if index < 2 else 0.050
        brush.text(
            left + inset + 0.05, 0.72 + 0.079 * index, line, height, RUST if index < 2 else DEEP
        )
