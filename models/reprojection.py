"""An answer held against the pixels of the photos, and corrected by what explains them.

A photo that is coarser than the texels reaches a network interpolated: what lay beyond its
sampling has folded into what lies below, and from one warped photo nothing tells the two apart.
Here the answer is looked at as the photo looked: a pixel is the average of the texels on its area.
Photos sample a surface at different places, and what one has folded the others unfold. That the
texels are found which best explain all pixels is how multi-frame super-resolution works since
Irani, Peleg, "Improving Resolution by Image Registration", CVGIP 1991; on the texture of a surface,
Goldlücke, Aubry, Kolev, Cremers, "A Super-Resolution Framework for High-Accuracy Multiview
Reconstruction", IJCV 2014.

We look for the likeliest correction of an answer that is good already. How far texels may be off is
known (the expected error), and so is how far pixels may be (`texsr.models.testimony`). Corrections
of neighbouring texels are alike: on a contour along it and hardly across, elsewhere all around.

Only luma is corrected: detail hardly differs between colours.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import torch
from jaxtyping import Float32
from torch import Tensor

from texsr.models.alignment import luma_of
from texsr.models.contours import Contours, ContourSettings
from texsr.models.resample import enlarge_faithfully, reduce
from texsr.models.smoothing import blur_of_noise
from texsr.models.testimony import HearingSettings, Testimony, Witness, hear

STANDARD = 1.25  # standard deviation by mean absolute error, of a normal distribution
LEAST_EIGENVALUE = 0.1  # that the solver is made for: what lies below it is left to the prior


@dataclass(frozen=True, slots=True, kw_only=True)
class ReprojectionSettings:
    """What a correction is expected to be, and how hard it is looked for."""

    smooth_texels: float = 0.8
    """Sigma over which corrections are alike where there is no contour, in high texels."""
    across_texels: float = 0.5
    """The same across a contour."""
    contour_gain: float = 0.6
    """What the variance along contours, where many texels add up, is multiplied by."""
    contours: ContourSettings = field(default_factory=ContourSettings)
    """What is taken for a contour."""
    rounds: int = 4
    """Of the solver."""
    hearing: HearingSettings = field(default_factory=HearingSettings)
    """How pixels are weighed."""


def reprojected(
    high: Float32[Tensor, "1 3 H W"],
    error: Float32[Tensor, "1 1 H W"],
    present: Sequence[Witness],
    scale: int,
    settings: ReprojectionSettings | None = None,
) -> Float32[Tensor, "1 3 H W"]:
    """Correct an answer by what the pixels of its photos say against it.

    Args:
        high: true to the low atlas, and so is what is given back.
        error: expected absolute error of `high`.
        present: its photos, at least one.
        scale: high texels per low texel.
        settings: how.
    """
    chosen = settings or ReprojectionSettings()
    heard = hear(high, present, chosen.hearing)
    prior = Prior(luma_of(high)[0, 0], STANDARD * error[0, 0], chosen)
    found = likeliest(heard, prior, chosen.rounds)[None, None]
    return high + (found - enlarge_faithfully(reduce(found, scale), scale))


@final
class Prior:
    """Which corrections are likely: their covariance, as what it makes of a plane."""

    def __init__(
        self,
        luma: Float32[Tensor, "H W"],
        deviation: Float32[Tensor, "H W"],
        settings: ReprojectionSettings,
    ) -> None:
        """Take what is to be corrected.

        Args:
            luma: of the answer.
            deviation: standard deviation to expect of it.
            settings: how alike corrections are.
        """
        self.settings, self.deviation = settings, deviation
        self.contours = Contours(luma, settings.contours)
        self.variance_elsewhere = deviation.square() * (1.0 - self.contours.share)

    def __call__(self, plane: Float32[Tensor, "H W"]) -> Float32[Tensor, "H W"]:
        """Multiply by the covariance."""
        around, across = self.settings.smooth_texels, self.settings.across_texels
        elsewhere = _alike(self.variance_elsewhere * _alike(plane, around), around)
        lines = self.contours.along(self.deviation * _alike(plane, across))
        return elsewhere + self.settings.contour_gain * _alike(self.deviation * lines, across)


def likeliest(heard: Sequence[Testimony], prior: Prior, rounds: int) -> Float32[Tensor, "H W"]:
    """Find the likeliest correction of the texels, of which pixels are off by so much.

    Solved for the pixels' shares of it, by a fixed number of Chebyshev steps, each of which looks
    at the neighbourhood alone: nothing is added up over a tile that would tell where it ends.
    Scaled by the sums of its rows, which are not negative, the matrix has no eigenvalue above 1.
    """

    def texels(shares: list[Tensor]) -> Tensor:
        total = torch.zeros_like(prior.deviation)
        for one, share in zip(heard, shares, strict=True):
            seen = one.footprints
            total[seen.box].add_(seen.placed(seen.seen(share)[None])[0])
        return prior(total)

    def pixels(shares: list[Tensor]) -> list[Tensor]:
        plane = texels(shares)
        averaged = [one.footprints.over(plane) for one in heard]
        return [
            made + one.noise * share
            for made, one, share in zip(averaged, heard, shares, strict=True)
        ]

    rows = pixels([torch.ones_like(one.off) for one in heard])
    shares = step = [torch.zeros_like(one.off) for one in heard]
    left = [one.off for one in heard]
    for number, (keep, add) in enumerate(chebyshev(rounds)):
        if number:
            made = pixels(shares)
            left = [one.off - part for one, part in zip(heard, made, strict=True)]
        step = [keep * s + add * one / row for s, one, row in zip(step, left, rows, strict=True)]
        shares = [share + s for share, s in zip(shares, step, strict=True)]
    return texels(shares)


def chebyshev(rounds: int) -> list[tuple[float, float]]:
    """Give how much to keep of the last step, and to add of what is left, round by round.

    For a matrix whose eigenvalues lie between `LEAST_EIGENVALUE` and 1: Saad, "Iterative Methods
    for Sparse Linear Systems", 2003, algorithm 12.1.
    """
    middle, half = (1.0 + LEAST_EIGENVALUE) / 2.0, (1.0 - LEAST_EIGENVALUE) / 2.0
    sigma = middle / half
    rho = 1.0 / sigma
    found = [(0.0, 1.0 / middle)]
    for _ in range(rounds - 1):
        after = 1.0 / (2.0 * sigma - rho)
        found.append((after * rho, 2.0 * after / half))
        rho = after
    return found


def _alike(plane: Float32[Tensor, "H W"], sigma: float) -> Float32[Tensor, "H W"]:
    """Let neighbours have a part in each other; what they are drawn from keeps its variance."""
    return blur_of_noise(plane[None, None], sigma)[0, 0]
