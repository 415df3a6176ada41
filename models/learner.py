"""What a trainer asks of a network that learns: its losses, its rate, and what comes before them.

A judge is asked about the same results by their looks; it may learn along.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Float32
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How to train. Weights of losses are relative to the error of the result.

    Errors are mean absolute ones (L1) if nothing else is said. Every one is a share: of the error
    that simple means make on the tile, which are weights-free fusion for the default network and
    the bicubic enlargement for networks over pictures.
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
    """Of the error of what the network proposes without references."""
    teacher_weight: float = 0.5
    """Of the distance from the teacher's answer, on samples that have one."""
    rms_share: float = 0.0
    """[0, 1], of the root of the mean square in the errors of the default network; the rest is the
    L1."""
    doubt_weight: float = 0.05
    """Of the likelihood of the expected error; it reaches its own head only."""
    reciprocal_weight: float = 0.0
    """Of the error where the result stands in for one reference; 0: that is not computed."""
    ema: float = 0.999
    """Share of the averaged weights that stays at each step."""
    clip: float = 50.0
    """Largest norm of the gradient."""
    bf16: bool = False
    """Mixed precision, where the device has units for it (GPUs, CPUs with AMX or AVX-512-BF16)."""


class Made(NamedTuple):
    """Results beside what they should be."""

    base: Float32[Tensor, "b 3 H W"]  # an enlargement of the low tiles
    high: Float32[Tensor, "b 3 H W"]  # the results; gradients pass through them
    truth: Float32[Tensor, "b 3 H W"]
    covered: Float32[Tensor, "b 1 H W"]
    extra: Any = None  # what the network took from references, for judges of its own


class Learnt(NamedTuple):
    """What a step says of a batch."""

    losses: dict[str, Tensor]  # not weighted
    made: Made | None  # None: there is nothing to judge


@runtime_checkable
class Learner(Protocol):
    """A network, and how it learns from a batch."""

    @property
    def settings(self) -> TrainingSettings:
        """As the trainer is to follow them."""
        ...

    @property
    def network(self) -> nn.Module:
        """What learns."""
        ...

    @property
    def trunks(self) -> tuple[str, ...]:
        """The modules of the network whose convolutions are wide on both sides, by name."""
        ...

    @property
    def weights(self) -> Mapping[str, float]:
        """Of its losses, by name."""
        ...

    def share_of_rate(self, step: int) -> float:
        """Give the share of the top rate at a step."""
        ...

    def begin(self, step: int, batch: Any) -> bool:
        """Do what comes before a step; tell whether the averaged weights begin anew."""
        ...

    def learn(self, step: int, batch: Any, scale: int) -> Learnt:
        """Give the losses on a batch."""
        ...

    def answer(self, network: nn.Module, batch: Any, scale: int) -> Float32[Tensor, "b 3 H W"]:
        """Give the results of a network of this kind, such as that of the averaged weights."""
        ...


@runtime_checkable
class Judge(Protocol):
    """Further losses of the result, which may learn along."""

    @property
    def weights(self) -> Mapping[str, float]:
        """Of its losses, by name."""
        ...

    def __call__(self, made: Made) -> dict[str, Tensor]:
        """Give the losses by name, not weighted."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything that `resume` needs."""
        ...

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        ...
