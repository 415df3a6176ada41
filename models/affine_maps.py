"""Affine maps from a picture to another, found among matches of which many are wrong.

Where both show one surface, the right matches lie on a few maps that are affine, nearly; wrong ones
lie anywhere. Maps are proposed where matches beside each other agree, and each is fitted to all
matches, those far off it counting less from round to round; what the best one explains is set
aside before the next is looked for. That is the consensus of Fischler, Bolles, "Random Sample
Consensus", CACM 1981, with nothing drawn at random: the same matches give the same maps.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float32, Float64
from torch import Tensor
from torch.nn import functional

from texsr.models.matching import Matches
from texsr.models.smoothing import blur

POWER = 8.0  # of the similarity: what is alike by chance counts next to nothing
BESIDE = 3  # sites; so far off are those with whom a match may agree
AGREEING = 1.5  # sites by which offsets of those that agree differ: surfaces are seen at a slant
LEAST_COHERENCE = 0.15  # share of neighbours that agree by chance
WINDOW, STIFFNESS = 4.0, 8.0  # sites, and their square: of a local fit, and against its slopes
NO_WEIGHT = 1e-6  # weight that counts as none
MOST_MAPS, MOST_SEEDS, SEEDS_APART = 3, 24, 5
LEAST_PEAK = 1e-4  # mean weight around a seed
TOLERANCES = (6.0, 4.0, 2.5, 1.5, 1.0, 1.0)  # sites, round by round
GLOBAL_STIFFNESS = 20.0  # against the slopes of a map, in weight times sites squared
EXPLAINED, SET_ASIDE = 1.5, 2.5  # sites
LEAST_WEIGHT = 4.0  # of what a map explains: as much as four certain matches
SQUEEZED, STRETCHED = 0.4, 2.0  # at most, along any direction


class Evidence(NamedTuple):
    """Where patches were matched to, and how much that says."""

    offset: Float32[Tensor, "2 p q"]
    """From a patch's own place to that of its match: x and y, in sites."""
    weight: Float32[Tensor, "p q"]
    """At least 0; 1 where it is certain."""


class Local(NamedTuple):
    """An affine fit around each place."""

    offset: Float32[Tensor, "2 p q"]
    """At the place itself."""
    slope: Float32[Tensor, "2 2 p q"]
    """Of x and of y, along x and along y."""
    mass: Float32[Tensor, "p q"]
    """Mean weight of what was fitted to."""


def evidence_of(matches: Matches, across: int) -> Evidence:
    """Weigh matches: by how alike they are, and the less the more others were matched there too.

    Flat parts of a picture all find the same few patches, and would outvote everything else.

    Args:
        matches: of each patch of a picture, the best first.
        across: patches in a row of the picture that they were found in.
    """
    patch = matches.patch[0]
    rows, columns = patch.shape
    row = torch.div(patch, across, rounding_mode="floor")
    column = patch % across
    offset = torch.stack(
        [column - _steps(columns, patch)[None], row - _steps(rows, patch)[:, None]]
    )
    weight = matches.similarity[0].clamp(0.0, 1.0) ** POWER / _crowding(row, column)
    return Evidence(offset.float(), weight)


def _crowding(row: Tensor, column: Tensor) -> Float32[Tensor, "p q"]:
    """How many patches were matched to the same place or one beside it, over nine; at least 1."""
    row, column = row - row.min(), column - column.min()
    tall, wide = int(row.max()) + 1, int(column.max()) + 1
    count = torch.bincount((row * wide + column).flatten(), minlength=tall * wide)
    around = functional.avg_pool2d(count.view(1, 1, tall, wide).float(), 3, 1, 1)[0, 0]
    return around[row, column].clamp_min(1.0)


def coherent(evidence: Evidence, agreeing: float = AGREEING) -> Float32[Tensor, "p q"]:
    """Weigh matches anew by how many of their neighbours were matched alike."""
    rows, columns = evidence.weight.shape
    margins = (BESIDE,) * 4
    offsets = functional.pad(evidence.offset[None], margins, mode="replicate")[0]
    weights = functional.pad(evidence.weight, margins)
    agreed, total = torch.zeros_like(evidence.weight), torch.zeros_like(evidence.weight)
    for y in range(2 * BESIDE + 1):
        for x in range(2 * BESIDE + 1):
            if (y, x) != (BESIDE, BESIDE):
                there = slice(y, y + rows), slice(x, x + columns)
                off = (offsets[(slice(None), *there)] - evidence.offset).abs().amax(0)
                agreed += weights[there] * (off <= agreeing)
                total += weights[there]
    share = agreed / total.clamp_min(NO_WEIGHT)
    return evidence.weight * (share - LEAST_COHERENCE).clamp_min(0.0) ** 2


