"""The jar's profile curve, the charts its surface is cut into, and their place in the atlas."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

NUM_SECTORS = 5
SECTOR_RAD = 2 * np.pi / NUM_SECTORS
MARGIN = 0.05  # units left free around each chart

# Radius and height along the profile, from the middle of the bottom to the tip of the knob.
BOTTOM = np.array([(0.0, 0.04), (0.40, 0.04), (0.54, 0.0)])
SIDE = np.array(
    [
        (0.54, 0.0), (0.57, 0.04), (0.56, 0.12), (0.62, 0.24), (0.80, 0.50), (0.95, 0.84),
        (1.00, 1.15), (0.96, 1.45), (0.84, 1.72), (0.68, 1.92), (0.62, 2.04), (0.66, 2.14),
    ]
)  # fmt: skip
LID = np.array([(0.66, 2.14), (0.64, 2.17), (0.50, 2.26), (0.30, 2.33), (0.12, 2.36)])
KNOB = np.array([(0.12, 2.36), (0.11, 2.40), (0.17, 2.46), (0.20, 2.54), (0.14, 2.62), (0.0, 2.65)])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profile:
    """A smooth curve in the half-plane (radius, height), evaluated by arc length."""

    length: Float64[np.ndarray, " n"]
    points: Float64[np.ndarray, "n 2"]

    @classmethod
    def through(cls, knots: Float64[np.ndarray, "k 2"]) -> "Profile":
        """Lay a curve through knots."""
        from scipy.interpolate import PchipInterpolator

        chord = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
        points = PchipInterpolator(chord, knots)(np.linspace(0.0, chord[-1], 800))
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        return cls(length=np.concatenate([[0.0], np.cumsum(steps)]), points=points)

    @property
    def total(self) -> float:
        """Its whole length."""
        return float(self.length[-1])

    def at(self, length: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "n 2"]:
        """Give radius and height at lengths along the curve."""
        return np.stack([np.interp(length, self.length, self.points[:, i]) for i in (0, 1)], axis=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patch:
    """A chart: a rectangle of profile length and angle, and where it lies on the layout plane.

    The layout plane counts in capture units, origin lower-left; `zoom` enlarges a disc on it.
    """

    profile: Profile
    around_rad: tuple[float, float]
    origin: tuple[float, float]  # lower-left corner of a sector, middle of a disc
    canvas: int  # which painting it shows
    kind: str  # side, bottom (middle first, seen from below) or top (middle last)
    inner: float = 0.0  # radius of the hole in a top
    zoom: float = 1.0

    def place(
        self, length: Float64[np.ndarray, " n"], angle: Float64[np.ndarray, " n"]
    ) -> Float64[np.ndarray, "n 2"]:
        """Map points of the surface to the layout plane, seen from outside, unmirrored."""
        if self.kind == "side":
            across = self.profile.total - length, angle - self.around_rad[0]
            return np.stack(across, axis=1) + self.origin
        outward = length if self.kind == "bottom" else self.inner + self.profile.total - length
        up = -1.0 if self.kind == "bottom" else 1.0
        spoke = np.stack([np.cos(angle), up * np.sin(angle)], axis=1)
        return self.zoom * outward[:, None] * spoke + self.origin

    def bounds(self) -> tuple[float, float, float, float]:
        """Give left, bottom, right and top on the layout plane, margin included."""
        x, y = self.origin
        if self.kind == "side":
            right, top = x + self.profile.total, y + SECTOR_RAD
            return x - MARGIN, y - MARGIN, right + MARGIN, top + MARGIN
        reach = self.zoom * (self.inner + self.profile.total) + MARGIN
        return x - reach, y - reach, x + reach, y + reach

    def on_canvas(self, place: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
        """Map the layout plane to the painting: units from its upper-left corner."""
        local = place - self.origin
        if self.kind == "side":
            turn = np.mod(local[:, 1] + self.around_rad[0], 2 * np.pi)
            return np.stack([turn, np.clip(local[:, 0], 0.0, self.profile.total)], axis=1)
        radius = self.inner + self.profile.total
        flat = local / self.zoom
        return np.stack([radius + flat[:, 0], radius - flat[:, 1]], axis=1)


def lay_out() -> tuple[list[Patch], float]:
    """Lay out all charts; also give the side of the layout plane."""
    body, lid = Profile.through(SIDE), Profile.through(LID)
    bottom, knob = Profile.through(BOTTOM), Profile.through(KNOB)
    slot_w, slot_h = body.total + 2 * MARGIN, SECTOR_RAD + 2 * MARGIN
    side = max(4 * slot_h, 2 * slot_w)
    corners = [(MARGIN, MARGIN + k * slot_h) for k in range(4)] + [(slot_w + MARGIN, MARGIN)]
    patches = [
        Patch(
            profile=body,
            around_rad=(k * SECTOR_RAD, (k + 1) * SECTOR_RAD),
            origin=corner,
            canvas=0,
            kind="side",
        )
        for k, corner in enumerate(corners)
    ]
    whole = (0.0, 2 * np.pi)
    middle = (slot_w + side) / 2
    reach = min(middle - slot_w, 1.2) - MARGIN
    lid_at = (middle, slot_h + reach + MARGIN)
    small = (side - lid_at[1] - reach - 3 * MARGIN) / 2  # what is left above, for two discs
    small = min(small, (side - slot_w) / 4 - MARGIN)
    top = lid_at[1] + reach + 2 * MARGIN + small
    discs = [
        ("top", lid, lid_at, reach, float(LID[-1, 0])),
        ("bottom", bottom, (slot_w + MARGIN + small, top), small, 0.0),
        ("top", knob, (side - MARGIN - small, top), small, 0.0),
    ]
    for canvas, (kind, profile, origin, room, inner) in enumerate(discs, start=1):
        zoom = room / (profile.total + inner)
        patches.append(
            Patch(
                profile=profile,
                around_rad=whole,
                origin=origin,
                canvas=canvas,
                kind=kind,
                inner=inner,
                zoom=zoom,
            )
        )
    return patches, side
