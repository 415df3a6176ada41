"""A port of half the scale says what the finer port says, reduced, and all else is left alone."""

from dataclasses import replace

import pytest
import torch

from texsr.models.alignment import without_references
from texsr.models.port import Port
from texsr.models.resample import enlarge_faithfully, reduce
from texsr.models.scales import coarser_branch, coarser_port, grown, hold_all_of
from texsr.models.single import SingleBranch
from texsr.models.texsr import Texsr, TexsrConfig

WIDTH, KEPT = 8, 6
CONFIG = TexsrConfig(width=WIDTH, prior_blocks=1, fusion_blocks=1, reference_width=KEPT)
ONE_BLOCK = {"single_width": WIDTH, "single_blocks": 1}


@pytest.fixture
def port() -> Port:
    """A port of x4 that is not silent anywhere."""
    torch.manual_seed(0)
    made = Port(4, width=WIDTH, reference_width=KEPT)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return made.requires_grad_(False)


def fours(plane: torch.Tensor) -> torch.Tensor:
    """Repeat every texel two by two."""
    return plane.repeat_interleave(2, -1).repeat_interleave(2, -2)


def smooth(plane: torch.Tensor) -> torch.Tensor:
    """Take the finest detail out, of which pictures have little."""
    return torch.nn.functional.avg_pool2d(plane, 3, stride=1, padding=1, count_include_pad=False)


