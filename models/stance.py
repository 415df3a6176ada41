"""How a photo stands beside a picture: turned, mirrored, of another scale, seen at a slant.

Patches are found (`texsr.models.matching`) and flows are fitted (`texsr.models.flow`) where photo
and picture stand nearly alike. Here it is found out how a photo has to be laid for that, for one
window of the picture: reduced until it is a few sites wide, the window is matched in twelve turns,
mirrored and not, with the photo at several scales. Of each, what counts is the weight of the
matches that lie on one affine map: what is alike by chance lies on none. The best are
looked at twice as fine, and of these the best are carried along their flow at full size, where it
shows whether photo and window are the same.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float32, Float64
from torch import Tensor
from torch.nn import functional

from texsr.models.affine_maps import Explained, affine_maps, evidence_of
from texsr.models.alignment import luma_of
from texsr.models.flow import band_of, carried, sureness
from texsr.models.matched import know, sights_of
from texsr.models.matching import REACH, match
from texsr.models.planar_maps import (
    Laid,
    between,
    canvas_of,
    chained,
    filled,
    fitted_map,
    inverse,
    offsets_by,
    resampled,
)
from texsr.models.resample import resize
from texsr.models.smoothing import blur

TURNS = 12
SCALES = tuple(2.0 ** (step / 2) for step in range(-1, 5))  # px of a photo for a high texel
COARSE_SITES, FINE_SITES = 16, 32  # of a window's longer side
NUM_COARSE, NUM_FINE = 8, 4  # stances that are looked at finer, and at full size
LEAST_SITES = 4  # of a photo's shorter side
LEAST_EXPLAINED = 0.5  # weight of matches
LEAST_PX, MOST_PX, MOST_SLANT = 0.3, 6.0, 2.5  # px for a high texel; and the two of them apart
MARGIN_TX = 12
STRAYING_TX = 8.0  # so far off its map a flow counts a quarter
SMALL_LUMA, LARGE_LUMA, LUMA_GAIN = 1.0, 2.5, 2.0  # sites


class Located(NamedTuple):
    """Where a photo may show a window."""

    map: Float64[Tensor, "2 3"]
    consensus: float
    """Weight of the matches that lie on that map, for each site that the window was reduced to;
    about 0.02 may be chance, 0.3 is much."""


class Stance(NamedTuple):
    """How a photo has been found to show a window."""

    map: Float64[Tensor, "2 3"]
    consensus: float
    """As it was located."""
    sure: Float32[Tensor, "h w"]
    """[0, 1]; where the photo, laid so, shows what the window shows."""


def plain_features(image: Float32[Tensor, "1 3 h w"]) -> Float32[Tensor, "1 5 h w"]:
    """Give luma in two bands, and colour: by these a window is compared with photos."""
    luma = image.mean(1, keepdim=True)
    color = image - luma
    return torch.cat(
        [
            LUMA_GAIN * (luma - blur(luma, SMALL_LUMA)),
            luma - blur(luma, LARGE_LUMA),
            color - color.mean((2, 3), keepdim=True),
        ],
        1,
    )


def proposed(
    window: Float32[Tensor, "3 h w"], laid: Laid, scale: int
) -> list[Float64[Tensor, "2 2"]]:
    """Propose how a photo may stand beside a window, what is likeliest first.

    Args:
        window: sRGB-encoded, [0, 1]; some 32 to 96 texels large.
        laid: the photo.
        scale: high texels to a texel of the window.

    Returns:
        The linear part of maps.
    """
    found = sorted(_coarsely(window, laid, scale), key=lambda one: -one.consensus)
    return [one.map[:, :2] for one in found[:NUM_COARSE]]


def located(
    window: Float32[Tensor, "3 h w"], laid: Laid, linear: Float64[Tensor, "2 2"]
) -> Located | None:
    """Look for a window in a photo that stands so; None: it is nowhere.

    Args:
        window: sRGB-encoded, [0, 1].
        laid: the photo.
        linear: the linear part of the map, about.
    """
    cell = max(window.shape[1:]) / FINE_SITES
    small = resize(window[None], _sites(window, cell))[0]
    whole = canvas_of(laid.photo, linear * cell)
    if min(whole.size) < LEAST_SITES:
        return None
    color, inside = resampled(laid, whole.map, whole.size)
    keys = plain_features(filled(color, inside)[None])[0]
    found = _matched(plain_features(small[None])[0], keys, torch.ones_like(small[0]))
    if found is None:
        return None
    of_site = chained(whole.map, _of_sites(found.map))
    map_ = chained(of_site, between(window.shape[1:], small.shape[1:]))
    return Located(map_, found.weight / small[0].numel())


def checked(window: Float32[Tensor, "3 h w"], laid: Laid, there: Located, scale: int) -> Stance:
    """Lay a photo along a flow around where it may show a window, and tell where it does.

    By how alike they are then, and by how near the flow is to a single map: where it has to look
    for what is alike, it strays.

    Args:
        window: sRGB-encoded, [0, 1].
        laid: the photo.
        there: where that may be.
        scale: high texels to a texel of the window.

    Returns:
        The map, fitted to the flow, and where that shows the window.
    """
    height, width = window.shape[1:]
    high = torch.tensor([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]], dtype=torch.float64) / scale
    high[:, 2] -= 0.5 + MARGIN_TX  # from high texels of the surroundings to texels of the window
    size = (height + 2 * MARGIN_TX) * scale, (width + 2 * MARGIN_TX) * scale
    color, inside = resampled(laid, chained(there.map, high), size)
    around = filled(color, inside)
    low = window[None]
    flow = sights_of(low, [know(around, plain_features, scale)], plain_features, scale)[0].flow
    sure = sureness(low, *carried(around, flow, scale), scale)
    offset = flow - MARGIN_TX
    map_ = fitted_map(offset, sure * strength(window))
    off = (offset - offsets_by(map_, (height, width))).square().sum(0)
    return Stance(
        chained(there.map, map_), there.consensus, sure / (1.0 + off / STRAYING_TX**2) ** 2
    )


def strength(window: Float32[Tensor, "3 h w"]) -> Float32[Tensor, "h w"]:
    """Tell how much there is to go by at each texel: the energy of its finest band."""
    return band_of(luma_of(window[None]))[0, 0].square()


def is_sound(linear: Float64[Tensor, "2 2"], scale: int) -> bool:
    """Tell whether a photo that shows a surface so is of use: it holds detail, and no sliver."""
    most, least = (float(value) / scale for value in torch.linalg.svdvals(linear))
    return least > LEAST_PX and most < MOST_PX and most < MOST_SLANT * least


def _coarsely(window: Tensor, laid: Laid, scale: int) -> Iterator[Located]:
    """Match a window with a photo in all turns and at all scales."""
    cell = max(window.shape[1:]) / COARSE_SITES
    small = resize(window[None], _sites(window, cell))[0]
    to_small = between(window.shape[1:], small.shape[1:])
    photos = [laid.at(px * scale * cell) for px in SCALES]
    photos = [photo for photo in photos if min(photo.shape[1:]) >= LEAST_SITES]
    shown = [plain_features(photo[None])[0] for photo in photos]
    for linear in _turns():
        whole = canvas_of(small, linear)
        turned, inside = resampled(Laid(small), whole.map, whole.size)
        asked = plain_features(turned[None])[0]
        to_turned = chained(inverse(whole.map), to_small)
        for photo, keys in zip(photos, shown, strict=True):
            found = _matched(asked, keys, inside)
            if found is not None:
                to_photo = between(photo.shape[1:], laid.photo.shape[1:])
                there = chained(chained(to_photo, _of_sites(found.map)), to_turned)
                yield Located(there, found.weight / small[0].numel())


def _turns() -> Iterator[Float64[Tensor, "2 2"]]:
    for number in range(TURNS):
        angle = 2 * math.pi * number / TURNS
        turn = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
        linear = torch.tensor(turn, dtype=torch.float64)
        yield linear
        yield linear * linear.new_tensor([[-1.0], [1.0]])


def _matched(asked: Tensor, keys: Tensor, inside: Float32[Tensor, "h w"]) -> Explained | None:
    """Give the map on which most matches lie, of patches that are wholly inside."""
    middle = keys.mean((1, 2), keepdim=True)
    evidence = evidence_of(match(asked - middle, keys - middle), keys.shape[2] - REACH)
    whole = -functional.max_pool2d(-inside[None, None], REACH + 1, 1)[0, 0]
    evidence = evidence._replace(weight=evidence.weight * whole)
    found = affine_maps(evidence, most=1, least_weight=LEAST_EXPLAINED)
    return found[0] if found else None


def _of_sites(offsets: Float32[Tensor, "2 3"]) -> Float64[Tensor, "2 3"]:
    """Make of the offsets of patches a map of sites: a patch's middle is one off its corner."""
    map_ = offsets.double().clone()
    map_[:, 2] -= map_[:, 0] + map_[:, 1]
    map_[:, :2] += torch.eye(2, dtype=torch.float64)
    return map_


def _sites(window: Tensor, cell: float) -> tuple[int, int]:
    height, width = (max(REACH + 1, round(side / cell)) for side in window.shape[1:])
    return height, width
