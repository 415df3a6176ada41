"""How the default network learns: its losses, a teacher's lessons and answers, its own results.

Reciprocal learning follows Zhang et al., "RRSR: Reciprocal Reference-based Image Super-Resolution
with Progressive Feature Alignment and Selection", ECCV 2022: the result has to be good enough to
serve as a reference itself. There, a warped reference is reduced, and restored with the result as
its reference (`picture_learner` does that). Packed tiles hold references as measured detail, not as
photos that could be reduced, so here the result stands in for one of the references of its own
tile, and the tile is restored once more. As there, the result is not detached: the second
restoration teaches the first one to give detail that is worth transferring, and the network to take
detail as crisp as an answer.
"""

from collections.abc import Mapping
from typing import final

import torch
from jaxtyping import Float32
from torch import Tensor, nn

from texsr.models.alignment import Aligned
from texsr.models.batches import Batch
from texsr.models.fusion import fuse
from texsr.models.learner import Learnt, Made, TrainingSettings
from texsr.models.lessons import ask, pupils, settle_ends, unlearnt
from texsr.models.losses import Yardstick, doubt_loss, relative_error, yardstick_of
from texsr.models.outcome import Outcome
from texsr.models.smfanet import Smfanet
from texsr.models.smoothing import blur
from texsr.models.texsr import Texsr
from texsr.models.training import share_of_rate

TAUGHT_RATE = 0.4  # of the top rate, once lessons are over: more undoes them
LESSON = "lesson"  # the loss of one
BRANCH = "single"  # the child that is the single-image branch
AGAIN = "again"  # the child that is the second look
TRUNKS = ("prior", "look", "fusion")


