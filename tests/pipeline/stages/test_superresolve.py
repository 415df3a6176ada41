"""A tile through an upscaler: clipped, checked, and at a scale that it can do."""

import pytest
import torch

from texsr.models import load_upscaler
from texsr.models.protocol import Upscaled
from texsr.pipeline.errors import SettingsError
from texsr.pipeline.references import Cropped, Warped
from texsr.pipeline.stages.superresolve import native_scale, superresolve


class Overshooting:
    """Repeats texels, doubles their contrast and remembers what it was given."""

    name = "overshooting"
    scales = (2,)
    overlap_tx = 0
    max_references = None

    def __init__(self, faulty: float | None = None) -> None:
        self.faulty, self.given = faulty, None

    def bytes_per_texel(self, num_references, scale):
        return 10

    def fitted(self, samples, scale):
        return self

    def __call__(self, low, references, scale):
        self.given = references
        high = low.repeat_interleave(scale, 2).repeat_interleave(scale, 3) * 2 - 0.5
        if self.faulty is not None:
            high[0, 0, 0, 0] = self.faulty
        flat = torch.full_like(high[:, :1], 0.25)
        return Upscaled(high, flat, flat * 2)


def warped(k: int = 1) -> Warped:
    return Warped(
        color=torch.zeros(1, k, 3, 8, 8),
        weight=torch.zeros(1, k, 8, 8),
        prior=torch.zeros(1, k, 2, 4, 4),
        trust=torch.zeros(1, k),
    )


def test_colour_is_clipped_and_the_rest_handed_on():
    low = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(0))
    color, confidence, evidence = superresolve(low, None, Overshooting(), 2, "cpu")
    assert color.shape == (3, 8, 8)
    expected = (low * 2 - 0.5).clamp(0, 1).repeat_interleave(2, 1).repeat_interleave(2, 2)
    torch.testing.assert_close(color, expected)
    assert confidence.shape == evidence.shape == (8, 8)
    assert float(confidence[3, 3]) == 0.25
    assert float(evidence[3, 3]) == 0.5


def test_all_kinds_of_references_reach_the_upscaler():
    low = torch.rand(3, 4, 4)
    for references in (None, warped(), warped(0), Cropped(photos=[torch.rand(3, 5, 7)])):
        upscaler = Overshooting()
        superresolve(low, references, upscaler, 2, "cpu")
        assert type(upscaler.given) is type(references)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_never_reach_the_atlas(value):
    low = torch.rand(3, 4, 4)
    if value == float("inf"):
        color, _, _ = superresolve(low, None, Overshooting(value), 2, "cpu")
        assert float(color[0, 0, 0]) == 1.0
    else:
        with pytest.raises(AssertionError, match="overshooting"):
            superresolve(low, None, Overshooting(value), 2, "cpu")


@pytest.mark.parametrize(
    ("scale", "own"), [(1.5, 2), (2.0, 2), (2.01, 3), (3.3, 4), (4, 4), (4.5, 6), (7.9, 8), (8, 8)]
)
def test_other_scales_are_made_at_the_next_larger_one(scale, own):
    assert native_scale(load_upscaler("projection"), scale) == own


def test_an_upscaler_with_one_scale_does_all_below_it_and_names_it_where_it_ends():
    upscaler = Overshooting()
    assert native_scale(upscaler, 1.5) == native_scale(upscaler, 2.0) == 2
    with pytest.raises(SettingsError, match="overshooting") as caught:
        native_scale(upscaler, 2.5)
    assert caught.value.found == "2.5"
    assert "--scale 2" in caught.value.remedy
