"""Pictures of a training: the curves of its log, and validation tiles beside their answers."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import floor, log10
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from texsr.flows.training_log import SINGLE
from texsr.flows.training_validation import Shown, Validated
from texsr.pipeline.atlas import ImageKind
from texsr.pipeline.formats.images import write_image
from texsr.pipeline.formats.writing import write_file

WIDTH, PANEL = 860, 270
LEFT, RIGHT, TOP, BOTTOM = 64, 180, 34, 36  # margins of a panel
COLOURS = ("#1b6ca8", "#d1495b", "#3a7d44", "#8f5aa8", "#c98a0b", "#5b6770", "#0f9d9d", "#a0522d")
LOSSES = {
    "l1": "with references",
    SINGLE: "without",
    "alone": "proposal",
    "teacher": "to the teacher",
    "branch": "single-image branch",
}
GAP_TX = 4  # white, between pictures

Points = list[tuple[float, float]]


def write_curves(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Draw the losses and the validation of a log as SVG: the same lines give the same bytes."""
    losses = {
        told: [(float(line["step"]), line[name]) for line in lines if name in line]
        for name, told in LOSSES.items()
    }
    checked = [line for line in lines if "validation" in line]
    names = list(dict.fromkeys(name for line in checked for name in line["validation"]))
    scores = {"mean": [(float(line["step"]), float(line["mean"])) for line in checked]} | {
        name: [
            (float(line["step"]), list(line["validation"][name].values())[-1])
            for line in checked
            if name in line["validation"]
        ]
        for name in names
    }
    panels = [_panel("error beside weights-free fusion", losses, 0, logarithmic=True)]
    if checked:
        panels.append(
            _panel(
                "validation, PSNR-Y in dB: the mean, and captures with the most references",
                scores,
                PANEL,
            )
        )
    height = PANEL * len(panels)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">'
        f'<title>A training</title><rect width="{WIDTH}" height="{height}" fill="#fff"/>'
    )
    write_file(path, "\n".join([head, *panels, "</svg>\n"]).encode())


def write_shown(folder: Path, step: int, validated: Validated) -> None:
    """Keep a picture a capture: a row a tile, low, result and truth from left to right."""
    for name, shown in validated.shown.items():
        rows = [_beside([_repeated(one), one.high, one.truth]) for one in shown]
        sheet = np.concatenate([part for row in rows for part in (row, _white(GAP_TX, row))][:-1])
        write_image(folder / f"{step:07d}_{name}.png", ImageKind.PNG, sheet)


def _repeated(shown: Shown) -> UInt8[np.ndarray, "H W 3"]:
    scale = len(shown.truth) // len(shown.low)
    return shown.low.repeat(scale, axis=0).repeat(scale, axis=1)


def _beside(pictures: Iterable[UInt8[np.ndarray, "H _ 3"]]) -> UInt8[np.ndarray, "H W 3"]:
    parts: list[np.ndarray] = []
    for picture in pictures:
        parts += [picture, np.full((len(picture), GAP_TX, 3), 255, np.uint8)]
    return np.concatenate(parts[:-1], axis=1)


def _white(rows: int, like: np.ndarray) -> UInt8[np.ndarray, "r w 3"]:
    return np.full((rows, like.shape[1], 3), 255, np.uint8)


def _panel(
    title: str, curves: Mapping[str, Points], y_px: int, *, logarithmic: bool = False
) -> str:
    """Draw curves over steps, with a legend at the right."""
    drawn = {name: points for name, points in curves.items() if points}
    parts = [f'<g transform="translate(0,{y_px})">', _text(LEFT, 20, title, weight="bold")]
    if drawn:
        steps = [x for points in drawn.values() for x, _ in points]
        values = [y for points in drawn.values() for _, y in points if y > 0 or not logarithmic]
        across = _Axis(min(0.0, *steps), max(steps), LEFT, WIDTH - RIGHT)
        up = _Axis(min(values), max(values), PANEL - BOTTOM, TOP, logarithmic=logarithmic)
        parts += _frame(across, up)
        for index, (name, points) in enumerate(drawn.items()):
            colour = COLOURS[index % len(COLOURS)]
            places = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in points)
            wide = 2.4 if name == "mean" else 1.4
            parts.append(
                f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="{wide}"/>'
            )
            last = f"{name}: {points[-1][1]:.3g}" if logarithmic else f"{name}: {points[-1][1]:.2f}"
            parts.append(_text(WIDTH - RIGHT + 8, TOP + 12 + 16 * index, last, fill=colour))
    return "\n".join([*parts, "</g>"])


class _Axis:
    """Maps values to pixels."""

    def __init__(
        self, low: float, high: float, start_px: float, end_px: float, *, logarithmic: bool = False
    ) -> None:
        self._logarithmic = logarithmic
        self._start_px, self._end_px = start_px, end_px
        self._low, high = self._bent(low), self._bent(high)
        self._span = high - self._low
        if self._span <= 0:  # one value: a band around it
            self._low, self._span = self._low - 0.5, 1.0

    def _bent(self, value: float) -> float:
        return log10(max(value, 1e-9)) if self._logarithmic else value

    def __call__(self, value: float) -> float:
        share = (self._bent(value) - self._low) / self._span
        return self._start_px + share * (self._end_px - self._start_px)

    def ticks(self) -> list[float]:
        """Round values at about five places."""
        low, high = self._low, self._low + self._span
        if self._logarithmic:
            decades = range(floor(low), floor(high) + 1)
            few = range(1, 10) if self._span < 1 else (1, 2, 5)
            marks = [m * 10.0**d for d in decades for m in few]
            return [mark for mark in marks if low <= log10(mark) <= high]
        rough = self._span / 5
        size = 10.0 ** floor(log10(rough))
        step = next(size * m for m in (1, 2, 5, 10) if size * m >= rough)
        first = -int(-low // step)
        return [step * n for n in range(first, int(high // step) + 1)]


def _frame(across: _Axis, up: _Axis) -> list[str]:
    parts: list[str] = []
    for value in up.ticks():
        y = up(value)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#e3e6e8"/>')
        parts.append(_text(LEFT - 6, y + 4, f"{value:g}", anchor="end"))
    for value in across.ticks():
        parts.append(_text(across(value), PANEL - BOTTOM + 16, f"{value:g}", anchor="middle"))
    return parts


def _text(x: float, y: float, text: str, **style: str) -> str:
    names = {"anchor": "text-anchor", "weight": "font-weight", "fill": "fill"}
    said = "".join(f' {names[key]}="{value}"' for key, value in style.items())
    return f'<text x="{x:.1f}" y="{y:.1f}"{said}>{escape(text)}</text>'
