"""Faults of a capture that packed tiles do not have yet: put into crops as they are drawn.

A simulated truth is as crisp as its scan, and its photos lie where they should, as far as
registration can mend it. Real atlases were baked from other photos: they are softer than those at
hand, and so is the best answer. And where a mesh is rough, photos show an edge twice, once for each
of the places that texels were fetched from. A network that never saw either trusts the finest
detail of photos too much on real captures, the more so the less of it an atlas lacks: `fast` at x2
gained 0.7 and 0.2 dB on two of them by 1,400 steps with such faults, and 0.1 and 0.3 dB elsewhere.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float32, Int8, UInt8
from torch import Tensor

from texsr.flows.training_data import DETAIL_STEP, Pack
from texsr.models.resample import enlarge_faithfully, reduce
from texsr.models.smoothing import blur
from texsr.pipeline.color import to_float, to_integer
from texsr.pipeline.errors import SettingsError

SIGMA_TX = 0.4, 0.9  # of a softer truth, in its own texels
MOST_DOUBLED = 0.5  # share of the second picture of a photo
MOST_OFF_TX = 2  # how far off it lies, high texels
LARGEST = 127


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How often crops get which fault."""

    softer: float = 0.0
    """Share of crops whose truth and low tile are softer than their photos."""
    doubled: float = 0.0
    """Share of crops whose photos are doubled, each by itself some texels off."""

    def __post_init__(self) -> None:
        for option, share in (("--softer", self.softer), ("--doubled", self.doubled)):
            if not 0 <= share <= 1:
                raise SettingsError(
                    option,
                    found=f"{share:g}",
                    expected="a share of crops, from 0 to 1",
                    remedy="leave it out for none",
                )


def worsened(crop: Pack, rng: np.random.Generator, faults: Faults) -> Pack:
    """Give a crop the faults that are drawn; where there are to be none, nothing is drawn."""
    if faults.softer and rng.random() < faults.softer:
        crop = softened(crop, float(rng.uniform(*SIGMA_TX)))
    if faults.doubled and rng.random() < faults.doubled:
        crop = replace(crop, detail=_doubled(crop.detail, rng))
    return crop


def softened(crop: Pack, sigma_tx: float) -> Pack:
    """Blur the truth of a crop, and reduce it anew; photos look as they did."""
    truth, low = _planes(crop.truth), _planes(crop.low)
    scale = truth.shape[2] // low.shape[2]
    soft = blur(truth, sigma_tx)
    stored = _stored(reduce(soft, scale))
    lost = enlarge_faithfully(low, scale) - enlarge_faithfully(_planes(stored), scale)
    seen = (crop.weight > 0)[:, None]
    detail = np.rint(crop.detail + lost.numpy() / np.float32(DETAIL_STEP)) * seen
    return replace(
        crop,
        low=stored,
        truth=_stored(soft),
        detail=detail.clip(-LARGEST, LARGEST).astype(crop.detail.dtype),
    )


def _doubled(
    detail: Int8[np.ndarray, "k 3 H W"], rng: np.random.Generator
) -> Int8[np.ndarray, "k 3 H W"]:
    """Mix what each photo adds with the same some texels off."""
    found = np.empty_like(detail)
    for index, planes in enumerate(detail):
        share = np.float32(rng.uniform(0.0, MOST_DOUBLED))
        off = rng.integers(-MOST_OFF_TX, MOST_OFF_TX + 1, 2)
        again = np.roll(planes, tuple(off.tolist()), (1, 2))
        found[index] = np.rint((1 - share) * planes + share * again)
    return found


def _planes(color: UInt8[np.ndarray, "H W 3"]) -> Float32[Tensor, "1 3 H W"]:
    return torch.from_numpy(to_float(color)).permute(2, 0, 1)[None]


def _stored(planes: Float32[Tensor, "1 3 H W"]) -> UInt8[np.ndarray, "H W 3"]:
    return to_integer(planes[0].permute(1, 2, 0).contiguous().numpy(), np.dtype(np.uint8))
