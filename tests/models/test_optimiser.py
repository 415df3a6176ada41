"""Muon beside exact orthogonalisation, Adam beside PyTorch's."""

import copy

import pytest
import torch
from torch import nn

from texsr.models.optimiser import MUON_RATE, MuonAdam, orthogonalised, split


@pytest.mark.parametrize("shape", [(12, 12), (9, 30), (30, 9)])
def test_singular_values_end_near_one_with_their_directions_kept(shape):
    torch.manual_seed(0)
    matrix = torch.randn(*shape)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    got = orthogonalised(matrix)
    values = torch.linalg.svdvals(got)
    assert float(values.min()) > 0.6
    assert float(values.max()) < 1.3
    inside = left.T @ got @ right.T  # diagonal where the directions are those of the matrix
    off = inside - torch.diag(inside.diagonal())
    assert float(off.abs().max()) < 1e-3


def test_the_scale_of_a_gradient_does_not_matter():
    torch.manual_seed(0)
    matrix = torch.randn(16, 40)
    torch.testing.assert_close(
        orthogonalised(matrix), orthogonalised(1e-3 * matrix), atol=1e-4, rtol=0
    )


def test_the_rest_learns_as_by_adam():
    torch.manual_seed(0)
    ours = nn.Linear(5, 3)
    theirs = copy.deepcopy(ours)
    mine = MuonAdam([], ours.parameters(), lr=0.01)
    other = torch.optim.Adam(theirs.parameters(), lr=0.01, betas=(0.9, 0.99))
    for step in range(5):
        x = torch.randn(7, 5, generator=torch.Generator().manual_seed(step))
        for network, optimiser in ((ours, mine), (theirs, other)):
            optimiser.zero_grad()
            network(x).square().sum().backward()
            optimiser.step()
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.bias, theirs.bias)


def test_a_first_muon_step_is_one_rate_long_in_every_direction():
    torch.manual_seed(0)
    weight = nn.Parameter(torch.zeros(10, 10, 3, 3))
    weight.grad = torch.randn(10, 10, 3, 3)
    MuonAdam([weight], [], lr=0.001).step()
    lengths = torch.linalg.svdvals(weight.detach().flatten(1)) / (0.001 * MUON_RATE)
    assert float(lengths.min()) > 0.6
    assert float(lengths.max()) < 1.3


def test_it_goes_on_from_a_state_to_the_bit():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(9, 9, 3), nn.Conv2d(9, 9, 3))
    x = torch.randn(2, 9, 12, 12)

    def learn(net: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        optimiser.zero_grad()
        net(x).square().mean().backward()
        optimiser.step()

    optimiser = MuonAdam(*split(network, ("0",)), lr=0.01)
    learn(network, optimiser)
    again = copy.deepcopy(network)
    resumed = MuonAdam(*split(again, ("0",)), lr=0.01)
    resumed.load_state_dict(copy.deepcopy(optimiser.state_dict()))
    learn(network, optimiser)
    learn(again, resumed)
    for one, other in zip(network.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_only_wide_weights_of_the_trunks_are_chosen():
    network = nn.ModuleDict({"trunk": nn.Conv2d(9, 9, 3), "port": nn.Conv2d(9, 9, 3)})
    network["trunk"].extra = nn.Conv2d(4, 16, 1)
    network["port"].requires_grad_(False)
    chosen, others = split(network, ("trunk",))
    assert [p.shape for p in chosen] == [(9, 9, 3, 3)]
    assert {tuple(p.shape) for p in others} == {(9,), (16, 4, 1, 1), (16,)}
