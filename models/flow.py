"""Where a photo shows what a tile shows: a smooth field of offsets, found from matches.

Patches matched one by one lie a site apart at best, and some lie anywhere. Surfaces are smooth: so
a few affine maps are fitted to all matches (`texsr.models.affine_maps`), each place takes the map
by which tile and photo are most alike, and is matched once more near there. What is left are parts
of a site, found by slopes (Lucas, Kanade, IJCAI 1981).

A flow is in sites (low texels), x and y, from a place of the tile to where the photo shows it.
"""

import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional

from texsr.models.affine_maps import (
    NO_WEIGHT,
    affine_maps,
    coherent,
    evidence_of,
    fit_locally,
)
from texsr.models.alignment import luma_of, spread
from texsr.models.displacement import displacement, slope_products
from texsr.models.matching import REACH, SIDE, Matches
from texsr.models.nearby import NearMatch
from texsr.models.planar_maps import looked_up
from texsr.models.resample import reduce
from texsr.models.smoothing import blur

CHOICE_WINDOW = 2.0  # sites
NEARER = ((3, 5.0), (2, 4.0))  # sites to look around, and the window of the fit, round by round
NEAR_AGREEING = 1.0  # sites
LEAST_MASS = 1e-3  # mean weight of matches that moves a flow by half of what they say
SURE_WINDOW, SURENESS = 3.0, (0.5, 0.8)  # sites; correlations for not at all and for fully sure
FINE_ROUNDS, FINE_WINDOW = 4, 3.0
BAND_SIGMA = 2.0  # sites; slopes are those of what a Gaussian of this width takes out
EMPTY = 1e-5  # variance of a band that counts as nothing
LEAST_SLOPE = 4e-4  # mean square for which a displacement is halved, nearly
LIGHTER = (0.3, 1.6)  # contrasts that a photo is brought to the tile's by
PX_WINDOW, LEAST_PX, MOST_PX = 2.0, 0.2, 3.0
MOST_FINE = 0.7  # sites a round


def flow_of(
    asked: Float32[Tensor, "c h w"], shown: Float32[Tensor, "c h2 w2"], matches: Matches
) -> Float32[Tensor, "2 h w"]:
    """Make a flow of matches, right within a site where tile and photo show the same.

    Args:
        asked: features of a tile, 3 x 3 sites or more.
        shown: of a photo.
        matches: of the tile's patches in the photo.
    """
    evidence = evidence_of(matches, shown.shape[2] - REACH)
    rows, columns = asked.shape[1:]
    flows = [_laid_out(one.map, rows, columns) for one in affine_maps(evidence)]
    if not flows:
        flows = [_to_sites(fit_locally(evidence.offset, coherent(evidence)).offset)]
    return _nearer(asked, shown, _most_alike(asked, shown, flows))


def in_parts_of_a_site(
    low: Float32[Tensor, "1 3 h w"],
    photo: Float32[Tensor, "3 _ _"],
    flow: Float32[Tensor, "2 h w"],
    scale: int,
) -> Float32[Tensor, "2 h w"]:
    """Find what a flow lacks to be right within a site, by the slopes of luma.

    Args:
        low: the tile, sRGB-encoded.
        photo: of `scale` pixels a site.
        flow: right within a site, nearly.
        scale: see there.
    """
    tile = band_of(luma_of(low))
    for _ in range(FINE_ROUNDS):
        seen, there = _as_shown(*carried(photo, flow, scale), scale)
        same, own = (blur(one * seen * there, FINE_WINDOW) for one in (tile, seen))
        seen = seen * ((same + EMPTY) / (own + EMPTY)).clamp(*LIGHTER)
        around = functional.pad(seen, (1, 1, 1, 1), mode="replicate")
        x = (around[..., 1:-1, 2:] - around[..., 1:-1, :-2]) * there
        y = (around[..., 2:, 1:-1] - around[..., :-2, 1:-1]) * there
        lack = (tile - seen) * there
        means = [blur(one, FINE_WINDOW)[0, 0] for one in slope_products(x, y, lack)]
        step = 2.0 * displacement(means, LEAST_SLOPE, axis=0)  # differences span two sites
        flow = flow + step.clamp(-MOST_FINE, MOST_FINE)
    return flow


def sureness(
    low: Float32[Tensor, "1 3 h w"],
    color: Float32[Tensor, "3 H W"],
    inside: Float32[Tensor, "H W"],
    scale: int,
) -> Float32[Tensor, "h w"]:
    """Tell where what was carried shows what the tile shows, [0, 1].

    By the correlation of both, around a site, in the finest band that the tile holds.

    Args:
        low: the tile, sRGB-encoded.
        color: what `carried` gave for it, like the next.
        inside: see there.
        scale: of the two.
    """
    seen, there = _as_shown(color, inside, scale)
    tile = band_of(luma_of(low)) * there
    own, other, same = (
        blur(product, SURE_WINDOW)[0, 0] for product in (tile * tile, seen * seen, tile * seen)
    )
    correlation = same / ((own + EMPTY) * (other + EMPTY)).sqrt()
    least, enough = SURENESS
    return ((correlation - least) / (enough - least)).clamp(0.0, 1.0)


