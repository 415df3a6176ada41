"""A plane whose texels are known, and an architecture of three weights by name."""

import pytest
from torch import Tensor

from tests.flat_tiles import HIGH
from tests.stand_in_models import TINY
from texsr.models.degradation import smooth_field
from texsr.models.networks import ARCHITECTURES


@pytest.fixture
def truth(rng) -> Tensor:
    """Grey, with detail down to a few texels."""
    field = smooth_field(rng, 1, (HIGH, HIGH), 2.0)[None]
    return (0.5 + 0.15 * field / field.std()).clamp(0.05, 0.95).expand(1, 3, HIGH, HIGH)


@pytest.fixture
def tiny(monkeypatch) -> None:
    """Know the stand-in architecture by name as long as the test runs."""
    monkeypatch.setitem(ARCHITECTURES, "tiny", lambda: TINY)
