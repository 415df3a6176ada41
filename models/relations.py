"""Lessons in matching: features of our own learn to tell places apart as VGG19 does.

AMRSR and RRSR find where a reference shows what by features that someone trained on millions of
pictures, which nobody may have at hand. A trunk of ours need not give the same features, only the
same likenesses: of every two places, how alike they are. Source: relational distillation of Park,
Kim, Lu, Cho, "Relational Knowledge Distillation", CVPR 2019, here on cosines between sites; and the
correlations across resolutions of C2-Matching (Jiang, Chan, Wang, Loy, Liu, CVPR 2021): what is
asked with an enlarged picture has to find what the sharp one shows.
"""

from collections.abc import Callable
from typing import Protocol, final, runtime_checkable

import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional

from texsr.models.resample import enlarge, reduce

SCALE = 4
NUM_SITES = 768  # of a batch, compared with all the others
Features = Callable[[Tensor], Tensor]


@runtime_checkable
class Tuition(Protocol):
    """Gives lessons."""

    def __call__(self, truth: Float32[Tensor, "b 3 H W"]) -> Float32[Tensor, ""]:
        """Say how far the pupil is from the teacher on some pictures: 1 knows nothing."""
        ...


@final
class MatchingTuition:
    """Teaches features for questions and for answers the likenesses that a teacher sees."""

    def __init__(
        self, teacher: nn.Module, asking: Features, known: Features, *, sharp: bool
    ) -> None:
        """Take a teacher and two pupils, which may be one.

        Args:
            teacher: gives levels of features, the coarsest last.
            asking: gives a picture's features, b c h w, of the teacher's coarsest sites.
            known: the same, for references.
            sharp: references are matched as they are; else made as blurred as what is asked.
        """
        self.teacher, self.asking, self.known, self.sharp = teacher, asking, known, sharp

    def __call__(self, truth: Float32[Tensor, "b 3 H W"]) -> Float32[Tensor, ""]:
        """Give the mean squared difference of cosines, as a share of what they vary."""
        blurred = enlarge(reduce(truth, SCALE), SCALE)
        seen = truth if self.sharp else blurred
        with torch.no_grad():
            wanted = _sites(self.teacher(seen)[-1])
            wanted = wanted @ wanted.T
        found = _sites(self.asking(blurred)) @ _sites(self.known(seen)).T
        spread = (wanted - wanted.mean()).square().mean()
        return (found - wanted).square().mean() / spread.clamp_min(1e-6)


def _sites(features: Float32[Tensor, "b c h w"]) -> Float32[Tensor, "n c"]:
    """Give some sites of all pictures, evenly spread, as unit vectors."""
    flat = features.permute(0, 2, 3, 1).flatten(0, 2)
    step = max(1, len(flat) // NUM_SITES)
    return functional.normalize(flat[::step], dim=1)
