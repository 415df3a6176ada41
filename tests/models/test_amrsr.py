"""AMRSR: as the paper has it, against attention written out; any size; references that help."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from tests.oracles import amrsr as oracle
from tests.pictures import picture
from texsr.models import amrsr, looking
from texsr.models.amrsr import Amrsr, AmrsrConfig, Generator
from texsr.models.parts import Choice, Parts, cut
from texsr.models.resample import reduce
from texsr.models.vgg import VggTrunk

SMALL = AmrsrConfig(width=8, content_blocks=1, fusion_blocks=(1, 1, 1), trunk=(4, 8, 8))


@pytest.fixture
def network() -> Amrsr:
    torch.manual_seed(0)
    return Amrsr(SMALL).eval().requires_grad_(False)


def test_sizes_are_those_of_the_paper():
    with torch.device("meta"):
        network = Amrsr(AmrsrConfig())
        levels = [torch.rand(1, 64, 256, 256), torch.rand(1, 128, 128, 128)]
        levels.append(torch.rand(1, 256, 64, 64))
        with FlopCounterMode(display=False) as generator:
            network.generator(torch.rand(1, 3, 64, 64), levels)
        with FlopCounterMode(display=False) as trunk:
            network.trunk(torch.rand(1, 3, 256, 256))
    total = sum(weight.numel() for weight in network.generator.parameters())
    assert total == pytest.approx(4.08e6, rel=0.005)
    assert generator.get_total_flops() / 2e9 == pytest.approx(53.6, rel=0.005)
    assert trunk.get_total_flops() / 2e9 == pytest.approx(7.4, rel=0.006)


@pytest.mark.parametrize(
    ("count", "vectors", "choice"),
    [
        (1, 1, Choice.LEVELS),
        (4, 1, Choice.LEVELS),
        (1, 4, Choice.LEVELS),
        (4, 2, Choice.LEVELS),
        (4, 2, Choice.PARTS),
        (4, 2, Choice.REFERENCES),
    ],
)
def test_attention_is_the_one_written_out(network, monkeypatch, count, vectors, choice):
    monkeypatch.setattr(amrsr, "KEY_WINDOW", (5, 7))
    monkeypatch.setattr(looking, "WINDOW_REACHES", 1)
    low = picture(0, 7, 6)
    references = [picture(1, 40, 48), picture(2, 56, 32)]
    asked = Parts(of_references=count, vectors=vectors, choice=choice)
    found = network.attend(low, references, asked)
    parts = [
        [
            reference[:, 4 * rows.start : 4 * rows.stop, 4 * columns.start : 4 * columns.stop]
            for rows, columns in cut(reference.shape[1] // 4, reference.shape[2] // 4, count)
        ]
        for reference in references
    ]
    expected = oracle.attend(network.trunk, low, parts, vectors, choice)
    for ours, theirs in zip(found.levels, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_every_choice_is_the_same_for_one_part_of_one_reference(network):
    low, reference = picture(0, 9, 8), picture(1, 44, 36)
    found = [network.attend(low, [reference], Parts(choice=choice)) for choice in Choice]
    for levels in zip(*(one.levels for one in found), strict=True):
        assert all(torch.equal(levels[0], other) for other in levels[1:])


def test_parts_of_a_reference_agree_with_the_whole_but_at_their_borders(network):
    low = picture(0, 8, 8)
    reference = picture(1, 96, 96)
    whole, cut_up = (
        network.attend(low, [reference], Parts(of_references=count, choice=Choice.RUNNING))
        for count in (1, 4)
    )
    assert cut_up.weight.mean() == pytest.approx(float(whole.weight.mean()), abs=0.01)


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (1, 30), (17, 13)])
@pytest.mark.parametrize("references", [[], [(5, 3)], [(64, 40), (33, 71)]])
@pytest.mark.parametrize("parts", [Parts(), Parts(of_references=4, of_input=4, vectors=2)])
def test_any_size_goes_in_and_exactly_four_times_that_comes_out(network, size, references, parts):
    low = picture(0, *size)
    high = network(low, [picture(1, *one) for one in references], parts)
    assert high.shape == (3, 4 * size[0], 4 * size[1])
    assert bool(torch.isfinite(high).all())


def test_without_references_nothing_is_taken_from_any(network):
    swapped = network.attend(picture(0, 6, 6), [], Parts())
    assert all(bool((level == 0).all()) for level in swapped.levels)
    assert bool((swapped.weight == 0).all())


def test_the_answer_for_a_reference_is_found_where_it_lies(network):
    reference = picture(0, 64, 64)
    low = torch.nn.functional.interpolate(
        reference[None], scale_factor=0.25, mode="bicubic", antialias=True
    )[0]
    parts = Parts(choice=Choice.RUNNING)  # maps of noise are not like those of blurred noise
    swapped = network.attend(low, [picture(1, 64, 64), reference], parts)
    expected = network.trunk(reference[None])
    for ours, theirs in zip(swapped.levels, expected, strict=True):
        torch.testing.assert_close(ours, theirs[0], atol=1e-5, rtol=1e-5)
    assert float(swapped.weight.min()) > 0.9999


@pytest.mark.parametrize("choice", Choice)
def test_in_place_each_site_takes_what_lies_there(network, choice):
    low, reference = picture(0, 7, 9), picture(1, 28, 36)
    swapped = network.attend(low, [reference], Parts(choice=choice, reach=0))
    for ours, theirs in zip(swapped.levels, network.trunk(reference[None]), strict=True):
        torch.testing.assert_close(ours, theirs[0], atol=1e-5, rtol=1e-5)


def test_what_is_matched_in_place_is_not_cut_into_parts():
    with pytest.raises(ValueError, match="N_R = 4"):
        Parts(of_references=4, reach=1)


def test_the_truth_as_a_reference_is_worth_five_decibels():
    torch.manual_seed(0)
    with torch.no_grad():
        network = Amrsr(replace(SMALL, width=16, trunk=(16, 8, 8), over_base=True))
    truth = torch.stack([picture(seed, 32, 32) for seed in range(5)])
    low = reduce(truth, 4)
    found = [
        network.requires_grad_(False).attend(one, [high], Parts()).levels
        for one, high in zip(low, truth, strict=True)
    ]
    swapped = [torch.stack(level) for level in zip(*found, strict=True)]
    optimiser = torch.optim.Adam(network.generator.requires_grad_(True).parameters(), 3e-3)

    def error(which: slice, given: list[Tensor]) -> Tensor:
        high = network.generator(low[which], [level[which] for level in given])
        return (high - truth[which]).square().mean()

    for _ in range(150):
        loss = error(slice(4), swapped)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        with_truth = error(slice(4, 5), swapped)
        without = error(slice(4, 5), [torch.zeros_like(level) for level in swapped])
    assert float(10 * torch.log10(without / with_truth)) > 5.0


def test_references_get_gradients_and_the_choice_none(network):
    reference = picture(1, 48, 40).requires_grad_(True)
    network(picture(0, 8, 7), [reference], Parts(of_references=4)).square().mean().backward()
    assert float(reference.grad.abs().sum()) > 0


@pytest.mark.parametrize(
    "parts",
    [{"of_references": 2}, {"of_input": 0}, {"vectors": 3}],
    ids=lambda one: next(iter(one)),
)
def test_parts_that_cannot_be_cut_are_refused(network, parts):
    with pytest.raises(ValueError, match=next(iter(parts))):
        network.attend(picture(0, 8, 8), [picture(1, 48, 48)], Parts(**parts))


def test_the_generator_is_the_table_of_the_supplement():
    torch.manual_seed(0)
    generator = Generator(SMALL).requires_grad_(False)
    low = torch.rand(1, 3, 4, 5)
    levels = [
        torch.rand(1, count, 16 // by, 20 // by)
        for count, by in zip(SMALL.trunk, (1, 2, 4), strict=True)
    ]
    leaky = torch.nn.functional.leaky_relu
    x = leaky(generator.enter(2 * low - 1), 0.2)
    blocks, last = generator.content
    x = x + last(blocks(x))
    for stage, level, larger in zip(
        generator.stages, reversed(levels), (*generator.larger, None), strict=True
    ):
        blocks, last = stage.refine
        x = x + last(blocks(leaky(stage.merge(torch.cat([x, level], 1)), 0.2)))
        if larger is not None:
            conv = larger[0]
            x = leaky(torch.nn.functional.pixel_shuffle(conv(x), 2), 0.2)
    expected = (torch.tanh(generator.leave(x)) + 1) / 2
    torch.testing.assert_close(generator(low, levels), expected)


def test_the_generator_answers_within_the_range_of_colour():
    torch.manual_seed(0)
    generator = Generator(SMALL)
    levels = [
        torch.rand(2, count, 16 // by, 20 // by)
        for count, by in zip(SMALL.trunk, (1, 2, 4), strict=True)
    ]
    with torch.no_grad():
        high = generator(torch.rand(2, 3, 4, 5), levels)
    assert high.shape == (2, 3, 16, 20)
    assert 0.0 <= float(high.min()) <= float(high.max()) <= 1.0


def test_a_trunk_of_ones_own_has_the_channels_it_is_given():
    shapes = [tuple(level.shape[1:]) for level in VggTrunk((4, 6, 8))(torch.rand(1, 3, 16, 16))]
    assert shapes == [(4, 16, 16), (6, 8, 8), (8, 4, 4)]
