"""Tiles to train on, made from plain pictures: photographs, textures, and artwork drawn on the way.

No geometry is needed: `texsr.models.data` photographs a flat crop a few times. The tiles are packed
as those of captures are (`texsr.flows.training_data`), and read the same way.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Shaped
from torch import Tensor

from texsr.flows.tiles import TileInput
from texsr.flows.training_data import CONTEXT_TX, Pack, PackSettings, packed
from texsr.models.crispness import measure_crispness
from texsr.models.data import Patch, PatchSettings, draw_patch
from texsr.models.resample import enlarge_faithfully, reduce, resize
from texsr.pipeline.artwork import draw_artwork
from texsr.pipeline.color import to_float
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.images import read_image
from texsr.pipeline.references import Warped
from texsr.pipeline.stages.select import MIN_TRUST, MIN_TRUST_SHARE
from texsr.pipeline.tile import Region

CROPS_PER_PICTURE = 4
TRIES_PER_CROP = 6
OTHERS_HELD = 6  # crops kept to stand in for things that are not the surface
REDUCED_ODDS = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureSettings:
    """What to make of a folder of pictures."""

    pack: PackSettings = field(default_factory=PackSettings)
    """Size of a tile and how many references it holds; its `tiles` is not used."""
    patch: PatchSettings = field(default_factory=PatchSettings)
    """How photos are made; `side_tx` and `scale` are those of the pack."""
    artwork_odds: float = 0.15
    """That a picture is drawn instead of read."""
    reduction: tuple[float, float] = (0.35, 1.0)
    """Pictures are reduced at times, so that soft ones become crisp."""
    least_detail: float = 1.0
    """RMS, in 1/255, of what a crop loses when it is reduced; flatter ones teach nothing."""


def patch_tiles(
    pictures: Sequence[Path], count: int, settings: PictureSettings, rng: np.random.Generator
) -> Iterator[Pack]:
    """Make tiles with known answers from pictures; one by one, as they are wanted.

    Args:
        pictures: image files of any size that holds a crop.
        count: how many tiles.
        settings: what to make.
        rng: the same state gives the same tiles.

    Raises:
        CaptureError: the pictures are too small, or hold no detail.
    """
    side_tx = settings.pack.side_tx + 2 * CONTEXT_TX
    patch = replace(settings.patch, side_tx=side_tx, scale=settings.pack.scale)
    others: deque[Float32[Tensor, "3 s s"]] = deque(maxlen=OTHERS_HELD)
    crops = _crops(pictures, patch.source_side_tx, settings, rng)
    others.extend(islice(crops, OTHERS_HELD // 2))
    for crop in islice(crops, count):
        yield _pack(draw_patch(crop, list(others), rng, patch), settings.pack)
        others.append(crop)


def _pack(patch: Patch, settings: PackSettings) -> Pack:
    """Measure and pack the middle of a patch, as the tile of a capture."""
    _, h, w = patch.low.shape
    padded = Region(x=0, y=0, width=w, height=h)
    references = _warped(patch)
    made = TileInput(
        low=patch.low,
        references=references,
        covered=np.ones(patch.truth.shape[1:], bool),
        seen=(references.weight > 0).any(1)[0].numpy(),
    )
    crispness = measure_crispness([(patch.low[None], _trusted(references))], settings.scale)
    truth = np.rint(patch.truth.permute(1, 2, 0).numpy() * np.float32(255))
    return packed(padded.grown(-CONTEXT_TX), padded, made, truth, crispness, settings)


def _warped(patch: Patch) -> Warped:
    if patch.references is not None:
        return Warped(**patch.references._asdict())
    high, low = patch.truth.shape[1:], patch.low.shape[1:]
    return Warped(
        color=torch.zeros(1, 0, 3, *high),
        weight=torch.zeros(1, 0, *high),
        prior=torch.zeros(1, 0, 2, *low),
        trust=torch.zeros(1, 0),
    )


def _trusted(references: Warped) -> Warped | None:
    """Leave out what a run would not choose; None where nothing is left."""
    trust = references.trust[0]
    if not len(trust):
        return None
    kept = trust >= max(MIN_TRUST, MIN_TRUST_SHARE * float(np.median(trust.numpy())))
    if not bool(kept.any()):
        return None
    return Warped(
        color=references.color[:, kept],
        weight=references.weight[:, kept],
        prior=references.prior[:, kept],
        trust=references.trust[:, kept],
    )


def _crops(
    pictures: Sequence[Path], side: int, settings: PictureSettings, rng: np.random.Generator
) -> Iterator[Float32[Tensor, "3 s s"]]:
    """Give crops with detail, without end; a few of each picture in turn."""
    barren = 0
    while True:
        picture = _picture(pictures, side, settings, rng)
        found = 0
        for _ in range(TRIES_PER_CROP if picture.shape[1] > side else 1):
            crop = _crop(picture, side, settings, rng)
            if _detail(crop, settings.pack.scale) >= settings.least_detail / 255:
                yield crop
                found += 1
            if found == CROPS_PER_PICTURE:
                break
        barren = 0 if found else barren + 1
        if barren > 8 * (len(pictures) + 4):
            raise CaptureError(
                "training pictures",
                found=f"{len(pictures)} pictures without a crop of {side} px that reducing changes",
                expected="pictures with fine detail",
                remedy="add photographs or textures that are sharp at full size",
            )


def _picture(
    pictures: Sequence[Path], side: int, settings: PictureSettings, rng: np.random.Generator
) -> Shaped[Tensor, "3 h w"]:
    """Read one of the pictures, as it is stored, or draw one."""
    if not pictures or rng.random() < settings.artwork_odds:
        drawn = draw_artwork(rng, side_px=side)
        return torch.from_numpy(drawn).permute(2, 0, 1)
    path = pictures[int(rng.integers(len(pictures)))]
    stored, _ = read_image(path, where=path)
    if min(stored.shape[:2]) < side:
        raise CaptureError(
            str(path),
            found=f"{stored.shape[1]} x {stored.shape[0]} px",
            expected=f"at least {side} px on either side",
            remedy="leave it out, or train on smaller tiles",
        )
    colours = stored[..., :3] if stored.shape[2] >= 3 else stored[..., :1].repeat(3, axis=2)
    return torch.from_numpy(np.ascontiguousarray(colours.transpose(2, 0, 1)))


def _crop(
    picture: Shaped[Tensor, "3 h w"], side: int, settings: PictureSettings, rng: np.random.Generator
) -> Float32[Tensor, "3 s s"]:
    """Cut a square out of a picture, reduced at times."""
    shortest = min(picture.shape[1:])
    factor = rng.uniform(*settings.reduction) if rng.random() < REDUCED_ODDS else 1.0
    taken = min(round(side / factor), shortest)
    y, x = (int(rng.integers(0, size - taken + 1)) for size in picture.shape[1:])
    cut = picture[:, y : y + taken, x : x + taken]
    color = cut.float() if cut.is_floating_point() else torch.from_numpy(to_float(cut.numpy()))
    if taken > side:
        color = resize(color[None], (side, side))[0].clamp_(0.0, 1.0)
    return color.contiguous()


def _detail(crop: Float32[Tensor, "3 s s"], scale: int) -> float:
    """RMS of what reduction takes out."""
    side = crop.shape[1] // scale * scale
    luma = crop[None, 1:2, :side, :side]
    return float((luma - enlarge_faithfully(reduce(luma, scale), scale)).square().mean().sqrt())
