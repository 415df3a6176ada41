"""The single-image branch answers where no photo does, and nowhere else."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from texsr.models.alignment import Aligned, align, without_references
from texsr.models.resample import enlarge_faithfully, reduce
from texsr.models.single import SingleBranch, share_of_branch
from texsr.models.texsr import Texsr, TexsrConfig
from texsr.pipeline.references import Warped

SCALE, SIDE = 4, 16
PLAIN = TexsrConfig(width=8, prior_blocks=1, fusion_blocks=1, reference_width=6)
BRANCHED = replace(PLAIN, single_width=10, single_blocks=2)


@pytest.fixture
def network() -> Texsr:
    """One whose branch says something, and whose other heads are silent."""
    torch.manual_seed(0)
    made = Texsr(BRANCHED).eval().requires_grad_(False)
    for parameter in branch_of(made).parameters():
        parameter.add_(0.05 * torch.randn(parameter.shape))
    return made


def branch_of(network: Texsr) -> SingleBranch:
    branch = network.single[str(SCALE)]
    assert isinstance(branch, SingleBranch)
    return branch


def tile(seed: int = 0) -> Tensor:
    return torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def seen_on_the_left(low: Tensor) -> Aligned:
    """A photo that shows the same, and is seen by the left half alone."""
    photo = enlarge_faithfully(low, SCALE).clamp(0, 1)
    weight = torch.zeros(1, 1, SIDE * SCALE, SIDE * SCALE)
    weight[..., : SIDE * SCALE // 2] = 1.0
    references = Warped(
        color=photo[:, None] * weight[:, :, None],
        weight=weight,
        prior=torch.ones(1, 1, 2, SIDE, SIDE),
        trust=torch.ones(1, 1),
    )
    return align(low, references, SCALE)


def test_without_references_it_is_the_answer(network):
    low = tile()
    base = enlarge_faithfully(low, SCALE)
    torch.nn.init.normal_(network.ports[str(SCALE)].proposal.weight, std=0.05)
    out = network(low, without_references(base, SCALE), SCALE)
    told = network.single_answer(low, SCALE)
    torch.testing.assert_close(out.high, told)
    assert (told - out.alone).abs().max() > 1e-3


def test_it_counts_by_what_no_photo_backs(network):
    low = tile()
    aligned = seen_on_the_left(low)
    plain = Texsr(PLAIN).eval()
    plain.load_state_dict({k: v for k, v in network.state_dict().items() if "single" not in k})
    with torch.no_grad():
        out, without = network(low, aligned, SCALE), plain(low, aligned, SCALE)
    told = network.single_answer(low, SCALE)
    share = share_of_branch(out.backed)
    assert torch.equal(out.attention, without.attention)
    torch.testing.assert_close(out.high, without.high + share * (told - out.alone))
    right = share[..., SIDE * SCALE // 2 :]
    assert torch.equal(right, torch.ones_like(right))
    assert float(share.min()) < 0.1


def test_where_photos_back_everything_it_is_not_asked(network, monkeypatch):
    low = tile()
    aligned = seen_on_the_left(low)
    aligned = aligned._replace(
        weight=torch.ones_like(aligned.weight), belief=torch.full_like(aligned.belief, 1e6)
    )

    def refuse(*_: object) -> None:
        raise AssertionError("asked")

    monkeypatch.setattr(SingleBranch, "forward", refuse)
    network(low, aligned, SCALE)


def test_an_answer_over_all_turns_is_the_same_for_a_turned_tile(network):
    low = tile()
    branch = branch_of(network)
    straight = branch(low, 8)
    turned = branch(torch.rot90(low, 1, (2, 3)), 8)
    torch.testing.assert_close(torch.rot90(turned, -1, (2, 3)), straight)


def test_it_learns_to_undo_a_reduction():
    torch.manual_seed(0)
    branch = SingleBranch(SCALE, width=12, blocks=1)
    truth = enlarge_faithfully(tile(3), SCALE).square()
    low = reduce(truth, SCALE)
    repeated = torch.nn.functional.interpolate(low, scale_factor=float(SCALE))
    optimiser = torch.optim.Adam(branch.parameters(), 5e-3)
    losses: list[float] = []
    for _ in range(60):
        loss = (branch(low) - truth).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[0] == pytest.approx(float((repeated - truth).abs().mean()))
    assert losses[-1] < 0.5 * losses[0]