def share_off(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Give the share of the variance of theirs that ours lack, without what borders reach."""
    ours, theirs = (one[..., 8:-8, 8:-8] for one in (ours, theirs))
    lacking = (ours - theirs).square().mean((2, 3)) / theirs.var((2, 3))
    return float(lacking.mean().detach())


def test_the_first_trunk_is_told_the_same_of_an_atlas(port):
    coarse, low = coarser_port(port), smooth(torch.rand(1, 3, 40, 36))
    ours, theirs = (one.enter(low, enlarge_faithfully(low, one.scale)) for one in (coarse, port))
    assert share_off(ours, theirs) < 0.01


def test_what_photos_add_is_taken_in_nearly_the_same(port):
    coarse, high = coarser_port(port), smooth(smooth(torch.rand(1, 3, 160, 144)))
    low = reduce(high, 4)
    added = [
        one.fold(reduce(high, 4 // one.scale) - enlarge_faithfully(low, one.scale))
        for one in (coarse, port)
    ]
    for name in ("reference", "mixed"):
        ours, theirs = (
            getattr(one, name)(told) for one, told in zip((coarse, port), added, strict=True)
        )
        assert share_off(ours, theirs) < 0.15


def test_expected_errors_that_are_the_same_in_fours_are_heeded_the_same(port):
    coarse = coarser_port(port)
    features, doubt = torch.rand(1, WIDTH, 6, 5), torch.rand(1, 1, 12, 10)
    heeded = (
        one.heed(torch.cat([features, one.fold(told)], dim=1))
        for one, told in ((coarse, doubt), (port, fours(doubt)))
    )
    torch.testing.assert_close(*heeded)


def test_what_it_gives_is_the_mean_of_fours(port):
    coarse = coarser_port(port)
    features = torch.rand(2, WIDTH, 6, 5)
    mean = torch.nn.functional.avg_pool2d
    for give in (Port.propose, Port.correct, Port.gains):
        torch.testing.assert_close(give(coarse, features), mean(give(port, features), 2))
    for name, width in (("logit", KEPT), ("steady", WIDTH), ("error", 32)):
        features = torch.rand(2, width, 6, 5)
        ours, theirs = (one.unfold(getattr(one, name)(features)) for one in (coarse, port))
        torch.testing.assert_close(ours, mean(theirs, 2))


def test_scales_are_added_and_nothing_else_changes():
    torch.manual_seed(0)
    network = Texsr(CONFIG)
    more = grown(network, replace(CONFIG, scales=(4, 2, 3)))
    assert more.config.scales == (2, 3, 4)
    for name, value in network.state_dict().items():
        assert torch.equal(more.state_dict()[name], value)
    base = torch.rand(1, 3, 24, 20)
    ours, theirs = (
        one.eval()(torch.nn.functional.avg_pool2d(base, 4), without_references(base, 4), 4)
        for one in (more, network)
    )
    torch.testing.assert_close(ours.high, theirs.high, rtol=0, atol=0)


def test_only_what_is_added_learns():
    network = Texsr(CONFIG)
    more = grown(network, replace(CONFIG, scales=(2, 4), **ONE_BLOCK))
    hold_all_of(network, more)
    learning = {name for name, one in more.named_parameters() if one.requires_grad}
    known = network.state_dict()
    assert learning == {name for name, _ in more.named_parameters() if name not in known}
    assert {name.rpartition(".")[0] for name in learning} >= {
        "ports.2.entry",
        "single.2.entry",
        "single.4.entry",
    }


def test_an_added_branch_starts_by_repeating_low_texels():
    network = Texsr(CONFIG)
    more = grown(network, replace(CONFIG, **ONE_BLOCK))
    base = torch.rand(1, 3, 24, 20)
    low = torch.nn.functional.avg_pool2d(base, 4)
    told = more.single_answer(low, 4)
    repeated = torch.nn.functional.interpolate(low, scale_factor=4.0)
    torch.testing.assert_close(told, repeated)


def test_trunks_of_an_added_scale_start_as_those_that_are_there():
    torch.manual_seed(0)
    network = Texsr(CONFIG)
    more = grown(network, replace(CONFIG, scales=(2, 4), own_trunks=(2,)))
    assert more.trunks_of(4) is more
    own = more.trunks_of(2).state_dict()
    assert own.keys() == {
        name for name in network.state_dict() if name.split(".")[0] not in ("ports", "single")
    }
    assert all(torch.equal(weight, network.state_dict()[name]) for name, weight in own.items())


def test_a_scale_is_asked_through_its_own_trunks():
    torch.manual_seed(0)
    more = grown(Texsr(CONFIG), replace(CONFIG, scales=(2, 4), own_trunks=(2,))).eval()
    low = torch.rand(1, 3, 8, 8)
    asked = {scale: without_references(enlarge_faithfully(low, scale), scale) for scale in (2, 4)}
    before = {scale: more(low, asked[scale], scale).high for scale in (2, 4)}
    with torch.no_grad():
        for name in ("2", "4"):
            torch.nn.init.normal_(more.ports[name].proposal.weight)
        changed = {scale: more(low, asked[scale], scale).high for scale in (2, 4)}
        for parameter in more.own["2"].prior.parameters():
            parameter.add_(0.1)
        now = {scale: more(low, asked[scale], scale).high for scale in (2, 4)}
    assert not any(torch.equal(before[scale], changed[scale]) for scale in (2, 4))
    assert torch.equal(now[4], changed[4])
    assert not torch.equal(now[2], changed[2])


def test_trunks_of_their_own_are_for_scales_that_there_are():
    with pytest.raises(ValueError, match="trunks"):
        replace(CONFIG, own_trunks=(2,))


def test_a_coarser_branch_gives_the_means_of_fours():
    torch.manual_seed(0)
    branch = SingleBranch(4, width=WIDTH, blocks=2).requires_grad_(False)
    for parameter in branch.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    low = torch.rand(2, 3, 16, 11)
    mean = torch.nn.functional.avg_pool2d(branch(low), 2)
    torch.testing.assert_close(coarser_branch(branch)(low), mean)


def test_a_branch_of_an_added_scale_starts_from_that_of_the_finer_one():
    torch.manual_seed(0)
    network = Texsr(replace(CONFIG, **ONE_BLOCK))
    torch.nn.init.normal_(network.single["4"].proposal.weight)
    more = grown(network, replace(network.config, scales=(2, 4)))
    low = torch.rand(1, 3, 8, 8)
    mean = torch.nn.functional.avg_pool2d(network.single_answer(low, 4), 2)
    torch.testing.assert_close(more.single_answer(low, 2), mean)
