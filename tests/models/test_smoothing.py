"""Blurring is scipy's Gaussian with repeated borders, on small planes and on large ones."""

import pytest
import torch
from scipy.ndimage import gaussian_filter

from texsr.models.smoothing import MATRIX_LIMIT, blur


@pytest.mark.parametrize("sigma", [0.6, 1.4, 3.0])
@pytest.mark.parametrize("shape", [(1, 2, 40, 31), (2, 1, 9, MATRIX_LIMIT + 1)])
def test_blur_is_scipys(shape: tuple[int, ...], sigma: float):
    plane = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    reach = max(1, round(3 * sigma))
    expected = gaussian_filter(
        plane.double().numpy(), sigma, mode="nearest", radius=reach, axes=(2, 3)
    )
    torch.testing.assert_close(
        blur(plane, sigma), torch.from_numpy(expected).float(), atol=1e-6, rtol=0
    )


def test_gradients_pass_through_large_planes():
    plane = torch.rand(1, 1, 6, MATRIX_LIMIT + 8, requires_grad=True)
    blur(plane, 0.6).sum().backward()
    assert plane.grad is not None
    torch.testing.assert_close(plane.grad.sum(), torch.tensor(float(plane.numel())))