def fit_locally(
    offset: Float32[Tensor, "2 p q"], weight: Float32[Tensor, "p q"], sigma: float = WINDOW
) -> Local:
    """Fit an affine map to the offsets around each place, in a Gaussian window.

    Slopes shrink towards none where there is little to tell them by.
    """
    rows, columns = weight.shape
    y = (_steps(rows, weight) - (rows - 1) / 2)[:, None].expand(rows, columns)
    x = (_steps(columns, weight) - (columns - 1) / 2)[None].expand(rows, columns)
    products = torch.stack([torch.ones_like(x), x, y, x * x, y * y, x * y])
    told = torch.cat([offset, offset * x, offset * y])
    moments = blur((weight * torch.cat([products, told]))[:, None], sigma)[:, 0]
    mass = moments[0]
    mean = moments[1:] / mass.clamp_min(NO_WEIGHT)
    at_x, at_y, at = mean[0], mean[1], mean[5:7]
    xx = (mean[2] - at_x * at_x).clamp_min(0.0) + STIFFNESS
    yy = (mean[3] - at_y * at_y).clamp_min(0.0) + STIFFNESS
    xy = mean[4] - at_x * at_y
    along_x, along_y = mean[7:9] - at * at_x, mean[9:11] - at * at_y
    whole = xx * yy - xy * xy
    slope = torch.stack(
        [(yy * along_x - xy * along_y) / whole, (xx * along_y - xy * along_x) / whole], 1
    )
    return Local(at + slope[:, 0] * (x - at_x) + slope[:, 1] * (y - at_y), slope, mass)


class Explained(NamedTuple):
    """A map, and how much of what was matched lies on it."""

    map: Float32[Tensor, "2 3"]
    """The offset x and y at a patch as A (x, y, 1), where (x, y) is its place."""
    weight: float


def affine_maps(
    evidence: Evidence, most: int = MOST_MAPS, least_weight: float = LEAST_WEIGHT
) -> list[Explained]:
    """Find the maps on which matches lie, what explains most first; none: they lie anywhere.

    Args:
        evidence: where patches were matched to.
        most: how many maps are looked for.
        least_weight: that a map explains; 1 is a certain match.
    """
    rows, columns = evidence.weight.shape
    local = fit_locally(evidence.offset, coherent(evidence))
    x = _steps(columns, evidence.weight)[None].expand(rows, columns)
    y = _steps(rows, evidence.weight)[:, None].expand(rows, columns)
    places = torch.stack([x, y, torch.ones_like(x)]).flatten(1).double()
    offsets, weights = evidence.offset.flatten(1).double(), evidence.weight.flatten().double()
    left, found = torch.ones_like(weights), list[Explained]()
    while len(found) < most:
        seeds = _seeds(local, left.view(rows, columns).float())
        if not len(seeds):
            break
        maps = _fitted(seeds, places, offsets, weights * left)
        off = (offsets - maps @ places).abs().amax(1)  # k n
        explained = ((off < EXPLAINED) * weights * left).sum(1) * _is_sound(maps)
        best = int(explained.argmax())
        if float(explained[best]) < least_weight:
            break
        found.append(Explained(maps[best].float(), float(explained[best])))
        left = left * (off[best] > SET_ASIDE)
    return found


def _seeds(local: Local, left: Float32[Tensor, "p q"]) -> Float64[Tensor, "k 2 3"]:
    """Propose maps: the local ones where most matches agree, with their slopes and without."""
    mass = local.mass * left
    highest = functional.max_pool2d(mass[None, None], SEEDS_APART, 1, SEEDS_APART // 2)[0, 0]
    peaks = torch.where((mass == highest) & (mass > LEAST_PEAK), mass, 0.0).flatten()
    value, at = peaks.topk(min(MOST_SEEDS, peaks.numel()))
    at = at[value > 0]
    offset = local.offset.flatten(1)[:, at].T.double()  # k 2
    slope = local.slope.flatten(2)[:, :, at].permute(2, 0, 1).double()  # k 2 2
    columns = left.shape[1]
    place = torch.stack([at % columns, torch.div(at, columns, rounding_mode="floor")], 1).double()
    start = offset - (slope @ place[:, :, None])[:, :, 0]
    still = torch.cat([torch.zeros_like(slope), offset[:, :, None]], 2)
    return torch.cat([torch.cat([slope, start[:, :, None]], 2), still])


def _fitted(
    maps: Float64[Tensor, "k 2 3"],
    places: Float64[Tensor, "3 n"],
    offsets: Float64[Tensor, "2 n"],
    weights: Float64[Tensor, " n"],
) -> Float64[Tensor, "k 2 3"]:
    """Fit each map to all matches, those far off it counting little."""
    stiff = torch.diag(places.new_tensor([GLOBAL_STIFFNESS, GLOBAL_STIFFNESS, NO_WEIGHT]))
    pairs = (places[:, None] * places[None]).flatten(0, 1)  # 9 n
    told = (offsets[:, None] * places[None]).flatten(0, 1)  # 6 n
    for tolerance in TOLERANCES:
        off = (offsets - maps @ places).abs().amax(1)
        trusted = weights / (1.0 + (off / tolerance) ** 2) ** 2  # k n
        square = (trusted @ pairs.T).view(-1, 3, 3) + stiff
        maps = torch.linalg.solve(square, (trusted @ told.T).view(-1, 2, 3).transpose(1, 2))
        maps = maps.transpose(1, 2)
    return maps


def _is_sound(maps: Float64[Tensor, "k 2 3"]) -> Float64[Tensor, " k"]:
    """1 for maps of surfaces that a photo can show: not mirrored, not squeezed to nothing."""
    whole = torch.eye(2, dtype=maps.dtype, device=maps.device) + maps[:, :, :2]
    least_and_most = torch.linalg.svdvals(whole)
    sound = (torch.linalg.det(whole) > 0) & (least_and_most[:, 1] > SQUEEZED)
    return (sound & (least_and_most[:, 0] < STRETCHED)).to(maps.dtype)


def _steps(count: int, like: Tensor) -> Tensor:
    return torch.arange(count, device=like.device)
