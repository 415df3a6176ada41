"""Flows from tile to photo: found on known surfaces, to parts of a texel; surest where they are."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from texsr.models.flow import carried, flow_of, in_parts_of_a_site, px_along, sureness
from texsr.models.matching import match
from texsr.models.resample import reduce

SCALE, ROWS, COLUMNS = 4, 40, 44
INNER = (..., slice(8, -8), slice(8, -8))  # sites
MAPS = [
    [[0.0, 0.0, 6.0], [0.0, 0.0, 5.0]],
    [[0.0, 0.0, 6.4], [0.0, 0.0, 5.3]],
    [[0.06, -0.04, 5.2], [0.03, -0.08, 8.7]],
    [[-0.12, 0.02, 9.0], [0.05, 0.07, 4.5]],
]


def photo() -> Tensor:
    """Smooth at the size of a texel, with something to see everywhere."""
    rng = torch.Generator().manual_seed(5)
    coarse = torch.rand(1, 3, 42, 46, generator=rng)
    size = (ROWS + 16) * SCALE, (COLUMNS + 16) * SCALE
    return functional.interpolate(coarse, size, mode="bicubic")[0].clamp(0, 1)


def flow_by(one: list[list[float]]) -> Tensor:
    y, x = torch.meshgrid(torch.arange(ROWS).float(), torch.arange(COLUMNS).float(), indexing="ij")
    return torch.einsum("di,ihw->dhw", torch.tensor(one), torch.stack([x, y, torch.ones_like(x)]))


def found_flow(low: Tensor, shown: Tensor) -> Tensor:
    features = [one - one.mean((1, 2), keepdim=True) for one in (low[0], reduce(shown[None], 4)[0])]
    return flow_of(*features, match(*features))


@pytest.mark.parametrize("one", MAPS)
def test_a_known_flow_is_found(one: list[list[float]]):
    shown, true = photo(), flow_by(one)
    color, inside = carried(shown, true, SCALE)
    assert bool(inside.all())
    low = reduce(color[None], SCALE).clamp(0, 1)
    found = found_flow(low, shown)
    assert float((found - true)[INNER].abs().max()) < 1.0
    finer = in_parts_of_a_site(low, shown, found, SCALE)
    assert float((finer - true)[INNER].abs().mean()) < 0.05  # a fifth of a texel of the answer
    assert float(sureness(low, *carried(shown, finer, SCALE), SCALE)[INNER].min()) > 0.9


def test_what_is_not_there_is_not_sure():
    shown = photo()
    low = torch.rand(1, 3, ROWS, COLUMNS, generator=torch.Generator().manual_seed(9))
    found = in_parts_of_a_site(low, shown, found_flow(low, shown), SCALE)
    assert float(sureness(low, *carried(shown, found, SCALE), SCALE).mean()) < 0.2


def test_a_light_of_its_own_changes_nothing():
    shown, true = photo(), flow_by(MAPS[2])
    low = reduce(carried(shown, true, SCALE)[0][None], SCALE).clamp(0, 1)
    darker = 0.8 * shown + 0.05
    flows = [in_parts_of_a_site(low, one, true + 0.3, SCALE) for one in (shown, darker)]
    assert float((flows[0] - flows[1])[INNER].abs().max()) < 0.02


def test_a_slope_is_carried_exactly_and_the_outside_told():
    x = torch.arange(96.0).expand(3, 80, 96) / 96
    flow = torch.zeros(2, 10, 12)
    flow[0] = 2.25
    color, inside = carried(x, flow, SCALE)
    expected = (torch.arange(48.0) + 9.0) / 96
    torch.testing.assert_close(color, expected.expand(3, 40, 48), atol=1e-5, rtol=0)
    assert bool(inside.all())
    flow[0] = 15.0
    assert inside.shape == carried(x, flow, SCALE)[1].shape
    assert carried(x, flow, SCALE)[1].sum(1).unique().tolist() == [36.0]


@pytest.mark.parametrize(("along_x", "along_y"), [(0.0, 0.0), (0.25, -0.1), (-0.5, 0.3)])
def test_px_are_those_of_the_area(along_x: float, along_y: float):
    flow = flow_by([[along_x, 0.02, 3.0], [0.0, along_y, 1.0]])
    expected = ((1 + along_x) * (1 + along_y)) ** 0.5
    torch.testing.assert_close(
        px_along(flow)[INNER], torch.full((ROWS - 16, COLUMNS - 16), expected), atol=1e-3, rtol=0
    )