@final
class TexsrLearner:
    """The default network, and its teacher if there is one."""

    def __init__(
        self,
        network: Texsr,
        settings: TrainingSettings,
        teacher: Smfanet | None = None,
        *,
        again: bool = False,
    ) -> None:
        """Take what learns, and how.

        Args:
            network: its weights; those that need no gradient stay.
            settings: weights of losses, and such.
            teacher: who gives lessons, if there are to be any, and answers.
            again: batches hold what a second look sees, and that is what learns.
        """
        self.network, self.settings, self.teacher = network, settings, teacher
        self.again = again

    @property
    def trunks(self) -> tuple[str, ...]:
        """Of the network: those that are shared, those of single scales, and the branch."""
        config = self.network.config
        own = (f"own.{scale}.{name}" for scale in config.own_trunks for name in TRUNKS)
        again = (f"{AGAIN}.{one}.{name}" for one in config.looks_again for name in TRUNKS[1:])
        return (*TRUNKS, *own, *again, BRANCH)

    @property
    def weights(self) -> Mapping[str, float]:
        """Of its losses, by name."""
        return {
            "l1": 1.0,
            "alone": self.settings.alone_weight,
            "teacher": self.settings.teacher_weight,
            "branch": 1.0,
            "branch_teacher": 2.0 * self.settings.teacher_weight,
            "doubt": self.settings.doubt_weight,
            "reciprocal": self.settings.reciprocal_weight,
            LESSON: 1.0,
        }

    def share_of_rate(self, step: int) -> float:
        """Give the share of the top rate at a step; after lessons there is less of it."""
        taught = 0 < self.settings.lessons <= step
        return share_of_rate(step, self.settings) * (TAUGHT_RATE if taught else 1.0)

    def begin(self, step: int, batch: Batch) -> bool:
        """End the lessons after the last one of them."""
        if not self.settings.lessons or step != self.settings.lessons:
            return False
        assert self.teacher is not None
        lesson = ask(self.teacher, batch.low, batch.aligned.base)
        for pupil in pupils(self.network, self.teacher.scale):
            settle_ends(pupil, lesson)
        return True

    def learn(self, step: int, batch: Batch, scale: int) -> Learnt:
        """Give the losses on a batch; a lesson has but one."""
        if step < self.settings.lessons:
            assert self.teacher is not None
            lesson = ask(self.teacher, batch.low, batch.aligned.base)
            with self._mixed(batch.low):
                left = [unlearnt(one, lesson) for one in pupils(self.network, scale)]
            return Learnt({LESSON: torch.stack(left).mean()}, None)
        taught = self._taught(batch, scale)
        branch = self._of_branch(batch, taught)
        if branch and self._branch_alone():
            return Learnt(branch, None)
        with self._mixed(batch.low):
            out = self._outcome(self.network, batch, scale)
        high, alone = out.high.float(), out.alone.float()
        answer = batch.truth, batch.covered
        fused = yardstick_of(fuse(batch.aligned, scale), *answer)
        enlarged = yardstick_of(batch.aligned.base, *answer)
        losses = {
            "l1": self._share(high, *answer, fused),
            "alone": self._share(alone, *answer, enlarged),
            "doubt": doubt_loss(out.error.float(), high, *answer),
            **branch,
        }
        if taught is not None and (batch.teacher is not None or not batch.num_references):
            losses["teacher"] = self._share(high, taught, batch.covered, fused)
        if self.settings.reciprocal_weight and batch.num_references:
            with self._mixed(batch.low):
                again = self.network(batch.low, own_reference(batch.aligned, high), scale)
            losses["reciprocal"] = self._share(again.high.float(), *answer, fused)
        return Learnt(losses, Made(batch.aligned.base, high, *answer))

    def answer(self, network: nn.Module, batch: Batch, scale: int) -> Float32[Tensor, "b 3 H W"]:
        """Give the results of a default network."""
        assert isinstance(network, Texsr)
        return self._outcome(network, batch, scale).high

    def _outcome(self, network: Texsr, batch: Batch, scale: int) -> Outcome:
        return network.answered(batch.low, batch.aligned, scale, again=self.again).outcome

    def _branch_alone(self) -> bool:
        """Tell whether everything but the single-image branch is held."""
        learning = {n for n, p in self.network.named_parameters() if p.requires_grad}
        return all(name.startswith(f"{BRANCH}.") for name in learning)

    def _branch_learns(self) -> bool:
        return any(parameter.requires_grad for parameter in self.network.single.parameters())

    def _of_branch(self, batch: Batch, taught: Tensor | None) -> dict[str, Tensor]:
        """Give the losses of the single-image branch; none where there is none that learns."""
        if not self._branch_learns():
            return {}
        scale = batch.truth.shape[2] // batch.low.shape[2]
        with self._mixed(batch.low):
            found = self.network.single_answer(batch.low, scale)
        answer, covered = found.float(), batch.covered
        enlarged = yardstick_of(batch.aligned.base, batch.truth, covered)
        losses = {"branch": self._share(answer, batch.truth, covered, enlarged)}
        if taught is not None:
            losses["branch_teacher"] = self._share(answer, taught, covered, enlarged)
        return losses

    def _taught(self, batch: Batch, scale: int) -> Float32[Tensor, "b 3 H W"] | None:
        """Give the teacher's answer, if anything learns from it here; None: there is none."""
        if batch.teacher is not None or self.teacher is None:
            return batch.teacher
        of_use = self._branch_learns() or not batch.num_references
        if self.teacher.scale != scale or not of_use:
            return None
        with torch.no_grad():
            return self.teacher(batch.low).clamp(0.0, 1.0)

    def _share(
        self, high: Tensor, target: Tensor, covered: Tensor, yardstick: Yardstick
    ) -> Float32[Tensor, ""]:
        return relative_error(high, target, covered, yardstick, self.settings.rms_share)

    def _mixed(self, low: Tensor) -> torch.autocast:
        return torch.autocast(low.device.type, torch.bfloat16, enabled=self.settings.bf16)


def own_reference(aligned: Aligned, high: Float32[Tensor, "b 3 H W"]) -> Aligned:
    """Put what a result adds to the base in the place of the first reference, where that one saw.

    It is softened as the photos of its capture are, since the network crispens photos again.
    """
    added = high - aligned.base
    crispness = aligned.crispness[:, None, None, None]
    added = added - crispness / (1.0 + crispness) * (added - blur(added, 1.0))
    seen = (aligned.weight[:, 0] > 0)[:, None]
    return aligned._replace(
        detail=torch.cat([(added * seen)[:, None], aligned.detail[:, 1:]], dim=1)
    )
