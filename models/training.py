"""The training of the default network: one step, the averaged weights, the state to resume from.

Reciprocal learning follows Zhang et al., "RRSR: Reciprocal Reference-based Image Super-Resolution
with Progressive Feature Alignment and Selection", ECCV 2022: the result has to be good enough to
serve as a reference itself. There, a warped reference is reduced, and restored with the result as
its reference. Packed tiles hold references as measured detail, not as photos that could be reduced,
so here the result stands in for one of the references of its own tile, and the tile is restored
once more. As there, the result is not detached: the second restoration teaches the first one to
give detail that is worth transferring, and the network to take detail as crisp as an answer.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, final, runtime_checkable

import torch
from jaxtyping import Float32
from torch import Tensor, nn

from texsr.models.alignment import Aligned
from texsr.models.fusion import fuse
from texsr.models.lessons import ask, settle_ends, unlearnt
from texsr.models.losses import doubt_loss, relative_l1, tile_l1
from texsr.models.optimiser import MuonAdam, split
from texsr.models.smfanet import Smfanet
from texsr.models.smoothing import blur
from texsr.models.texsr import Texsr

WARM_SHARE = 0.05  # of the steps, to reach the top rate
LAST_RATE = 0.02  # of the top rate, at the end
TAUGHT_RATE = 0.4  # of the top rate, once lessons are over: more undoes them
LESSON = "lesson"  # the loss of one
TRUNKS = ("prior", "look", "fusion")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How to train. Weights of losses are relative to the L1 of the result.

    Every L1 is a share: of the error that weights-free fusion makes on the tile.
    """

    steps: int = 20_000
    """Of one cycle: the rate rises, then falls to almost nothing."""
    lessons: int = 0
    """Of the steps, at first, a cycle of their own: those in which the trunk learns a teacher's
    blocks."""
    rate: float = 1e-3
    """Top learning rate of Adam, of the lessons where there are any (steps after them have less);
    Muon's is a multiple of it."""
    alone_weight: float = 0.5
    """Of the L1 of what the network proposes without references."""
    teacher_weight: float = 0.5
    """Of the L1 to the teacher's answer, on samples that have one."""
    doubt_weight: float = 0.05
    """Of the likelihood of the expected error; it reaches its own head only."""
    reciprocal_weight: float = 0.0
    """Of the L1 where the result stands in for one reference; 0: that is not computed."""
    ema: float = 0.999
    """Share of the averaged weights that stays at each step."""
    clip: float = 50.0
    """Largest norm of the gradient."""
    bf16: bool = False
    """Mixed precision, on CUDA."""


class Batch(NamedTuple):
    """Tiles with their truth."""

    low: Float32[Tensor, "b 3 h w"]
    aligned: Aligned
    truth: Float32[Tensor, "b 3 H W"]
    covered: Float32[Tensor, "b 1 H W"]
    teacher: Float32[Tensor, "b 3 H W"] | None = None


@runtime_checkable
class Judge(Protocol):
    """Further losses of the result, which may learn along."""

    @property
    def weights(self) -> Mapping[str, float]:
        """Of its losses, by name."""
        ...

    def __call__(self, high: Float32[Tensor, "b 3 H W"], batch: Batch) -> dict[str, Tensor]:
        """Give the losses by name, not weighted."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything that `resume` needs."""
        ...

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        ...


