"""MASA-SR: as published, against its matching and transfer written out; any size."""

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.oracles import masa as oracle
from tests.pictures import picture
from texsr.models import looking
from texsr.models.coarse_to_fine import find, find_anywhere, find_near
from texsr.models.masa import Joint, Masa, MasaConfig, Sam, stacked, whole_blocks
from texsr.models.resample import reduce

SMALL = MasaConfig(width=8, encoder_blocks=1, low_blocks=1, fusion_blocks=(1, 1, 1))


@pytest.fixture
def network() -> Masa:
    torch.manual_seed(0)
    made = Masa(SMALL).eval().requires_grad_(False)
    for parameter in made.decoder.adapt.parameters():  # not silent, as at the start
        torch.nn.init.normal_(parameter, std=0.1)
    return made


def test_sizes_are_those_of_the_paper():
    torch.manual_seed(0)
    network = Masa(MasaConfig()).eval().requires_grad_(False)
    assert sum(weight.numel() for weight in network.parameters()) == 4_028_291
    low, reference = picture(0, 64, 64), picture(1, 256, 256)
    with FlopCounterMode(display=False) as literal:
        expected = oracle.restore(network, low, reference)
    assert literal.get_total_flops() / 2e9 == pytest.approx(86.3, rel=0.005)
    with FlopCounterMode(display=False) as ours:
        found = network(low, [reference])
    assert ours.get_total_flops() <= literal.get_total_flops()
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("sizes", [((16, 24), (96, 64)), ((8, 8), (32, 160)), ((24, 8), (48, 40))])
def test_it_is_what_unfolding_gives(network, monkeypatch, sizes):
    monkeypatch.setattr(looking, "WINDOW_REACHES", 1)
    low, reference = picture(0, *sizes[0]), picture(1, *sizes[1])
    query = network.encoder(low[None])[0][0]
    ours, theirs = network.carry(query, [reference]), oracle.carry(network, query, reference)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(
        network(low, [reference]), oracle.restore(network, low, reference), atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (1, 30), (17, 13)])
@pytest.mark.parametrize("references", [[], [(5, 3)], [(64, 40), (33, 71)]])
def test_any_size_goes_in_and_exactly_four_times_that_comes_out(network, size, references):
    high = network(picture(0, *size), [picture(1, *one) for one in references])
    assert high.shape == (3, 4 * size[0], 4 * size[1])
    assert bool(torch.isfinite(high).all())


def test_of_several_references_the_most_similar_is_taken_in_any_order(network):
    query = network.encoder(picture(0, 16, 16)[None])[0][0]
    one, other = picture(1, 64, 64), picture(2, 80, 48)
    found = [network.carry(query, given) for given in ([one, other], [other, one], [one], [other])]
    for both, swapped, first, second in zip(*found, strict=True):
        assert torch.equal(both, swapped)
        strengths = [level.square().sum() for level in (both, first, second)]
        assert min(strengths[1:]) < strengths[0]
    again = network.carry(query, [one, one])
    assert all(torch.equal(a, b) for a, b in zip(again, found[2], strict=True))


def test_sites_find_themselves():
    rng = torch.Generator().manual_seed(0)
    keys = torch.randn(6, 32, 40, generator=rng)
    found = find(keys[:, 8:24, 16:32], keys)
    inner = (slice(1, -1), slice(1, -1))
    assert torch.equal(found.row[inner], torch.arange(8, 24)[:, None].expand(16, 16)[inner])
    assert torch.equal(found.column[inner], torch.arange(16, 32).expand(16, 16)[inner])