def px_along(flow: Float32[Tensor, "2 h w"], own: float = 1.0) -> Float32[Tensor, "h w"]:
    """Give how many pixels along an axis a photo has for a texel as large as one of them.

    Args:
        flow: that leads to it.
        own: pixels of the photo as it was taken to one of it as it is given. More than 1 counts as
            1: a finer photo is aligned no better, and would be trusted too much.
    """
    smooth = functional.pad(blur(flow[None], PX_WINDOW)[0], (1, 1, 1, 1), mode="replicate")
    along_x = (smooth[:, 1:-1, 2:] - smooth[:, 1:-1, :-2]) * 0.5
    along_y = (smooth[:, 2:, 1:-1] - smooth[:, :-2, 1:-1]) * 0.5
    area = (1.0 + along_x[0]) * (1.0 + along_y[1]) - along_x[1] * along_y[0]
    return (area * min(own, 1.0) ** 2).clamp(LEAST_PX**2, MOST_PX**2).sqrt()


def _as_shown(
    color: Float32[Tensor, "3 H W"], inside: Float32[Tensor, "H W"], scale: int
) -> tuple[Float32[Tensor, "1 1 h w"], Float32[Tensor, "1 1 h w"]]:
    """Give what was carried as the tile would show it, and how much of it the photo holds."""
    there = functional.avg_pool2d(inside[None, None], scale)
    return band_of(reduce(luma_of(color[None]), scale)) * there, there


def carried(
    photo: Float32[Tensor, "3 _ _"], flow: Float32[Tensor, "2 h w"], scale: int
) -> tuple[Float32[Tensor, "3 H W"], Float32[Tensor, "H W"]]:
    """Give what a photo shows at a tile's high texels, not clipped, and where that lies in it.

    Args:
        photo: of `scale` pixels a site.
        flow: to carry it along.
        scale: see there.
    """
    x, y = _places(spread(flow[None], scale)[0] * scale)
    tall, wide = photo.shape[1:]
    color = looked_up(photo, x, y, "bicubic")
    return color, ((x >= 0) & (x <= wide - 1) & (y >= 0) & (y <= tall - 1)).float()


def _laid_out(
    one: Float32[Tensor, "2 3"], rows: int, columns: int
) -> Float32[Tensor, "2 rows columns"]:
    """Give the offsets of a map of patches at sites: a patch's middle is one off its corner."""
    y = torch.arange(rows, device=one.device).float()[:, None].expand(rows, columns) - 1.0
    x = torch.arange(columns, device=one.device).float()[None].expand(rows, columns) - 1.0
    return torch.einsum("di,ihw->dhw", one, torch.stack([x, y, torch.ones_like(x)]))


def _to_sites(of_patches: Float32[Tensor, "n p q"]) -> Float32[Tensor, "n h w"]:
    return functional.pad(of_patches[None], (1, 1, 1, 1), mode="replicate")[0]


def _most_alike(
    asked: Tensor, shown: Tensor, flows: list[Float32[Tensor, "2 h w"]]
) -> Float32[Tensor, "2 h w"]:
    """Take at each place the flow by which tile and photo are most alike around there."""
    if len(flows) == 1:
        return flows[0]
    alike = torch.stack([_alike(asked, shown, one) for one in flows])
    best = blur(alike[None], CHOICE_WINDOW)[0].argmax(0)
    return torch.stack(flows).gather(0, best[None, None].expand(1, 2, *best.shape))[0]


def _alike(asked: Tensor, shown: Tensor, flow: Tensor) -> Float32[Tensor, "h w"]:
    """Give the cosine of each patch of a tile and what a flow leads to; 0 outside of the photo."""
    x, y = _places(flow)
    there = looked_up(shown, x, y, "bilinear")
    products = torch.stack([asked * there, asked * asked, there * there]).sum(1, keepdim=True)
    pooled = functional.avg_pool2d(products, SIDE, 1, 1, count_include_pad=False)[:, 0]
    cosine = pooled[0] / (pooled[1] * pooled[2]).sqrt().clamp_min(NO_WEIGHT)
    tall, wide = shown.shape[1:]
    return cosine * ((x >= -0.5) & (x <= wide - 0.5) & (y >= -0.5) & (y <= tall - 0.5))


def _nearer(
    asked: Tensor, shown: Tensor, flow: Float32[Tensor, "2 h w"]
) -> Float32[Tensor, "2 h w"]:
    """Match near where a flow leads, and let it follow."""
    for reach, sigma in NEARER:
        near = NearMatch(asked, reach)
        near.look_at(looked_up(shown, *_places(flow), "bilinear"))
        left = evidence_of(near.found(), asked.shape[2] - REACH)
        weight = coherent(left, NEAR_AGREEING)
        off = left.offset - fit_locally(left.offset, weight, sigma).offset
        weight = weight / (1.0 + off.abs().amax(0) ** 2) ** 2
        fit = fit_locally(left.offset, weight, sigma)
        flow = flow + _to_sites(fit.offset * (fit.mass / (fit.mass + LEAST_MASS)))
    return flow


def band_of(luma: Float32[Tensor, "1 1 h w"]) -> Float32[Tensor, "1 1 h w"]:
    """Give the finest band that a tile holds."""
    return luma - blur(luma, BAND_SIGMA)


def _places(flow: Float32[Tensor, "2 h w"]) -> tuple[Tensor, Tensor]:
    """Give where a flow leads, x and y."""
    rows, columns = flow.shape[1:]
    x = torch.arange(columns, device=flow.device)[None] + flow[0]
    return x, torch.arange(rows, device=flow.device)[:, None] + flow[1]