@final
class Trainer:
    """Network, averaged weights, optimiser and how far they are."""

    def __init__(
        self,
        network: Texsr,
        settings: TrainingSettings,
        device: str = "cpu",
        judge: Judge | None = None,
        teacher: Smfanet | None = None,
    ) -> None:
        """Take what learns, what judges it, and what gives lessons, if there are to be any."""
        self.teacher = teacher
        self.settings, self.device, self.step_index, self.judge = settings, device, 0, judge
        self.network = network.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.averaged = {k: v.detach().clone() for k, v in network.state_dict().items()}
        self.optimiser = MuonAdam(*split(network, TRUNKS), lr=settings.rate)

    def step(self, batch: Batch, scale: int) -> dict[str, float]:
        """Learn from one batch; give the losses, not weighted.

        A batch whose loss or gradient is not finite changes no weight and is told as `skipped`.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate * self._cycle()
        if self.settings.lessons and self.step_index == self.settings.lessons:
            self._settle(batch)
        losses = self._losses(batch, scale)
        self.step_index += 1
        total = self._weighted(losses)
        self.optimiser.zero_grad(set_to_none=True)
        told = {name: float(value.detach()) for name, value in losses.items()}
        if not bool(torch.isfinite(total)):
            return {**told, "skipped": 1.0}
        total.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        if not bool(torch.isfinite(norm)):
            return {**told, "skipped": 1.0}
        self.optimiser.step()
        self._average()
        return told

    @property
    def in_lessons(self) -> bool:
        """Whether the next step is one of the lessons."""
        return self.step_index < self.settings.lessons

    def _cycle(self) -> float:
        if self.in_lessons:
            return one_cycle(self.step_index, self.settings.lessons)
        lessons = self.settings.lessons
        share = one_cycle(self.step_index - lessons, self.settings.steps - lessons)
        return share * TAUGHT_RATE if lessons else share

    def _settle(self, batch: Batch) -> None:
        """End the lessons; the average begins anew."""
        assert self.teacher is not None
        tiles = batch.low, batch.aligned.base
        settle_ends(self.network, ask(self.teacher, *tiles), *tiles)
        for name, value in self.network.state_dict().items():
            self.averaged[name].copy_(value)

    def _losses(self, batch: Batch, scale: int) -> dict[str, Tensor]:
        if self.in_lessons:
            assert self.teacher is not None
            return {
                LESSON: unlearnt(self.network, ask(self.teacher, batch.low, batch.aligned.base))
            }
        with self._mixed():
            out = self.network(batch.low, batch.aligned, scale)
        high, alone = out.high.float(), out.alone.float()
        answer = batch.truth, batch.covered
        with torch.no_grad():
            yardstick = tile_l1(fuse(batch.aligned, scale), *answer)
            enlarged = tile_l1(batch.aligned.base, *answer)
        losses = {
            "l1": relative_l1(high, *answer, yardstick),
            "alone": relative_l1(alone, *answer, enlarged),
            "doubt": doubt_loss(out.error.float(), high, *answer),
        }
        if batch.teacher is not None:
            losses["teacher"] = relative_l1(high, batch.teacher, batch.covered, yardstick)
        if self.settings.reciprocal_weight and batch.aligned.detail.shape[1]:
            with self._mixed():
                again = self.network(batch.low, own_reference(batch.aligned, high), scale)
            losses["reciprocal"] = relative_l1(again.high.float(), *answer, yardstick)
        return losses | ({} if self.judge is None else self.judge(high, batch))

    def _mixed(self) -> torch.autocast:
        return torch.autocast(
            torch.device(self.device).type, torch.bfloat16, enabled=self.settings.bf16
        )

    def _weighted(self, losses: dict[str, Tensor]) -> Tensor:
        settings = self.settings
        weights = {
            "l1": 1.0,
            "alone": settings.alone_weight,
            "teacher": settings.teacher_weight,
            "doubt": settings.doubt_weight,
            "reciprocal": settings.reciprocal_weight,
            LESSON: 1.0,
            **({} if self.judge is None else self.judge.weights),
        }
        return sum((weights[name] * loss for name, loss in losses.items()), torch.tensor(0.0))

    def _average(self) -> None:
        # Early on the average follows closely, so that it never holds the first random weights.
        keep = min(self.settings.ema, (1 + self.step_index) / (10 + self.step_index))
        for name, value in self.network.state_dict().items():
            self.averaged[name].lerp_(value.detach(), 1.0 - keep)

    def state(self) -> dict[str, Any]:
        """Everything that `resume` needs."""
        return {
            "step": self.step_index,
            "network": self.network.state_dict(),
            "averaged": self.averaged,
            "optimiser": self.optimiser.state_dict(),
            **({} if self.judge is None else {"judge": self.judge.state()}),
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.step_index = state["step"]
        self.network.load_state_dict(state["network"])
        for name, value in state["averaged"].items():
            self.averaged[name].copy_(value)
        self.optimiser.load_state_dict(state["optimiser"])
        if self.judge is not None:
            self.judge.resume(state["judge"])


def one_cycle(step: int, steps: int) -> float:
    """Give the share of the top rate at a step: a linear rise, then half a cosine down."""
    warm = max(1, round(WARM_SHARE * steps))
    if step < warm:
        return (step + 1) / warm
    done = min(1.0, (step - warm) / max(1, steps - warm))
    return LAST_RATE + (1.0 - LAST_RATE) * 0.5 * (1.0 + math.cos(math.pi * done))


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
