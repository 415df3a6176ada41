"""The rows of the papers' tables that differ in what was trained: short trainings, all alike."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, final

from texsr.flows.ablation_settings import Practice, Table
from texsr.flows.ablation_variants import Answer, Variant, as_it_is
from texsr.flows.handles import encode
from texsr.flows.progress import Progress
from texsr.flows.training_outcome import Ending
from texsr.flows.training_presets import PRESETS, Config, Preset
from texsr.flows.training_run import LAST, train
from texsr.flows.training_settings import RECIPROCAL_WEIGHT, Material, Recipe, Sitting, TrainJob
from texsr.models.architectures import architecture_of, build_network
from texsr.models.checkpoint import read_checkpoint
from texsr.models.learner import TrainingSettings
from texsr.models.masa import MasaConfig
from texsr.models.rrsr import RrsrConfig

TRAININGS = "trainings"
ROUNDS = (1, 3, 3)  # of alignment, as published; the small network has one everywhere


class Trial(NamedTuple):
    """A row that is a network of its own."""

    part: str
    label: str
    config: Config
    reciprocal_weight: float = 0.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Where networks are trained for their rows."""

    practice: Practice
    place: Path
    """Trainings go to folders below it, and go on there."""
    device: str
    """To train and to answer on."""
    progress: Progress
    """Told of steps."""

    def variants(self, table: Table) -> list[Variant]:
        """List the rows of a table that need a training of their own; none without steps."""
        steps = self.practice.steps
        return [] if steps is None else [self._variant(table, one, steps) for one in _trials(table)]

    def _variant(self, table: Table, trial: Trial, steps: int) -> Variant:
        practice = self.practice
        learning = TrainingSettings(steps=steps, reciprocal_weight=trial.reciprocal_weight)
        recipe = Recipe(
            config=trial.config, learning=learning, batch=practice.batch, side_tx=practice.side_tx
        )
        material = Material(
            packs=tuple(one.resolve() for one in practice.packs),
            sets=tuple(one.resolve() for one in practice.sets),
        )
        ways = {"recipe": encode(recipe), "material": encode(material)}
        digest = hashlib.sha256(json.dumps(ways, sort_keys=True).encode()).hexdigest()[:12]
        job = TrainJob(
            out=self.place / TRAININGS / f"{table.value}-{digest}",
            material=material,
            recipe=recipe,
            sitting=Sitting(device=self.device),
        )
        return Variant(
            table=table,
            model="",
            part=f"{trial.part}, {steps:,} steps alike",
            label=trial.label,
            ways=ways,
            prepare=partial(self._train, job),
        )

    def _train(self, job: TrainJob) -> Answer:
        """Train, or go on, or find it trained; load what came out."""

        def told(step: int, steps: int, losses: Mapping[str, float]) -> None:
            self.progress("train", step, steps)

        if train(job, self.progress, told).status is not Ending.DONE:
            raise KeyboardInterrupt  # a signal came; the next call goes on
        path = job.out / LAST
        checkpoint = read_checkpoint(path)
        restore: Any = architecture_of(checkpoint, path).restore
        return as_it_is(restore(build_network(checkpoint, path).to(self.device)))


def left_out(table: Table, practice: Practice) -> str | None:
    """Say which rows of a table there are not, since nothing was said of a training."""
    if practice.steps is not None or not table.trains:
        return None
    labels = ", ".join(dict.fromkeys(f"{one.part.lower()} ({one.label})" for one in _trials(table)))
    return f"{table.title}: left out for want of --steps: {labels}."


def _trials(table: Table) -> Iterator[Trial]:
    if table is Table.MASA:
        masa = PRESETS[Preset.MASA_SEED]
        assert isinstance(masa, MasaConfig)
        yield Trial("Modules", "SAM and DRAM", masa)
        yield Trial("Modules", "without SAM", replace(masa, sam=False))
        yield Trial("Modules", "without DRAM", replace(masa, dram=False))
    if table is Table.RRSR:
        rrsr = PRESETS[Preset.RRSR_SEED]
        assert isinstance(rrsr, RrsrConfig)
        yield Trial("Reciprocal learning", "without", rrsr)
        yield Trial("Reciprocal learning", "with", rrsr, RECIPROCAL_WEIGHT)
        for rounds in (rrsr.rounds, ROUNDS):
            label = " / ".join(map(str, rounds))
            yield Trial("Rounds of alignment", label, replace(rrsr, rounds=rounds))
