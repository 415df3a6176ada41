"""The shift of a view is interpolated between the middles of its cells."""

import numpy as np
import pytest

from texsr.pipeline.fit import ViewFit


def fit_of(shift: np.ndarray, cell_px: float) -> ViewFit:
    return ViewFit(
        shift_px=shift.astype(np.float32),
        cell_px=cell_px,
        median_shift_px=0.0,
        trust=1.0,
        noise=0.0,
        sharpness=1.0,
        gain=1.0,
    )


def test_in_the_middle_of_a_cell_its_own_shift_is_given():
    shift = np.random.default_rng(0).normal(size=(3, 4, 2))
    fit = fit_of(shift, 10.0)
    for row, column in np.ndindex(3, 4):
        px = np.array([[(column + 0.5) * 10.0, (row + 0.5) * 10.0]])
        np.testing.assert_allclose(fit.moved(px) - px, shift[row, column][None], atol=1e-6)


def test_between_cells_it_is_linear_and_beyond_the_outermost_it_stays():
    shift = np.zeros((1, 2, 2))
    shift[0, 1] = (2.0, -1.0)
    fit = fit_of(shift, 10.0)
    moved = fit.moved(np.array([[10.0, 5.0], [7.5, 5.0], [-50.0, 5.0], [90.0, 77.0]]))
    assert moved[0].tolist() == pytest.approx([11.0, 4.5])
    assert moved[1].tolist() == pytest.approx([8.0, 4.75])
    assert moved[2].tolist() == pytest.approx([-50.0, 5.0])
    assert moved[3].tolist() == pytest.approx([92.0, 76.0])
