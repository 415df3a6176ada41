"""The default network can learn, and its training goes on where it stopped."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.small_texsr import SCALE, SMALL, noisy, picture, shaken, warped
from texsr.models.alignment import Aligned, align
from texsr.models.batches import Batch
from texsr.models.learner import TrainingSettings
from texsr.models.reference_attention import Attention
from texsr.models.resample import reduce
from texsr.models.texsr import Texsr
from texsr.models.texsr_learner import TexsrLearner
from texsr.models.texsr_upscaler import TexsrUpscaler
from texsr.models.training import Trainer, one_cycle


@pytest.fixture
def truth() -> Tensor:
    return picture(1)


def batch_of(truth: Tensor, *photos: Tensor) -> Batch:
    low = reduce(truth, SCALE)
    references = warped(*photos) if photos else None
    return Batch(low, align(low, references, SCALE), truth, torch.ones_like(truth[:, :1]))


def test_it_learns_one_tile_by_heart(truth):
    torch.manual_seed(0)
    trainer = Trainer(TexsrLearner(Texsr(SMALL), TrainingSettings(steps=150, rate=5e-3)))
    batch = batch_of(truth, noisy(truth, 1, noise=0.01))
    losses = [trainer.step(batch, SCALE)["l1"] for _ in range(150)]
    assert losses[-1] < 0.85 * losses[0]


def test_a_good_reference_is_worth_decibels_after_a_short_fit(truth):
    torch.manual_seed(0)
    trainer = Trainer(TexsrLearner(Texsr(SMALL), TrainingSettings(steps=120, rate=5e-3)))
    for _ in range(60):
        trainer.step(batch_of(truth), SCALE)
        trainer.step(batch_of(truth, truth), SCALE)
    own = TexsrUpscaler(trainer.network)
    low, inner = reduce(truth, SCALE), slice(16, -16)
    errors = [
        ((own(low, references, SCALE).high - truth)[..., inner, inner] ** 2).mean()
        for references in (None, warped(truth))
    ]
    assert 10 * np.log10(float(errors[0] / errors[1])) > 5


def test_training_resumes_where_it_stopped(truth):
    def trainer() -> Trainer:
        torch.manual_seed(0)
        return Trainer(TexsrLearner(Texsr(SMALL), TrainingSettings(steps=6)))

    batch = batch_of(truth, noisy(truth, 1))
    whole = trainer()
    for _ in range(6):
        whole.step(batch, SCALE)
    first = trainer()
    for _ in range(3):
        first.step(batch, SCALE)
    rest = trainer()
    rest.resume(first.state())
    for _ in range(3):
        rest.step(batch, SCALE)
    for name, value in whole.averaged.items():
        torch.testing.assert_close(value, rest.averaged[name])


def test_a_batch_that_is_not_finite_changes_nothing(truth):
    trainer = Trainer(TexsrLearner(Texsr(SMALL), TrainingSettings(steps=4)))
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    bad = batch_of(truth)
    told = trainer.step(bad._replace(truth=bad.truth * float("nan")), SCALE)
    assert told["skipped"] == 1.0
    for name, value in trainer.network.state_dict().items():
        torch.testing.assert_close(value, before[name])


def test_the_rate_rises_once_and_falls():
    rates = [one_cycle(step, 100) for step in range(100)]
    top = rates.index(max(rates))
    assert max(rates) == 1.0
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] < 0.03


def test_every_mode_of_attention_runs_in_training():
    torch.manual_seed(0)
    truth = picture(4)
    network = shaken(Texsr(SMALL))
    aligned = align(reduce(truth, SCALE), warped(noisy(truth, 1)), SCALE)
    assert isinstance(aligned, Aligned)
    for mode in Attention:
        out = network(reduce(truth, SCALE), aligned, SCALE, mode)
        assert bool(torch.isfinite(out.high).all())
