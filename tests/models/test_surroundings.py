"""Moments of what lies around: as a literal reading has them, and blind to what lies beyond."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from texsr.models.surroundings import drawn_out, moments_around


def plane(rows: int, columns: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(1, 2, rows, columns, generator=torch.Generator().manual_seed(seed))


@settings(deadline=None)
@given(
    rows=st.integers(1, 5),
    columns=st.integers(1, 5),
    cell_tx=st.sampled_from([1, 2, 4]),
    reach=st.integers(1, 6),
)
def test_moments_are_those_of_the_cells_around_each(rows, columns, cell_tx, reach):
    x = plane(rows * cell_tx, columns * cell_tx)
    found = moments_around(x, cell_tx=cell_tx, reach=reach)
    for i in range(rows):
        for j in range(columns):
            down, along = (
                slice(max(0, k - reach) * cell_tx, (k + reach + 1) * cell_tx) for k in (i, j)
            )
            seen = x[0, :, down, along].flatten(1)
            variance = seen.var(1, unbiased=False)
            torch.testing.assert_close(found.mean[0, :, i, j], seen.mean(1), atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(found.variance[0, :, i, j], variance, atol=1e-5, rtol=1e-4)


def test_what_lies_beyond_does_not_count():
    x = plane(24, 24)
    other = x.clone()
    other[..., 18:] += 3.0
    found, changed = (moments_around(one, cell_tx=2, reach=3) for one in (x, other))
    near = slice(None, 6)  # cells; 9 begin to differ, 3 to the left of them see it
    for one, two in zip(found, changed, strict=True):
        assert torch.equal(one[..., near], two[..., near])
        assert not torch.equal(one[..., 6:], two[..., 6:])


def test_a_flat_plane_varies_by_nothing_and_never_by_less():
    found = moments_around(torch.full((1, 1, 8, 8), 1e3), cell_tx=2, reach=1)
    assert float(found.variance.min()) >= 0.0
    assert float(found.variance.max()) == pytest.approx(0.0, abs=1.0)


def test_cells_are_drawn_out_smoothly():
    cells = torch.tensor([[[[0.0, 4.0]]]])
    expected = torch.tensor([0.0, 0.0, 0.5, 1.5, 2.5, 3.5, 4.0, 4.0])
    torch.testing.assert_close(drawn_out(cells, 4)[0, 0, 0], expected)
