"""Lessons in matching: features of our own learn which places are alike.

AMRSR and RRSR find where a reference shows what by features that someone trained on millions of
pictures, which nobody may have at hand.

- A trunk of ours need not give VGG19's features, only its likenesses: of every two places, how
  alike they are. Source: relational distillation of Park, Kim, Lu, Cho, "Relational Knowledge
  Distillation", CVPR 2019, here on cosines between sites.
- Where a blurred picture asks and sharp ones answer, likenesses of one picture with itself say too
  little. There every patch of the blurred one has to find itself among others of the sharp one: the
  contrast across resolutions of C2-Matching (Jiang, Chan, Wang, Loy, Liu, CVPR 2021), its triplets
  replaced by a cross entropy over all sampled places (van den Oord, Li, Vinyals, "Representation
  Learning with Contrastive Predictive Coding", 2018).
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
NUM_PATCHES = 256  # of a picture, each to be told from the others
PATCH = 3  # sites on a side, as they are matched
TEMPERATURE = 0.05
Features = Callable[[Tensor], Tensor]


@runtime_checkable
class Tuition(Protocol):
    """Gives lessons."""

    def __call__(self, truth: Float32[Tensor, "b 3 H W"]) -> Float32[Tensor, ""]:
        """Say how much is still to be learnt from some pictures."""
        ...


@final
class LikenessTuition:
    """Teaches a trunk the likenesses that another one sees in pictures as blurred as low ones."""

    def __init__(self, teacher: nn.Module, trunk: Features) -> None:
        """Take a teacher, which gives levels of features, the coarsest last, and a pupil.

        Args:
            teacher: is not changed.
            trunk: gives the pupil's features, b c h w, of the teacher's coarsest sites.
        """
        self.teacher, self.trunk = teacher, trunk

    def __call__(self, truth: Float32[Tensor, "b 3 H W"]) -> Float32[Tensor, ""]:
        """Give the mean squared difference of cosines, as a share of what they vary."""
        blurred = enlarge(reduce(truth, SCALE), SCALE)
        with torch.no_grad():
            wanted = _sites(self.teacher(blurred)[-1])
            wanted = wanted @ wanted.T
        found = _sites(self.trunk(blurred))
        found = found @ found.T
        spread = (wanted - wanted.mean()).square().mean()
        return (found - wanted).square().mean() / spread.clamp_min(1e-6)


@final
class ContrastTuition:
    """Teaches two extractors that a blurred patch finds itself among sharp ones."""

    def __init__(self, asking: Features, known: Features) -> None:
        """Take two pupils: features of enlarged pictures, and those of sharp ones."""
        self.asking, self.known = asking, known

    def __call__(self, truth: Float32[Tensor, "b 3 H W"]) -> Float32[Tensor, ""]:
        """Give the cross entropy, as a share of that of guessing."""
        asked = _patches(self.asking(enlarge(reduce(truth, SCALE), SCALE)))
        shown = _patches(self.known(truth))
        alike = asked @ shown.transpose(1, 2) / TEMPERATURE  # b patches patches
        own = torch.arange(alike.shape[1], device=alike.device).repeat(len(alike))
        guessing = torch.tensor(float(alike.shape[1])).log().clamp_min(1e-6)
        return functional.cross_entropy(alike.flatten(0, 1), own) / guessing


def _sites(features: Float32[Tensor, "b c h w"]) -> Float32[Tensor, "n c"]:
    """Give some sites of all pictures, evenly spread, as unit vectors."""
    flat = features.permute(0, 2, 3, 1).flatten(0, 2)
    step = max(1, len(flat) // NUM_SITES)
    return functional.normalize(flat[::step], dim=1)


def _patches(features: Float32[Tensor, "b c h w"]) -> Float32[Tensor, "b n m"]:
    """Give some patches of each picture, evenly spread, as they are matched: unit vectors."""
    patches = functional.unfold(functional.normalize(features, dim=1), PATCH).transpose(1, 2)
    step = max(1, patches.shape[1] // NUM_PATCHES)
    return functional.normalize(patches[:, ::step], dim=2)
