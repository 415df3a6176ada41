"""RRSR: as published, against its matching and deformable convolution written out; any size."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.oracles import rrsr as oracle
from tests.pictures import picture
from texsr.models import deformable
from texsr.models.deformable import DynamicAggregation, sampled
from texsr.models.resample import enlarge
from texsr.models.rrsr import (
    Aligned,
    ReferenceAware,
    Rrsr,
    RrsrConfig,
    flow_of_taps,
)

SMALL = RrsrConfig(
    width=8,
    content_blocks=1,
    round_blocks=(1, 1, 1),
    trunk=(8, 8, 16),
    extractor=(4, 6, 8),
    experts=3,
    groups=4,
)


@pytest.fixture
def network() -> Rrsr:
    torch.manual_seed(0)
    return Rrsr(SMALL).eval().requires_grad_(False)


def test_sizes_and_costs_are_those_of_the_paper():
    with torch.device("meta"):
        network = Rrsr(RrsrConfig()).requires_grad_(False)
    counts = [
        sum(weight.numel() for part in parts for weight in part.parameters())
        for parts in ([network.restoration], [network.asking, network.known], [network.trunk])
    ]
    assert counts == [22_594_651, 1_110_656, 555_340]
    levels = [torch.rand(1, 64 << i, 256 >> i, 256 >> i, device="meta") for i in range(3)]
    flow = torch.zeros(1, 9, 2, 64, 64, device="meta")
    with FlopCounterMode(display=False) as counted:
        network.restoration(torch.rand(1, 3, 64, 64, device="meta"), Aligned(levels, flow))
    assert counted.get_total_flops() / 2e9 == pytest.approx(226.2, rel=0.005)


def test_matches_are_those_of_comparing_all_with_all(network):
    low, reference = picture(0, 7, 6), picture(1, 40, 56)
    query = torch.nn.functional.normalize(network.asking(enlarge(low[None], 4)), dim=1)[0]
    keys = torch.nn.functional.normalize(network.known(reference[None]), dim=1)[0]
    found = network.align(low, [reference])
    torch.testing.assert_close(found.flow[0], oracle.flow_of_taps(query, keys))


def test_deformable_convolution_is_the_one_written_out(monkeypatch):
    monkeypatch.setattr(deformable, "ROWS", 2)
    rng = torch.Generator().manual_seed(0)
    module = DynamicAggregation(8, 4).requires_grad_(False)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    reference, told = (torch.randn(1, 8, *size, generator=rng) for size in ((7, 9), (5, 4)))
    flow = torch.randint(-3, 4, (1, 9, 2, 5, 4), generator=rng).float()
    learned = module.learned(told)[0].unflatten(0, (3, 4, 9))
    offset = torch.stack([learned[0], learned[1]], dim=2) + flow[0]
    kernel, bias = module.kernel.weight, module.kernel.bias
    expected = oracle.aggregate(reference[0], offset, torch.sigmoid(learned[2]), kernel)
    made = module(reference, told, flow)[0]
    torch.testing.assert_close(made, expected + bias[:, None, None], atol=1e-4, rtol=1e-4)


def test_without_offsets_it_is_half_a_convolution():
    torch.manual_seed(0)
    module = DynamicAggregation(8, 4).requires_grad_(False)
    reference = torch.randn(1, 8, 6, 5)
    made = module(reference, torch.randn(1, 8, 6, 5), torch.zeros(1, 9, 2, 6, 5))
    kernel, bias = module.kernel.weight, module.kernel.bias
    expected = torch.nn.functional.conv2d(reference, kernel, padding=1) / 2
    torch.testing.assert_close(made, expected + bias[:, None, None], atol=1e-5, rtol=1e-4)


def test_experts_are_mixed_for_each_image():
    torch.manual_seed(0)
    module = ReferenceAware(6, 4, 3).requires_grad_(False)
    x = torch.randn(2, 6, 5, 7)
    made = module(x)
    for image, found in zip(x, made, strict=True):
        mean = image.mean((1, 2))
        share = torch.sigmoid(module.route(mean))
        parts = [
            torch.nn.functional.conv2d(image[None], kernel, padding=1)[0]
            for kernel in module.kernels
        ]
        total = sum(s * part for s, part in zip(share, parts, strict=True))
        gate = module.gate(mean[None, :, None, None])[0]
        torch.testing.assert_close(found, total * gate, atol=1e-5, rtol=1e-4)


def test_a_reference_that_is_the_image_is_sampled_where_it_lies(network):
    reference = picture(0, 48, 48)
    rows, columns = torch.meshgrid(torch.arange(4), torch.arange(6), indexing="ij")
    flow = flow_of_taps(torch.stack([rows + 3, columns + 2]).float())[None]
    warped = sampled(reference[None], flow[:, 4:5], slice(0, 6), middle_only=True)[0, :, 0]
    torch.testing.assert_close(warped[:, 1:5, 1:7], reference[:, 4:8, 3:9])


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (1, 30), (17, 13)])
@pytest.mark.parametrize("references", [[], [(5, 3)], [(64, 40), (33, 71)]])
def test_any_size_goes_in_and_exactly_four_times_that_comes_out(network, size, references):
    high = network(picture(0, *size), [picture(1, *one) for one in references])
    assert high.shape == (3, 4 * size[0], 4 * size[1])
    assert bool(torch.isfinite(high).all())


def test_references_on_one_sheet_are_matched_as_if_alone(network):
    low, one, other = picture(0, 8, 8), picture(1, 48, 40), picture(2, 40, 64)
    sheet = network.align(low, [one, other]).levels[0].shape[2:]
    assert sheet == (88, 64)
    alone, both = (network.align(low, given).flow for given in ([one], [one, one]))
    torch.testing.assert_close(alone, both)  # of equals the first


def test_it_learns_with_gradients_through_the_alignment():
    torch.manual_seed(0)
    network = Rrsr(SMALL)
    truth = picture(0, 32, 32)
    low = torch.nn.functional.interpolate(truth[None], scale_factor=0.25, mode="bicubic")
    low = low.detach()
    aligned = network.align(low[0], [truth.requires_grad_(True)])
    network.restoration(low, aligned).square().mean().backward()
    for step in network.restoration.scales[0]:
        assert float(step.aggregate.learned.weight.grad.abs().sum()) > 0
        assert float(step.choose.kernels.grad.abs().sum()) > 0
    assert float(truth.grad.abs().sum()) > 0
    assert all(weight.grad is None for weight in network.asking.parameters())


def test_in_place_nothing_flows(network):
    low, references = picture(0, 8, 11), [picture(seed, 32, 44) for seed in (1, 2)]
    found = network.align(low, references[:1], reach=0)
    assert bool((found.flow == 0).all())
    rows = found.flow.shape[-2]
    both = network.align(low, references, reach=0).flow[0, :, 0]
    assert set(both.flatten().tolist()) <= {0.0, float(rows)}
