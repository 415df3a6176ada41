"""Trainings of a few steps on tiny tiles, for the tests of training."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from texsr.flows.training_data import Pack, PackSettings
from texsr.flows.training_log import read_log
from texsr.flows.training_settings import Recipe, Sitting, TrainJob
from texsr.models.learner import TrainingSettings
from texsr.models.texsr import TexsrConfig

TINY = TexsrConfig(width=8, prior_blocks=1, fusion_blocks=1, reference_width=6)
SIDE, SCALE = 16, 4
PACK = PackSettings(tiles=2, side_tx=SIDE, references=2, scale=SCALE)
RECIPE = Recipe(
    config=TINY,
    learning=TrainingSettings(steps=4),
    batch=2,
    side_tx=SIDE,
    validate_every=2,
    pack=PACK,
    rounds=1,
)
SITTING = Sitting(device="cpu", threads=1)


def tiles(count: int, seed: int, references: int = 4) -> list[Pack]:
    """Tiles of smooth noise, whose references nearly tell the detail."""
    rng = np.random.default_rng(seed)
    high = SIDE * SCALE

    def one() -> Pack:
        low = rng.integers(40, 200, (SIDE, SIDE, 3), dtype=np.uint8)
        truth = low.repeat(SCALE, 0).repeat(SCALE, 1) + rng.integers(0, 30, (high, high, 3))
        return Pack(
            low=low,
            truth=truth.astype(np.uint8),
            covered=np.full((high, high), 255, np.uint8),
            detail=rng.integers(-9, 9, (references, 3, high, high)).astype(np.int8),
            weight=np.full((references, high, high), 255, np.uint8),
            maps=np.ones((references, 5, SIDE, SIDE), np.float16),
            trust=np.ones(references, np.float32),
            crispness=np.asarray(0.2, np.float32),
        )

    return [one() for _ in range(count)]


def changed(job: TrainJob, **recipe: object) -> TrainJob:
    return replace(job, recipe=replace(job.recipe, **recipe))


def learning(job: TrainJob, **settings: object) -> TrainJob:
    return changed(job, learning=replace(job.recipe.learning, **settings))


def timeless(path: Path) -> list[dict]:
    return [{k: v for k, v in line.items() if k != "seconds"} for line in read_log(path)]
