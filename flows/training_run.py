"""A training from start to end: what the command line and the flow share.

In its folder:

    training.json              what the last call was told
    packs/NAME                 tiles made of scans, pictures and captures
    state.safetensors          everything to go on from; no pickle
    log.jsonl, loss.svg        losses and validation, as lines and as curves
    validation/STEP_NAME.png   low, result, truth
    last.safetensors           the averaged weights
    best.safetensors           those of the best mean validation PSNR-Y
    visual.safetensors         of a fine-tune for looks, instead of the last two

Going on from a state gives, on the CPU with as many threads, the same bits as never having stopped:
batches depend on seed and step alone, and a state is only written between two steps.
"""

import threading
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, final

from texsr.flows.handles import encode
from texsr.flows.lock import hold
from texsr.flows.model_choice import choose_device, told_as_settings
from texsr.flows.progress import Progress, silent
from texsr.flows.training_drawing import Draw, Drawer, Drawn, PictureDrawer, ahead
from texsr.flows.training_facts import Taken, code_commit, facts_of
from texsr.flows.training_learner import make_trainer, network_of
from texsr.flows.training_log import LINE_EVERY, TrainingLog
from texsr.flows.training_outcome import Ending, Told, TrainOutcome, nothing_yet, unheard
from texsr.flows.training_packs import OutOfTimeError
from texsr.flows.training_pictures import write_curves, write_shown
from texsr.flows.training_settings import TrainJob, check_material
from texsr.flows.training_sitting import signals_waiting, threads
from texsr.flows.training_start import Ground, check_same, clear_place, gather, settle_place
from texsr.flows.training_state import read_state, write_state
from texsr.flows.training_validation import validate
from texsr.models.batches import to_device
from texsr.models.checkpoint import Checkpoint, write_checkpoint
from texsr.models.ciaosr import CiaosrConfig
from texsr.models.implicit_head import HeadConfig
from texsr.models.networks import named_by
from texsr.models.texsr import TexsrConfig

STATE, LOG, CURVES = "state.safetensors", "log.jsonl", "loss.svg"
LAST, BEST, VISUAL = "last.safetensors", "best.safetensors", "visual.safetensors"
DRAWERS_ON_GPU = 6  # threads; on the CPU drawing costs little beside learning, and would compete


def train(job: TrainJob, progress: Progress = silent, told: Told = unheard) -> TrainOutcome:
    """Train, or go on training, until the steps are done, the time is up or a signal comes.

    Raises:
        SettingsError: options do not go together, or material must not be learnt from.
        CaptureError: material cannot be used.
        OutputError: the folder is taken, belongs to another training or cannot be written.
    """
    started = time.monotonic()
    check_material(job.material, job.recipe)
    device = choose_device(job.sitting.device)
    place = settle_place(job)
    minutes = job.sitting.minutes
    until = None if minutes is None else started + 60.0 * minutes
    with hold(place / ".lock", place), threads(job.sitting.threads):
        clear_place(place, job)
        try:
            ground = gather(job, place, until, progress)
        except OutOfTimeError:
            return nothing_yet(job, place)
        run = Run(job, place, ground, device)
        run.resume()
        with signals_waiting() as stopping:
            ending = run.go_on(until, stopping, progress, told)
        return run.outcome(ending)


