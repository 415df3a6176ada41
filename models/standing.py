"""How photos stand beside a whole picture, of which they may show parts that stand differently.

A texture map has charts that lie as it suited whoever laid it out, and a photo shows several of
them. So windows of the picture are asked one after the other, those with most to go by first, how a
photo stands beside them (`texsr.models.stance`). What was found for one is tried on the next before
that is searched for. A photo is then laid in as many ways as explain something that no other does.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, final

import torch
from jaxtyping import Float32, Float64
from torch import Tensor
from torch.nn import functional

from texsr.models.planar_maps import Laid
from texsr.models.stance import NUM_FINE, Stance, checked, is_sound, located, proposed, strength

WINDOW_TX = 64
LEAST_WINDOW_TX = 8
MOST_ACROSS = 3  # windows along an axis: of each part of the picture the one with most to go by
LEAST_STRENGTH = 1e-5  # mean energy of the finest band; below it there is nothing to go by
ENOUGH, AGREED = 0.85, 0.2  # share of a window that a stance explains, and the consensus on it,
# for which no other is looked for
BY_CONSENSUS, MOST_BY_CONSENSUS = 10.0, 0.5  # what consensus is worth, beside such a share
LEAST_WORTH = 0.25  # of a first stance: about what chance is worth, and some
LEAST_CONSENSUS = 0.008  # with less a stance is chance, whatever it seems to explain
LEAST_MORE = 0.15  # share of a window that a further one adds
ALIKE = 0.1  # slant, turn or scale by which stances differ that are one: what a flow takes
HELD = 0.05  # worth more than another: the photo as it is, and what other windows have chosen
MOST_WAYS = 3  # that one photo is laid in


class Box(NamedTuple):
    """A part of a picture, half open, in its low texels."""

    top: int
    left: int
    bottom: int
    right: int


class Part(NamedTuple):
    """A part of a picture that a photo is laid for in one way."""

    box: Box
    around: Float64[Tensor, "2 n"]
    """Places of the photo, x and y of pixels, that lie around it."""


class Way(NamedTuple):
    """One way in which a photo is laid beside a picture."""

    linear: Float64[Tensor, "2 2"] | None
    """From low texels of the picture to pixels of the photo; None: as it is."""
    share: float
    """[0, 1]; how much it explains of what there is to go by in the windows that were asked."""
    parts: list[Part]
    """What it is laid for; []: all of the picture, which is one window, or lies as the photo does,
    or is shown nowhere."""


AS_IT_IS = Way(None, 0.0, [])  # a photo that explains nothing


class Window(NamedTuple):
    """A window of a picture."""

    low: Float32[Tensor, "3 h w"]
    strength: Float32[Tensor, "h w"]
    """How much there is to go by."""
    top: int
    """Where it lies in the picture, as the next."""
    left: int
    box: Box | None
    """What it stands for: its part of the picture, and at least halfway to the next windows; None:
    there is no other."""

    def share(self, sure: Float32[Tensor, "h w"]) -> float:
        """Give the share that is explained of what there is to go by."""
        return float((sure * self.strength).sum() / self.strength.sum())


class _Tried(NamedTuple):
    """What the ways known, in their order, explain in one window."""

    sure: list[Float32[Tensor, "h w"]]
    worth: list[float]
    stances: Sequence[Stance | None]
    window: Window


@final
class Standing:
    """Finds how a photo stands beside a picture, whose windows are looked at one by one."""

    def __init__(self, photo: Float32[Tensor, "3 _ _"], scale: int) -> None:
        """Take the photo, sRGB-encoded, [0, 1], and how many high texels are to a low one."""
        self._laid, self.scale = Laid(photo), scale
        self._known: list[Tensor | None] = [None]
        self._tried: list[_Tried] = []

    def look_at(self, window: Window) -> None:
        """Try on a window what is known; search where none of it is enough."""
        found = [_as_known(window, self._laid, linear, self.scale) for linear in self._known]
        if not any(_is_enough(one, window) for one in found):
            for more in _searched(window, self._laid, self.scale):
                if not self._is_known(more.map[:, :2]):
                    self._known.append(more.map[:, :2])
                    found.append(more)
        self._tried.append(_tried(found, window))

    def _is_known(self, linear: Float64[Tensor, "2 2"]) -> bool:
        upright = torch.eye(2, dtype=torch.float64) * self.scale
        known = [upright if one is None else one for one in self._known]
        return any(_are_alike(linear, one) for one in known)

    def ways(self) -> list[Way]:
        """Give how the photo has to be laid, what explains most first; at least one.

        Without any way in which it explains something, it is laid as it is.
        """
        chosen: dict[int, list[_Tried]] = {}
        for one in self._tried:
            for index in _for_window(one, list(chosen)):
                chosen.setdefault(index, []).append(one)
        whole = sum(float(one.window.strength.sum()) for one in self._tried)
        ways = [
            Way(self._known[index], _explained(index, self._tried) / whole, _parts_of(index, own))
            for index, own in chosen.items()
        ]
        ways.sort(key=lambda way: -way.share)
        return ways[:MOST_WAYS] or [AS_IT_IS]


def windows_of(picture: Float32[Tensor, "3 h w"]) -> list[Window]:
    """Cut the windows that are asked, that with most to go by first; none: too small, or flat."""
    if min(picture.shape[1:]) < LEAST_WINDOW_TX:
        return []
    energy = strength(picture)
    rows, columns = (_spans(side) for side in picture.shape[1:])
    single = len(rows) * len(columns) == 1
    found = list[Window]()
    for down in rows:
        for across in columns:
            at = _strongest(energy, down, across)
            top, bottom = _stands_for(down, at[0], energy.shape[0])
            left, right = _stands_for(across, at[1], energy.shape[1])
            box = None if single else Box(top, left, bottom, right)
            low = picture[(slice(None), *at)]
            found.append(Window(low, energy[at], at[0].start, at[1].start, box))
    found.sort(key=lambda one: -float(one.strength.mean()))
    return [one for one in found if float(one.strength.mean()) > LEAST_STRENGTH]


def _stands_for(part: slice, window: slice, side: int) -> tuple[int, int]:
    """Give from where to where a window of a part of a side stands for what is beside it."""
    reach = max(WINDOW_TX, -(-(part.stop - part.start) // 2))
    start, stop = min(part.start, window.start - reach), max(part.stop, window.stop + reach)
    return max(start, 0), min(stop, side)


def _spans(side: int) -> list[slice]:
    """Part a side into as many parts as there may be windows along it."""
    count = min(MOST_ACROSS, -(-side // WINDOW_TX))
    edges = [round(number * side / count) for number in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def _strongest(energy: Tensor, down: slice, across: slice) -> tuple[slice, slice]:
    """Give the window of a part in which there is most to go by."""
    part = energy[down, across]
    height, width = (min(WINDOW_TX, side) for side in part.shape)
    sums = functional.avg_pool2d(part[None, None], (height, width), 1)[0, 0]
    at = int(sums.argmax())
    top, left = down.start + at // sums.shape[1], across.start + at % sums.shape[1]
    return slice(top, top + height), slice(left, left + width)


def _as_known(window: Window, laid: Laid, linear: Tensor | None, scale: int) -> Stance | None:
    """Look for a window in a photo that stands so; None: it is nowhere."""
    upright = torch.eye(2, dtype=torch.float64) * scale
    there = located(window.low, laid, upright if linear is None else linear)
    if there is None or there.consensus < LEAST_CONSENSUS:
        return None
    return checked(window.low, laid, there, scale)


def _searched(window: Window, laid: Laid, scale: int) -> list[Stance]:
    """Look for further stances, what explains most first."""
    ways = proposed(window.low, laid, scale)
    there = [located(window.low, laid, linear) for linear in ways]
    agreed = [one for one in there if one is not None and one.consensus >= LEAST_CONSENSUS]
    best = sorted(agreed, key=lambda one: -one.consensus)
    stances = [checked(window.low, laid, one, scale) for one in best[:NUM_FINE]]
    sound = [one for one in stances if is_sound(one.map[:, :2], scale)]
    return sorted(sound, key=lambda one: -window.share(one.sure))


def _are_alike(linear: Float64[Tensor, "2 2"], other: Float64[Tensor, "2 2"]) -> bool:
    """Tell whether a flow goes from one to the other: both lay a photo about alike."""
    left = torch.linalg.solve(other, linear) - torch.eye(2, dtype=torch.float64)
    return float(torch.linalg.matrix_norm(left, 2)) < ALIKE


def _is_enough(stance: Stance | None, window: Window) -> bool:
    if stance is None or stance.consensus < AGREED:
        return False
    return window.share(stance.sure) >= ENOUGH


def _sure(stance: Stance | None, window: Window) -> Float32[Tensor, "h w"]:
    return torch.zeros_like(window.strength) if stance is None else stance.sure


def _tried(found: Sequence[Stance | None], window: Window) -> _Tried:
    """Weigh what stances explain by how many matches led there, beside the best of them."""
    consensus = [0.0 if one is None else one.consensus for one in found]
    most = max(consensus) or 1.0
    sure = [
        _sure(one, window) * (own / most) ** 0.5 for one, own in zip(found, consensus, strict=True)
    ]
    worth = [
        window.share(one) + min(BY_CONSENSUS * own, MOST_BY_CONSENSUS)
        for one, own in zip(sure, consensus, strict=True)
    ]
    return _Tried(sure, worth, found, window)


def _parts_of(index: int, tried: Sequence[_Tried]) -> list[Part]:
    """Part what windows that chose a way stand for: what overlaps is one; the first way is to leave
    the photo as it is, all of it."""
    parts = list[Part]()
    if index == 0:
        return parts
    for one in tried:
        stance, box = one.stances[index], one.window.box
        if stance is None or box is None:
            return []
        part = Part(box, _corners(stance, one.window, box))
        while beside := [other for other in parts if _overlap(part.box, other.box)]:
            parts = [other for other in parts if not _overlap(part.box, other.box)]
            part = _united([part, *beside])
        parts.append(part)
    return parts


def _corners(stance: Stance, window: Window, box: Box) -> Float64[Tensor, "2 4"]:
    """Give the corners on the photo of what a window stands for."""
    top, bottom = (side - window.top - 0.5 for side in (box.top, box.bottom))
    left, right = (side - window.left - 0.5 for side in (box.left, box.right))
    places = [[left, right, left, right], [top, top, bottom, bottom], [1.0] * 4]
    return stance.map @ stance.map.new_tensor(places)


def _overlap(one: Box, other: Box) -> bool:
    beside = one.left < other.right and other.left < one.right
    return beside and one.top < other.bottom and other.top < one.bottom


def _united(parts: Sequence[Part]) -> Part:
    top, left, bottom, right = zip(*(part.box for part in parts), strict=True)
    box = Box(min(top), min(left), max(bottom), max(right))
    return Part(box, torch.cat([part.around for part in parts], 1))


def _for_window(tried: _Tried, held: Sequence[int]) -> list[int]:
    """Choose what explains a window most, and what adds to that."""
    worth = [own + HELD * (index in (0, *held)) for index, own in enumerate(tried.worth)]
    first = _greatest(worth)
    if worth[first] < LEAST_WORTH:
        return []
    chosen, seen = [first], tried.sure[first]
    while True:
        more = [tried.window.share((sure - seen).clamp_min(0.0)) for sure in tried.sure]
        best = _greatest(more)
        if more[best] < LEAST_MORE:
            return chosen
        chosen.append(best)
        seen = torch.maximum(seen, tried.sure[best])


def _explained(index: int, tried: Sequence[_Tried]) -> float:
    """Give what a way explains in all windows that it was tried on."""
    known = (one for one in tried if index < len(one.sure))
    return sum(float((one.sure[index] * one.window.strength).sum()) for one in known)


def _greatest(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)
