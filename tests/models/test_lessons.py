"""Lessons: what is learnt of a teacher's blocks, and when nothing is left to learn."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from texsr.models.alignment import without_references
from texsr.models.batches import Batch
from texsr.models.learner import TrainingSettings
from texsr.models.lessons import Pupil, ask, fits, pupils, settle_ends, unlearnt
from texsr.models.resample import enlarge_faithfully
from texsr.models.scales import hold_all_of
from texsr.models.smfanet import Smfanet
from texsr.models.texsr import Texsr, TexsrConfig
from texsr.models.texsr_learner import TexsrLearner
from texsr.models.training import Trainer

SCALE, WIDTH, BLOCKS = 4, 8, 2
CONFIG = TexsrConfig(width=WIDTH, prior_blocks=BLOCKS, fusion_blocks=1, reference_width=6)
BRANCH = {"single_width": WIDTH, "single_blocks": BLOCKS}


@pytest.fixture
def teacher() -> Smfanet:
    torch.manual_seed(0)
    return Smfanet(SCALE, width=WIDTH, num_blocks=BLOCKS).eval()


@pytest.fixture
def tiles() -> tuple[Tensor, Tensor]:
    low = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(1))
    return low, enlarge_faithfully(low, SCALE)


def test_a_teacher_answers_as_it_does_alone(teacher, tiles):
    low, base = tiles
    with torch.no_grad():
        torch.testing.assert_close(base + ask(teacher, low, base).detail, teacher(low))


def test_tiles_are_cut_to_whole_cells(teacher, tiles):
    low, base = tiles
    lesson = ask(teacher, low[..., :21], base[..., : 4 * 21])
    assert lesson.low.shape == (2, 3, 24, 16)
    assert torch.equal(lesson.base, base[..., :64])
    assert {one.shape for one in lesson.given} == {(2, WIDTH, 24, 16)}


def student(**sizes: int) -> Texsr:
    """A network in which nothing is silent."""
    network = Texsr(replace(CONFIG, **sizes))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.05)
    return network


def first_trunk(network: Texsr) -> Pupil:
    return pupils(network, SCALE)[0]


def test_nothing_is_left_of_a_lesson_that_is_known(teacher, tiles):
    network = student().requires_grad_(False)
    network.prior.requires_grad_(True)
    pupil = first_trunk(network)
    known = [torch.rand(2, WIDTH, 24, 24)]
    for block in network.prior:
        known += [torch.rand(2, WIDTH, 24, 24), block(known[-1])]  # it has no halves
    lesson = ask(teacher, *tiles)
    known = [one.detach() for one in known]
    assert float(unlearnt(pupil, lesson._replace(given=known)).detach()) < 1e-10
    for block in network.prior:
        torch.nn.init.zeros_(block.second.weight)
        torch.nn.init.zeros_(block.second.bias)
    torch.testing.assert_close(unlearnt(pupil, lesson), torch.tensor(1.0))


def test_nothing_is_left_of_a_lesson_that_a_branch_knows_by_halves(teacher, tiles):
    network = student(**BRANCH).requires_grad_(False)
    network.single.requires_grad_(True)
    (pupil,) = pupils(network, SCALE)
    known = [torch.rand(2, WIDTH, 24, 24)]
    for block in pupil.blocks:
        known.append(known[-1] + block.modulation(known[-1]))
        known.append(known[-1] + block.mixing(known[-1]))
    known = [one.detach() for one in known]
    lesson = ask(teacher, *tiles)
    assert float(unlearnt(pupil, lesson._replace(given=known)).detach()) < 1e-10
    torch.testing.assert_close(pupil.blocks(known[0]), known[-1])
    other = [*known[:1], torch.rand(2, WIDTH, 24, 24), *known[2:]]
    assert float(unlearnt(pupil, lesson._replace(given=other)).detach()) > 0.1


def test_both_ends_are_found_again_where_they_are_linear(teacher, tiles):
    """The answer of a network like ours is learnt from it: the ends must come out the same."""
    low, base = tiles
    model, pupil = student().requires_grad_(False), student()
    pupil.prior.load_state_dict(model.prior.state_dict())
    port = model.ports[str(SCALE)]
    shallow = port.enter(low, base)
    features = model.prior(shallow) + shallow
    lesson = ask(teacher, low, base)._replace(
        given=[shallow, features], detail=port.propose(features)
    )
    settle_ends(first_trunk(pupil), lesson, ridge=1e-9)
    learnt = pupil.ports[str(SCALE)]
    inner = (..., slice(16, -16), slice(16, -16))
    found = learnt.propose(pupil.prior(learnt.enter(low, base)) + learnt.enter(low, base))
    torch.testing.assert_close(found[inner], lesson.detail[inner], atol=1e-3, rtol=0)


def test_lessons_come_first_settle_the_ends_and_leave_fusion_alone(teacher, tiles):
    torch.manual_seed(2)
    low, base = tiles
    settings = TrainingSettings(steps=81, lessons=80, rate=3e-3)
    trainer = Trainer(TexsrLearner(Texsr(CONFIG), settings, teacher))
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    batch = Batch(low, without_references(base, SCALE), base, torch.ones_like(base[:, :1]))
    first = trainer.step(batch, SCALE)
    while trainer.step_index < settings.lessons:
        last = trainer.step(batch, SCALE)
    assert set(first) == {"lesson"}
    assert last["lesson"] < 0.5 * first["lesson"]
    trained = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    changed = {name for name in before if not torch.equal(before[name], trained[name])}
    assert {name.split(".")[0] for name in changed} == {"prior"}
    assert "l1" in trainer.step(batch, SCALE)
    answers = Texsr(CONFIG).requires_grad_(False)
    answers.load_state_dict(trainer.averaged)
    with torch.no_grad():
        wanted = teacher(low)
    told = answers(low, batch.aligned, SCALE).high
    assert float((told - wanted).abs().mean()) < 0.5 * float((base - wanted).abs().mean())


def test_a_branch_is_taught_as_well_and_alone_where_the_rest_is_held(teacher, tiles):
    torch.manual_seed(2)
    low, base = tiles
    network = Texsr(replace(CONFIG, **BRANCH))
    assert len(pupils(network, SCALE)) == 2
    hold_all_of(Texsr(CONFIG), network)
    (pupil,) = pupils(network, SCALE)
    assert fits(pupil, teacher)
    trainer = Trainer(TexsrLearner(network, TrainingSettings(steps=81, lessons=80), teacher))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    batch = Batch(low, without_references(base, SCALE), base, torch.ones_like(base[:, :1]))
    losses = [trainer.step(batch, SCALE) for _ in range(81)]
    assert losses[79]["lesson"] < 0.5 * losses[0]["lesson"]
    assert set(losses[80]) == {"branch", "branch_teacher"}
    now = network.state_dict()
    changed = {name for name in before if not torch.equal(before[name], now[name])}
    assert {name.split(".")[0] for name in changed} == {"single"}
    network.load_state_dict(trainer.averaged)
    with torch.no_grad():
        told, wanted = network.single_answer(low, SCALE), teacher(low)
    assert float((told - wanted).abs().mean()) < 0.5 * float((base - wanted).abs().mean())


def test_only_trunks_of_a_teachers_size_can_be_taught(teacher):
    assert fits(first_trunk(Texsr(CONFIG)), teacher)
    assert not fits(first_trunk(Texsr(replace(CONFIG, prior_blocks=3))), teacher)
