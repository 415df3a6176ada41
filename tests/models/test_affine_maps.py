"""Affine maps among matches, found beside wrong ones; local fits against an oracle."""

import pytest
import torch
from torch import Tensor

from texsr.models.affine_maps import (
    BESIDE,
    LEAST_COHERENCE,
    STIFFNESS,
    Evidence,
    affine_maps,
    coherent,
    evidence_of,
    fit_locally,
)
from texsr.models.matching import Matches

ROWS, COLUMNS = 26, 34
MAPS = torch.tensor(
    [
        [[0.0, 0.0, 7.0], [0.0, 0.0, -3.0]],
        [[0.10, -0.05, 2.0], [0.08, -0.12, 5.0]],
        [[-0.35, 0.02, 9.0], [0.0, 0.20, -11.0]],
    ]
)


def offsets_by(one: Tensor) -> Tensor:
    y, x = torch.meshgrid(torch.arange(ROWS).float(), torch.arange(COLUMNS).float(), indexing="ij")
    return torch.einsum("di,ihw->dhw", one, torch.stack([x, y, torch.ones_like(x)]))


def off(found: Tensor, true: Tensor) -> float:
    return float((offsets_by(found) - offsets_by(true)).abs().max())


@pytest.mark.parametrize("one", MAPS)
@pytest.mark.parametrize("wrong", [0.0, 0.5])
def test_a_map_is_found_among_wrong_matches(one: Tensor, wrong: float):
    rng = torch.Generator().manual_seed(1)
    right = offsets_by(one).round()  # matches are whole sites
    anywhere = torch.randint(-20, 21, right.shape, generator=rng).float()
    chosen = torch.rand(ROWS, COLUMNS, generator=rng) < wrong
    evidence = Evidence(torch.where(chosen, anywhere, right), torch.full((ROWS, COLUMNS), 0.7))
    assert off(affine_maps(evidence)[0].map, one) < 0.35


def test_two_surfaces_give_two_maps():
    first, second = MAPS[1], MAPS[2]
    offset = offsets_by(first)
    offset[:, :, 20:] = offsets_by(second)[:, :, 20:]
    found = affine_maps(Evidence(offset, torch.ones(ROWS, COLUMNS)))
    for true in (first, second):
        assert min(off(one.map, true) for one in found) < 0.2


@pytest.mark.parametrize("slopes", [(-1.0, -1.0), (-2.0, 0.0), (-0.8, 0.0), (1.5, 0.0)])
def test_what_no_photo_can_show_is_no_map(slopes: tuple[float, float]):
    """All at one point, mirrored, squeezed to nothing, drawn out."""
    one = torch.tensor([[slopes[0], 0.0, 4.0], [0.0, slopes[1], 4.0]])
    found = affine_maps(Evidence(offsets_by(one), torch.ones(ROWS, COLUMNS)))
    assert all(off(each.map, one) > 1.0 for each in found)


def test_no_evidence_is_no_map():
    assert affine_maps(Evidence(torch.zeros(2, ROWS, COLUMNS), torch.zeros(ROWS, COLUMNS))) == []


def test_matches_weigh_by_likeness_and_less_where_many_are_matched():
    across = 10
    patch = torch.arange(12).view(1, 3, 4) * 3  # apart from each other
    patch[0, 2] = 55  # and four at one
    similarity = torch.full((1, 3, 4), 0.5)
    similarity[0, 0, 0] = -0.2
    found = evidence_of(Matches(patch, similarity), across)
    assert found.weight[0, 0] == 0.0
    assert float(found.weight[2, 0]) <= float(found.weight[0, 3])
    row, column = divmod(int(patch[0, 1, 2]), across)
    assert found.offset[:, 1, 2].tolist() == [column - 2, row - 1]
    crowded = evidence_of(Matches(torch.full((1, 9, 9), 55), torch.ones(1, 9, 9)), across)
    torch.testing.assert_close(crowded.weight, torch.full((9, 9), 9 / 81))


def test_neighbours_that_agree_count_as_written_out():
    rng = torch.Generator().manual_seed(2)
    offset = torch.randint(-2, 3, (2, 7, 8), generator=rng).float()
    weight = torch.rand(7, 8, generator=rng)
    found = coherent(Evidence(offset, weight), agreeing=1.5)
    for y in range(7):
        for x in range(8):
            agreed = total = 0.0
            for v in range(max(0, y - BESIDE), min(7, y + BESIDE + 1)):
                for u in range(max(0, x - BESIDE), min(8, x + BESIDE + 1)):
                    if (v, u) != (y, x):
                        near = (offset[:, v, u] - offset[:, y, x]).abs().max() <= 1.5
                        agreed += float(weight[v, u]) * bool(near)
                        total += float(weight[v, u])
            share = max(0.0, agreed / total - LEAST_COHERENCE) ** 2
            assert float(found[y, x]) == pytest.approx(float(weight[y, x]) * share, abs=1e-5)


def test_local_fits_are_those_of_least_squares():
    """Away from the border, against one weighted least squares a place, written out."""
    rng = torch.Generator().manual_seed(3)
    sigma, reach, size = 1.5, 4, 15
    offset = torch.randn(2, size, size, generator=rng)
    weight = torch.rand(size, size, generator=rng)
    found = fit_locally(offset, weight, sigma)
    steps = torch.arange(-reach, reach + 1).float()
    window = torch.exp(-(steps**2) / (2 * sigma**2))
    window = window[:, None] * window[None] / window.sum() ** 2
    v, u = torch.meshgrid(steps, steps, indexing="ij")
    for y in range(reach + 1, size - reach - 1):
        for x in range(reach + 1, size - reach - 1):
            here = slice(y - reach, y + reach + 1), slice(x - reach, x + reach + 1)
            share = (window * weight[here]).flatten()
            places = torch.stack([u.flatten(), v.flatten()])
            mean = (share * places).sum(1) / share.sum()
            told = offset[(slice(None), *here)].flatten(1)
            middle = (share * told).sum(1) / share.sum()
            apart = places - mean[:, None]
            square = (share * apart) @ apart.T / share.sum() + STIFFNESS * torch.eye(2)
            slope = torch.linalg.solve(square, (share * apart) @ told.T / share.sum()).T
            expected = middle - slope @ mean
            torch.testing.assert_close(found.offset[:, y, x], expected, atol=2e-4, rtol=1e-3)
            torch.testing.assert_close(found.slope[:, :, y, x], slope, atol=2e-4, rtol=1e-3)
