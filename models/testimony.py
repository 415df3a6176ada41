"""What the pixels of a photo say against an answer.

An answer is looked at as the photo looked: a pixel is the average of the texels on its area. Light
is brought to that of the answer first, and what is left of a displacement is taken out. How far
pixels may be off besides is measured by what they are off around, at least as much as noise makes
them. As everywhere, a photo counts as far as it agrees with the atlas; one that samples the texels
densely has to agree well, since the network had all of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, final

import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional

from texsr.models.alignment import Aligned, luma_of, spread
from texsr.models.displacement import displacement, slope_products
from texsr.models.footprints import Box, Footprints, footprints
from texsr.models.protocol import PhotoPart
from texsr.models.smoothing import blur

NEVER = 1e3  # variance of the noise of a pixel that says nothing
WINDOWS_TX = 7  # low texels that windows reach around what a photo sees


@dataclass(frozen=True, slots=True, kw_only=True)
class HearingSettings:
    """How pixels are weighed. Lengths are in low texels where not said otherwise."""

    most_texels: float = 8.0
    """How long a pixel may be, in high texels: longer ones tell little beyond the atlas, and reach
    far."""
    most_px: float = 1.5
    """Photo px per texel from which the network has seen all there is."""
    covered: tuple[float, float] = (0.7, 0.9)
    """Shares of a pixel's area, covered by texels, from which it begins to count and counts
    fully."""
    light_sigma_tx: float = 2.0
    """Window in which the mean of what pixels are off is put down to light."""
    shift_sigma_tx: float = 2.0
    """Window in which a displacement is measured."""
    most_shift: float = 2.0
    """Longest displacement along an axis, in high texels."""
    slope_floor: float = 2e-5
    """Mean squared slope per high texel below which a displacement shrinks to nothing."""
    noise_sigma_tx: float = 1.5
    """Window in which the noise of pixels is measured."""
    least_noise: float = 3.0 / 255.0
    """Standard deviation of pixels, at least: sensor, JPEG, and what the model lacks."""
    wanted_snr: float = 3.0
    """Signal-to-noise ratio by which a photo of half a pixel per texel counts one half; grows with
    the fourth power of the sampling."""


class Testimony(NamedTuple):
    """What a photo says against the answer."""

    footprints: Footprints
    off: Float32[Tensor, " m"]  # luma of the pixels, less what the answer makes them
    noise: Float32[Tensor, " m"]  # variance to expect of that


class Told(NamedTuple):
    """The same for each texel."""

    off: Float32[Tensor, "H W"]  # mean of the pixels that it lies on
    heard: Float32[Tensor, "H W"]  # [0, 1], how far those count


class Witness(NamedTuple):
    """A photo and what it saw of a tile, whatever the answer is."""

    which: int  # of the references
    footprints: Footprints
    window: "Window"
    gain: Float32[Tensor, " m"]
    snr: Float32[Tensor, " m"]
    counted: Float32[Tensor, " m"]  # weight of what pixels see


def witnesses(
    aligned: Aligned,
    parts: Sequence[PhotoPart],
    scale: int,
    settings: HearingSettings | None = None,
) -> list[Witness]:
    """Find which pixels of its photos saw a tile; photos that say nothing are left out.

    Args:
        aligned: the tile with its references, registered.
        parts: where each of the references comes from, in the same order.
        scale: high texels per low texel.
        settings: which pixels count.
    """
    chosen = settings or HearingSettings()
    found = (_witness(aligned, index, part, scale, chosen) for index, part in enumerate(parts))
    return [one for one in found if one is not None]


def hear(
    high: Float32[Tensor, "1 3 H W"],
    present: Sequence[Witness],
    settings: HearingSettings | None = None,
) -> list[Testimony]:
    """Hold an answer against the pixels of its photos.

    Args:
        high: the answer.
        present: its photos.
        settings: how pixels are weighed.
    """
    luma, chosen = luma_of(high)[0, 0], settings or HearingSettings()
    return [_heard(luma, witness, chosen) for witness in present]


def told(
    luma: Float32[Tensor, "H W"], witness: Witness, settings: HearingSettings | None = None
) -> Told:
    """Tell what one photo says against an answer, texel by texel.

    Args:
        luma: of the answer.
        witness: the photo.
        settings: how light and displacement are told from detail.
    """
    found, planes = witness.footprints, torch.zeros(2, *luma.shape, device=luma.device)
    off = _off(luma, witness, settings or HearingSettings())
    values = torch.stack([found.shown(off), found.counted().clamp(0.0, 1.0)])
    planes[:, *found.box] = found.placed(values)
    return Told(*planes)


def _witness(
    aligned: Aligned, index: int, part: PhotoPart, scale: int, settings: HearingSettings
) -> Witness | None:
    box = _box_of(aligned.weight[0, index], scale)
    if box is None:
        return None
    weight, maps = aligned.weight[0, index][box], _maps(aligned, index, box, scale)
    sampling = settings.most_texels, settings.most_px
    found = footprints(part, box, weight, maps[2:], sampling, settings.covered)
    if found is None:
        return None
    gain, snr, counted = (found.within(plane) for plane in (maps[0], maps[1], weight))
    return Witness(index, found, Window(found, scale), gain, snr, counted)


def _heard(luma: Float32[Tensor, "H W"], witness: Witness, settings: HearingSettings) -> Testimony:
    """Hold the answer against one photo."""
    found, off = witness.footprints, _off(luma, witness, settings)
    around = witness.window.mean(found.shown(off * off)[None], settings.noise_sigma_tx)[0]
    noise = found.averaged(around).clamp_min(settings.least_noise**2)
    wanted = settings.wanted_snr * (2.0 * found.averaged(found.px)) ** 4
    standing = witness.counted * witness.snr / (witness.snr + wanted + 1e-3) * found.counts
    return Testimony(found, off, noise / standing.clamp_min(noise / NEVER))


def _box_of(weight: Float32[Tensor, "H W"], scale: int) -> Box | None:
    """Find the whole low texels that a photo sees, with what windows reach around them."""
    seen = weight > 0
    margin, sides = WINDOWS_TX * scale, list[slice]()
    for axis, size in ((1, weight.shape[0]), (0, weight.shape[1])):
        found = torch.nonzero(seen.any(axis))[:, 0]
        if len(found) == 0:
            return None
        first, last = int(found[0]) - margin, int(found[-1]) + 1 + margin
        sides.append(slice(max(first // scale, 0) * scale, min(-(-last // scale) * scale, size)))
    return Box(*sides)


def _maps(aligned: Aligned, index: int, box: Box, scale: int) -> Float32[Tensor, "4 p q"]:
    """Gain, signal-to-noise ratio and shift of a reference over a part of the tile."""
    low = tuple(slice(side.start // scale, side.stop // scale) for side in box)
    planes = aligned.gain[0, index, None], aligned.snr[0, index, None], aligned.shift[0, index]
    return spread(torch.cat([plane[:, *low] for plane in planes])[None], scale)[0]


def _off(
    luma: Float32[Tensor, "H W"], witness: Witness, settings: HearingSettings
) -> Float32[Tensor, " m"]:
    """Tell what pixels are off, in the light of the answer and moved to where it shows the same."""
    found, window = witness.footprints, witness.window
    off = witness.gain * found.value - found.over(luma)
    here = found.shown(off)
    light = window.mean(here[None], settings.light_sigma_tx)[0]
    x, y = (found.of(slope) for slope in _slopes(luma))
    shift = _displacement(window, x, y, here - light, settings)
    return off - found.averaged(light + x * shift[0] + y * shift[1])


@final
class Window:
    """Windows around the texels that a photo sees, on low texels."""

    def __init__(self, found: Footprints, scale: int) -> None:
        """Take the texels, and high texels per low texel."""
        self.found, self.scale = found, scale
        self._seen = found.counted()
        self._share = self._low(self._seen[None])

    def mean(self, values: Float32[Tensor, "c n"], sigma: float) -> Float32[Tensor, "c n"]:
        """Average values of the texels around each."""
        around = blur(self._share, sigma).clamp_min(1e-4)
        low = blur(self._low(values * self._seen), sigma) / around
        return spread(low, self.scale)[0].flatten(1).index_select(1, self.found.texel)

    def _low(self, values: Float32[Tensor, "c n"]) -> Float32[Tensor, "1 c h w"]:
        return functional.avg_pool2d(self.found.placed(values)[None], self.scale)


def _displacement(
    window: Window,
    slope_x: Float32[Tensor, " n"],
    slope_y: Float32[Tensor, " n"],
    off: Float32[Tensor, " n"],
    settings: HearingSettings,
) -> Float32[Tensor, "2 n"]:
    """Measure how far the photo lies beside the answer, in high texels."""
    products = torch.stack(slope_products(slope_x, slope_y, off))
    means = window.mean(products, settings.shift_sigma_tx)
    along = displacement(means.unbind(), settings.slope_floor, axis=0)
    return along.clamp(-settings.most_shift, settings.most_shift)


def _slopes(luma: Float32[Tensor, "H W"]) -> tuple[Tensor, Tensor]:
    """Give slopes along x and y, per texel."""
    padded = functional.pad(luma[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    x = (padded[1:-1, 2:] - padded[1:-1, :-2]) * 0.5
    y = (padded[2:, 1:-1] - padded[:-2, 1:-1]) * 0.5
    return x, y
