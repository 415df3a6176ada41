"""Networks over pictures learn to take from references what the low image lacks."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.pictures import picture
from texsr.models.amrsr import Amrsr, AmrsrConfig
from texsr.models.batches import PictureBatch
from texsr.models.learner import TrainingSettings
from texsr.models.masa import Masa, MasaConfig
from texsr.models.picture_learner import PictureLearner
from texsr.models.relations import ContrastTuition, LikenessTuition
from texsr.models.resample import reduce
from texsr.models.rrsr import Rrsr, RrsrConfig
from texsr.models.training import Trainer
from texsr.models.vgg import VggTrunk

SCALE, SIDE = 4, 32
ONES = (1, 1, 1)


def scene(seed: int) -> Tensor:
    """Blobs that can be found again when they are reduced, under fine noise that cannot."""
    coarse = picture(seed + 9000, SIDE // SCALE, SIDE // SCALE)[None]
    smooth = functional.interpolate(coarse, (SIDE, SIDE), mode="bicubic", antialias=True)[0]
    return (0.75 * smooth + 0.25 * picture(seed, SIDE, SIDE)).clamp(0.0, 1.0)


def batch(first: int, count: int, *, helped: bool) -> PictureBatch:
    truth = torch.stack([scene(first + index) for index in range(count)])
    references = [[one] if helped else [] for one in truth]
    return PictureBatch(reduce(truth, SCALE), references, truth, torch.ones_like(truth[:, :1]))


def masa() -> nn.Module:
    return Masa(MasaConfig(width=32, encoder_blocks=1, low_blocks=1, fusion_blocks=ONES))


def rrsr() -> nn.Module:
    network = Rrsr(
        RrsrConfig(
            width=24,
            content_blocks=1,
            rounds=ONES,
            round_blocks=ONES,
            trunk=(24, 24, 24),
            extractor=(8, 8, 8),
            experts=2,
            groups=2,
        )
    )
    network.known.load_state_dict(network.asking.state_dict())
    return network


@pytest.mark.parametrize(("make", "rate", "steps"), [(masa, 1e-3, 200), (rrsr, 3e-3, 200)])
def test_the_truth_as_a_reference_is_worth_five_decibels_after_a_short_fit(make, rate, steps):
    torch.manual_seed(0)
    trainer = Trainer(PictureLearner(make(), TrainingSettings(steps=steps, rate=rate)))
    for step in range(steps):
        trainer.step(batch(10 + 4 * step, 4, helped=step % 2 == 1), SCALE)
    errors: list[float] = []
    for helped in (False, True):
        unseen = batch(0, 2, helped=helped)
        with torch.no_grad():
            high = trainer.learner.answer(trainer.network, unseen, SCALE)
        errors.append(float((high - unseen.truth).square().mean()))
    assert errors[0] / errors[1] > 10 ** (5.0 / 10)


def test_one_tile_that_is_off_counts_no_more_for_being_flat():
    torch.manual_seed(0)
    learner = PictureLearner(masa(), TrainingSettings(steps=1))
    given = batch(0, 2, helped=False)
    flat = torch.full_like(given.truth[:1], 0.5)
    mixed = given._replace(
        low=torch.cat([given.low, reduce(flat, SCALE)]),
        truth=torch.cat([given.truth, flat]),
        covered=torch.ones(3, 1, SIDE, SIDE),
        references=[[], [], []],
    )
    with torch.no_grad():
        high = learner.answer(learner.network, mixed, SCALE)
        found = float(learner.learn(0, mixed, SCALE).losses["l1"])
        base = functional.interpolate(mixed.low, (SIDE, SIDE), mode="bicubic", antialias=True)
    shares = [float((one - mixed.truth).abs().mean()) for one in (high, base)]
    assert found == pytest.approx(shares[0] / (shares[1] + 0.5 / 255), rel=1e-4)


@torch.no_grad()
def test_lessons_in_likeness_are_over_when_all_are_the_teachers():
    torch.manual_seed(0)
    teacher, pupil = VggTrunk((4, 6, 8)), VggTrunk((4, 6, 8))
    tuition = LikenessTuition(teacher, lambda picture: pupil(picture).relu3_1)
    truth = batch(0, 2, helped=False).truth
    assert float(tuition(truth)) > 0.2
    pupil.load_state_dict(teacher.state_dict())
    assert float(tuition(truth)) < 1e-8


def test_lessons_in_likeness_bring_a_trunk_nearer_to_its_teacher():
    torch.manual_seed(0)
    widths = (8, 12, 16)
    network = Amrsr(
        AmrsrConfig(width=8, content_blocks=1, fusion_blocks=ONES, trunk=widths, over_base=True)
    )
    tuition = LikenessTuition(VggTrunk(widths), lambda picture: network.trunk(picture).relu3_1)
    settings = TrainingSettings(steps=121, lessons=120)
    trainer = Trainer(PictureLearner(network, settings, tuition))
    unseen = batch(0, 4, helped=False).truth
    with torch.no_grad():
        before = float(tuition(unseen))
    for step in range(120):
        assert "lesson" in trainer.step(batch(10 + 4 * step, 4, helped=False), SCALE)
    with torch.no_grad():
        assert float(tuition(unseen)) < 0.65 * before


def test_lessons_in_contrast_let_blurred_places_find_themselves():
    torch.manual_seed(0)
    network = rrsr()
    assert isinstance(network, Rrsr)
    network.known.apply(
        lambda layer: layer.reset_parameters() if hasattr(layer, "weight") else None
    )
    tuition = ContrastTuition(network.asking, network.known)
    settings = TrainingSettings(steps=81, lessons=80, rate=2e-3)
    trainer = Trainer(PictureLearner(network, settings, tuition))

    def found() -> float:
        unseen = batch(0, 2, helped=True)
        flows = [
            network.align(low, given).flow[0, 4]
            for low, given in zip(unseen.low, unseen.references, strict=True)
        ]
        return float((torch.stack(flows).abs().amax(1) < 0.5).float().mean())

    before = found()
    lessons = [
        trainer.step(batch(10 + 4 * step, 4, helped=False), SCALE)["lesson"] for step in range(80)
    ]
    assert lessons[-1] < 0.6 * lessons[0]
    assert found() > before + 0.2