@final
class Run:
    """A training in progress: trainer and log, and the files they are written to."""

    def __init__(self, job: TrainJob, place: Path, ground: Ground, device: str) -> None:
        self.job, self.place, self.ground, self.device = job, place, ground, device
        self.trainer = make_trainer(job, ground, device)
        self.draw = _drawer(job, ground)
        self.log = TrainingLog(place / LOG)
        self.best: dict[str, Any] | None = None
        self.commits = [code_commit()]  # now: hours later there may be another one
        self._seconds, self._since, self._saved = 0.0, time.monotonic(), time.monotonic()

    @property
    def steps(self) -> int:
        """In all."""
        return self.job.recipe.learning.steps

    @property
    def seconds(self) -> float:
        """Spent on steps and validation, in all sittings."""
        return self._seconds + time.monotonic() - self._since

    def resume(self) -> None:
        """Go on from the state in the folder, if there is one.

        Raises:
            OutputError: it is of another training, or broken.
        """
        path = self.place / STATE
        if not path.is_file():
            (self.place / LOG).unlink(missing_ok=True)
            return
        state = read_state(path)
        check_same(path, state, self.job, self.ground)
        self.trainer.resume(state["trainer"])
        self.log.resume(state["log"], self.trainer.step_index)
        self.best, self._seconds = state["best"], state["seconds"]
        self.commits = list(dict.fromkeys([*state["commits"], *self.commits]))

    def go_on(
        self, until: float | None, stopping: threading.Event, progress: Progress, told: Told
    ) -> Ending:
        """Take steps to the end, or until it is time to stop; leave a state and checkpoints."""
        self._since = self._saved = time.monotonic()
        first, every = self.trainer.step_index, self.job.recipe.validate_every
        workers = DRAWERS_ON_GPU if self.device.startswith("cuda") else 0
        ending = Ending.DONE
        for drawn in ahead(self.draw, range(first, self.steps), workers=workers):
            step = self._step(drawn)
            told(step, self.steps, self.log.means)
            if step % LINE_EVERY == 0 or step == self.steps:
                rate = float(self.trainer.optimiser.param_groups[0]["lr"])
                self.log.end_line(step, rate=rate, seconds=self.seconds)
            if step % every == 0 or step == self.steps:
                self._look(step, progress)
                self._save()
            elif time.monotonic() - self._saved > self.job.sitting.save_every_s:
                self._save()
            if step < self.steps and stopping.is_set():
                ending = Ending.STOPPED
                break
            if step < self.steps and until is not None and time.monotonic() > until:
                ending = Ending.PAUSED
                break
        self._save()
        self._write_checkpoints()
        write_curves(self.place / CURVES, self.log.lines)
        return ending

    def _step(self, drawn: Drawn) -> int:
        losses = self.trainer.step(to_device(drawn.batch, self.device), drawn.scale)
        self.log.add(losses, single=drawn.batch.num_references == 0)
        return self.trainer.step_index

    def _look(self, step: int, progress: Progress) -> None:
        """Validate the averaged weights; keep pictures, and the weights if they are the best."""
        if self.ground.validation:
            network = network_of(self.ground.config)
            network.load_state_dict(self.trainer.averaged)
            answer = partial(self.trainer.learner.answer, network.to(self.device).eval())
            found = validate(answer, self.ground.validation, self.device, progress)
            figures = {"validation": found.as_json(), "mean": round(found.mean, 4)}
            self.log.write({"step": step, **figures, "seconds": round(self.seconds, 1)})
            write_shown(self.place / "validation", step, found)
            if self.best is None or found.mean > self.best["mean"]:
                self.best = {"step": step, **figures}
                if self.job.recipe.visual is None:
                    self._write(BEST, self.best)
        self._write_checkpoints()
        write_curves(self.place / CURVES, self.log.lines)

    def _write_checkpoints(self) -> None:
        found = self._last_validation()
        ours = found is not None and found["step"] == self.trainer.step_index
        visual = self.job.recipe.visual is not None
        self._write(VISUAL if visual else LAST, found if ours else None)

    def _write(self, name: str, validation: Mapping[str, Any] | None) -> None:
        taken = Taken(
            steps=self.trainer.step_index,
            learning=self.trainer.settings,
            commits=tuple(self.commits),
        )
        checkpoint = Checkpoint(
            architecture=named_by(self.ground.config),
            config=encode(self.ground.config),
            weights=self.trainer.averaged,
            facts=facts_of(self.job, self.ground, taken, validation),
        )
        with told_as_settings():
            write_checkpoint(self.place / name, checkpoint)

    def _last_validation(self) -> Mapping[str, Any] | None:
        return next((line for line in reversed(self.log.lines) if "validation" in line), None)

    def _save(self) -> None:
        """Write the state, between two steps."""
        state = {
            "recipe": encode(self.job.recipe),
            "config": encode(self.ground.config),
            "packs": self.ground.packs,
            "trainer": self.trainer.state(),
            "log": self.log.state(),
            "best": self.best,
            "commits": self.commits,
            "seconds": self.seconds,
        }
        write_state(self.place / STATE, state)
        self._saved = time.monotonic()

    def outcome(self, ending: Ending) -> TrainOutcome:
        """Say how far it is."""
        lines = [line for line in self.log.lines if "rate" in line]
        told = ("step", "rate", "seconds", "skipped")
        validation = self._last_validation()
        return TrainOutcome(
            status=ending,
            out=self.place,
            step=self.trainer.step_index,
            steps=self.steps,
            tiles=sum(self.ground.packs.values()),
            losses={k: v for k, v in lines[-1].items() if k not in told} if lines else {},
            validation=validation["validation"] if validation else {},
            best_db=self.best["mean"] if self.best else None,
            best_step=self.best["step"] if self.best else None,
            checkpoints=tuple(p for n in (LAST, BEST, VISUAL) if (p := self.place / n).is_file()),
            seconds=round(self.seconds, 1),
        )


def _drawer(job: TrainJob, ground: Ground) -> Draw:
    if isinstance(ground.config, TexsrConfig | HeadConfig):
        any_scale = isinstance(ground.config, HeadConfig)
        return Drawer(ground.pools, job.recipe, any_scale=any_scale)
    any_scale = isinstance(ground.config, CiaosrConfig)
    return PictureDrawer(ground.sources, job.recipe, any_scale=any_scale)
