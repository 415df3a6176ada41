"""AMRSR's losses: textures by their Gram matrices, a critic whose gradient is held to one."""

import pytest
import torch
from torch import Tensor

from texsr.models.amrsr import Swapped
from texsr.models.amrsr_losses import (
    AmrsrWeights,
    Critic,
    penalised_critic_loss,
    texture_loss,
)


def levels(seed: int) -> list[Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return [torch.rand(c, 24 // b, 20 // b, generator=rng) for c, b in ((3, 1), (4, 2), (5, 4))]


def test_textures_are_compared_as_written_out():
    ours, theirs = levels(0), levels(1)
    weight = torch.full((6, 5), 0.4)
    found = texture_loss(ours, Swapped(theirs, weight))
    heed = float(torch.sigmoid(torch.tensor(0.4))) ** 2
    expected = 0.0
    for channels, one, other in zip((1024, 512, 256), ours, theirs, strict=True):
        total = 0.0
        for i in range(len(one)):
            for j in range(len(one)):
                grams = [float((level[i] * level[j]).sum()) * heed for level in (one, other)]
                total += (grams[0] - grams[1]) ** 2
        mean = total / len(one) ** 2
        expected += mean / 4 / (one[0].numel() * channels) ** 2 / 3
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_moving_a_texture_costs_nothing_and_another_one_does():
    theirs = levels(0)
    swapped = Swapped(theirs, torch.zeros(6, 5))
    moved = [level.roll((1, 2), (1, 2)) for level in theirs]
    assert float(texture_loss(moved, swapped)) < 1e-6 * float(texture_loss(levels(3), swapped))


def test_what_is_similar_weighs_more():
    ours, theirs = levels(0), levels(1)
    sure, unsure = (
        float(texture_loss(ours, Swapped(theirs, torch.full((6, 5), w)))) for w in (0.9, 0.1)
    )
    assert sure > unsure


def test_the_penalty_is_that_of_a_known_slope():
    slope = torch.zeros(3, 4, 4)
    slope[0, 0, 0] = 3.0  # its norm: 3

    def critic(picture: Tensor) -> Tensor:
        return (picture * slope).sum((1, 2, 3))[:, None]

    true, made = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    found = penalised_critic_loss(critic, true, made, torch.Generator().manual_seed(0))
    expected = critic(made).mean() - critic(true).mean() + 10.0 * (3.0 - 1.0) ** 2
    torch.testing.assert_close(found, expected)


def test_the_critic_takes_any_size_and_learns_to_tell():
    torch.manual_seed(0)
    critic = Critic()
    assert critic(torch.rand(2, 3, 160, 160)).shape == critic(torch.rand(2, 3, 33, 57)).shape
    optimiser = torch.optim.Adam(critic.parameters(), 1e-4)
    generator = torch.Generator().manual_seed(0)
    true, made = torch.rand(4, 3, 32, 32), torch.full((4, 3, 32, 32), 0.5)
    found: list[float] = []
    for _ in range(6):
        loss = penalised_critic_loss(critic, true, made, generator)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        found.append(float(loss.detach()))
    assert found[-1] < found[0]


def test_weights_are_as_published():
    weights = AmrsrWeights()
    assert (weights.perceptual, weights.adversarial, weights.texture) == (1e-4, 1e-6, 1e-4)
    assert weights.penalty == 10.0
