"""CiaoSR: as published, against its head written out; any size; points asked in any groups."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from tests.oracles import ciaosr as oracle
from texsr.models import ciaosr
from texsr.models.ciaosr import Ciaosr, CiaosrConfig, points_of

SMALL = CiaosrConfig(width=8, blocks=1, hidden=16)


def picture(seed: int, height: int, width: int) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, height, width, generator=rng)


@pytest.fixture
def network() -> Ciaosr:
    torch.manual_seed(0)
    return Ciaosr(SMALL).eval().requires_grad_(False)


def test_sizes_are_those_of_the_paper():
    network = Ciaosr(CiaosrConfig()).requires_grad_(False)
    head = network.head
    for part, millions in (
        (network, 2.65),
        (head, 1.429),
        (head.color, 0.362),
        (head.key, 0.494),
        (head.value, 0.527),
        (head.inner, 0.045),
    ):
        total = sum(weight.numel() for weight in part.parameters())
        assert total / 1e6 == pytest.approx(millions, rel=0.006)


def test_costs_are_those_of_the_paper_but_for_what_its_code_makes_again():
    network = Ciaosr(CiaosrConfig()).to("meta").requires_grad_(False)
    low = torch.rand(1, 3, 64, 64, device="meta")
    with FlopCounterMode(display=False) as ours:
        network(low, 256, 256)
    with FlopCounterMode(display=False) as once:
        network.head.inner(torch.rand(1, 64, 64, 64, device="meta"))
    groups = -(-(256**2) // oracle.GROUP)
    theirs = ours.get_total_flops() + (groups - 1) * once.get_total_flops()
    assert theirs / 2e9 == pytest.approx(329, rel=0.005)


@pytest.mark.parametrize(
    ("size", "wanted"),
    [((6, 8), (24, 32)), ((6, 8), (7, 29)), ((4, 2), (32, 16)), ((8, 10), (8, 10))],
)
def test_it_is_the_head_written_out(network, monkeypatch, size, wanted):
    monkeypatch.setattr(ciaosr, "POINTS", 50)
    monkeypatch.setattr(ciaosr, "PLACES", 7)
    low = picture(0, *size)
    ours, theirs = network(low, *wanted), oracle.restore(network, low, *wanted)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("half_a_place", [False, True])
def test_a_point_in_the_middle_of_a_place_has_it_for_a_neighbour_half_a_place_off(half_a_place):
    torch.manual_seed(0)
    network = Ciaosr(replace(SMALL, half_a_place=half_a_place)).requires_grad_(False)
    known = network.know(picture(0, 8, 8))
    likewise = known.likewise.clone()  # what is told of neighbours alone
    likewise[:, 4, 4] += 1.0
    points = points_of(24, 24)
    found, changed = (
        network.head(one, points).unflatten(2, (24, 24))
        for one in (known, known._replace(likewise=likewise))
    )
    moved = (found - changed).abs().sum(1)[0] > 0
    assert bool(moved[13, 13]) is half_a_place  # the middle of place 4, 4
    assert bool(moved[12, 12])  # its corners, either way
    assert bool(moved[14, 14])


@pytest.mark.parametrize("scale", [(2, 2), (3.5, 2.5), (4, 4)])
def test_elsewhere_half_a_place_is_as_published(network, scale):
    low = picture(0, 8, 10)
    wanted = [round(side * by) for side, by in zip((8, 10), scale, strict=True)]
    other = Ciaosr(replace(SMALL, half_a_place=True)).eval()
    other.load_state_dict(network.state_dict())
    assert torch.equal(network(low, *wanted), other(low, *wanted))


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (1, 30), (17, 13)])
@pytest.mark.parametrize("scale", [(1.0, 1.0), (1.5, 3.7), (8.0, 2.0)])
def test_any_size_goes_in_and_any_comes_out(network, size, scale):
    wanted = tuple(round(side * by) for side, by in zip(size, scale, strict=True))
    high = network(picture(0, *size), *wanted)
    assert high.shape == (1, 3, *wanted)
    assert bool(torch.isfinite(high).all())


def test_any_tiling_gives_the_same_image(network):
    low = picture(0, 7, 9)
    whole = network(low, 25, 31)
    known = network.know(low)
    for rows in (slice(0, 11), slice(11, 25)):
        for columns in (slice(0, 8), slice(8, 31)):
            points = points_of(25, 31, part=(rows, columns))
            part = network.head(known, points)
            expected = whole[:, :, rows, columns].flatten(2)
            torch.testing.assert_close(part, expected, atol=1e-6, rtol=1e-5)


def test_images_of_a_batch_do_not_see_each_other(network):
    low = torch.cat([picture(seed, 6, 5) for seed in range(2)])
    both = network(low, 13, 11)
    for index in range(2):
        alone = network(low[index : index + 1], 13, 11)
        torch.testing.assert_close(both[index : index + 1], alone, atol=1e-6, rtol=1e-5)


def test_it_learns_a_scale_that_is_no_whole_number():
    torch.manual_seed(0)
    network = Ciaosr(SMALL)
    smooth = torch.nn.functional.interpolate(picture(0, 5, 5), (18, 20), mode="bicubic")
    truth = (smooth > 0.5).float()
    low = torch.nn.functional.interpolate(truth, (8, 9), mode="bicubic", antialias=True)
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    errors: list[float] = []
    for _ in range(200):
        loss = (network(low, 18, 20) - truth).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        errors.append(float(loss.detach()))
    assert errors[-1] < 0.7 * errors[0]