def test_exhaustive_matching_is_the_table_of_all_patches():
    rng = torch.Generator().manual_seed(0)
    query, keys = torch.randn(4, 8, 16, generator=rng), torch.randn(4, 12, 9, generator=rng)
    found = find_anywhere(query, keys)
    around = torch.nn.functional.pad(query[None], (1, 1, 1, 1), mode="replicate")
    asked, known = (
        torch.nn.functional.normalize(torch.nn.functional.unfold(one, 3)[0], dim=0)
        for one in (around, keys[None])
    )
    best = (asked.T @ known).argmax(1).view(8, 16)
    assert torch.equal(found.row, 1 + best // 7)
    assert torch.equal(found.column, 1 + best % 7)


def test_exhaustive_matching_finds_what_is_at_least_as_similar(network):
    low, reference = picture(0, 16, 16), picture(1, 128, 96)
    query = network.encoder(low[None])[0][0]
    coarse, whole = (network.carry(query, [reference], how) for how in (find, find_anywhere))
    assert any(not torch.equal(one, other) for one, other in zip(coarse, whole, strict=True))
    assert network(low, [reference], find_anywhere).shape == (3, 64, 64)


def test_around_everything_is_as_published(network):
    low, references = picture(0, 16, 24), [picture(1, 96, 64)]
    local = Masa(replace(SMALL, adapted_around=64)).eval()
    local.load_state_dict(network.state_dict())
    found, expected = local(low, references), network(low, references)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("around", [None, 3])
def test_how_far_sam_looks_is_how_far_a_change_shows(around):
    torch.manual_seed(0)
    adapt = Sam(4, around)
    low, taken = torch.randn(2, 1, 4, 16, 48)
    other = taken.clone()
    other[..., 32:] *= 2.0
    found, changed = adapt(low, taken, 2), adapt(low, other, 2)
    near = slice(None, 32 - 2 * (3 + 2))  # 3 low texels, one for what is drawn out, one for taps
    assert torch.equal(found[..., near], changed[..., near]) is (around is not None)


@pytest.mark.parametrize("without", ["sam", "dram"])
def test_it_goes_without_a_part_and_is_smaller_by_it(without):
    torch.manual_seed(0)
    whole, less = Masa(SMALL), Masa(replace(SMALL, **{without: False}))
    names = {"sam": "decoder.adapt.", "dram": "decoder.fuse."}
    sizes = [
        sum(w.numel() for k, w in one.named_parameters() if not k.startswith(names[without]))
        for one in (whole, less)
    ]
    assert sizes[0] == sizes[1]
    assert sum(w.numel() for w in less.parameters()) < sum(w.numel() for w in whole.parameters())
    low, references = picture(0, 9, 11), [picture(1, 40, 48)]
    assert less(low, references).shape == (3, 36, 44)


def test_without_aggregation_both_sides_go_through_one_convolution():
    torch.manual_seed(0)
    joint, low, taken = Joint(4), torch.randn(1, 4, 5, 6), torch.randn(1, 4, 10, 12)
    larger = torch.nn.functional.interpolate(low, scale_factor=2.0, mode="bilinear")
    expected = joint.merge(torch.cat([larger, taken], dim=1)).clamp_min(0.0)
    torch.testing.assert_close(joint(low, taken), expected)


@pytest.mark.parametrize("config", [SMALL, replace(SMALL, sam=False, dram=False)])
def test_every_part_of_it_learns(config):
    torch.manual_seed(0)
    network = Masa(config)
    for parameter in network.decoder.adapt.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    reference = picture(1, 40, 48).requires_grad_(True)
    network(picture(0, 9, 11), [reference]).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert float(parameter.grad.abs().sum()) > 0, name
    assert float(reference.grad.abs().sum()) > 0


def test_references_are_stacked_as_the_authors_do():
    one, other = picture(0, 333, 500), picture(1, 500, 334)
    made = stacked([one, other])
    assert made.shape == (3, 1024, 512)
    torch.testing.assert_close(made[:, 89 : 89 + 333, 6:506], one)
    assert torch.equal(made[:, 0, 6:506], one[:, 0])
    torch.testing.assert_close(made[:, 512 + 6 : 1012 + 6, 89 : 89 + 334], other)
    with pytest.raises(ValueError, match="at most 512"):
        stacked([picture(0, 4, 513)])


def test_an_untrained_adaptation_gives_a_reference_the_moments_of_the_low_image():
    torch.manual_seed(0)
    low, taken = torch.randn(1, 4, 9, 9) * 3 + 1, torch.rand(1, 4, 9, 9)
    with torch.no_grad():
        adapted = Sam(4, None)(low, taken, 1)
    for moment in (torch.mean, torch.std):
        torch.testing.assert_close(
            moment(adapted, dim=(2, 3)), moment(low, dim=(2, 3)), atol=1e-3, rtol=1e-3
        )


@pytest.mark.parametrize("size", [(16, 24), (13, 9)])
def test_in_place_each_site_takes_what_lies_there(network, size):
    low, reference = picture(0, *size), picture(1, 4 * size[0], 4 * size[1])
    query = network.encoder.first(whole_blocks(low)[None])[0]
    keys = network.encoder.first(reduce(reference[None], 4))[0]
    found = find_near(0)(query, keys)
    rows, columns = (
        torch.arange(side).clamp(1, known - 2)
        for side, known in zip(query.shape[1:], size, strict=True)
    )
    assert bool((found.row == rows[:, None]).all())
    assert bool((found.column == columns).all())


def test_of_several_references_each_site_takes_of_the_most_similar(network):
    low, one, other = picture(0, 16, 16), picture(1, 64, 64), picture(2, 64, 64)
    query = network.encoder.first(low[None])[0]
    both, ours, theirs = (  # the coarsest level, whose sites are those of the low image
        network.carry(query, given)[-1] for given in ([one, other], [one], [other])
    )
    taken = [(both - single).abs().amax(0) < 1e-6 for single in (ours, theirs)]
    assert bool((taken[0] ^ taken[1]).all())
    assert all(bool(some.any()) for some in taken)
