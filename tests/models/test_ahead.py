"""What is said of an atlas ahead of its tiles is what a tile would say, folded and cut."""

import pytest
import torch

from tests.pictures import picture
from texsr.models.ahead import Ahead, folded, num_planes, unfolded
from texsr.models.ensemble import Turns
from texsr.models.resample import reduce
from texsr.models.texsr import Texsr, TexsrConfig
from texsr.models.texsr_upscaler import TexsrUpscaler
from texsr.pipeline.references import Warped


@pytest.mark.parametrize(
    ("scale", "width", "turns"), [(4, 48, 2), (4, 20, 3), (2, 6, 1), (2, 5, 8)]
)
def test_unfolding_gives_back_what_was_folded(scale, width, turns):
    draw = torch.Generator().manual_seed(0)
    answer = torch.rand(2, 3, 6 * scale, 10 * scale, generator=draw)
    features = [
        torch.rand(2, width, *one.shape[2:], generator=draw)
        for one in Turns(turns).each(answer[..., ::scale, ::scale])
    ]
    planes = folded(Ahead(answer, features), scale)
    assert planes.shape[1] == num_planes(scale, width=width, turns=turns)
    back = unfolded(planes, scale, width=width, turns=turns)
    assert torch.equal(back.answer, answer)
    for one, other in zip(back.features, features, strict=True):
        assert torch.equal(one, other)
    assert unfolded(answer, scale, width=width, turns=turns).features is None


def test_features_lie_where_they_are_seen():
    low = torch.zeros(1, 3, 8, 12)
    low[..., 2:4, 6:9] = 1.0
    each = [one.mean(1, keepdim=True).expand(-1, 16, -1, -1) for one in Turns(8).each(low)]
    planes = folded(Ahead(torch.zeros(1, 3, 32, 48), each), 4)
    wanted = low[:, :1].repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert torch.equal(planes[:, 3:], wanted.expand(-1, 8, -1, -1))


@pytest.fixture
def upscaler() -> TexsrUpscaler:
    torch.manual_seed(0)
    config = TexsrConfig(
        width=8, prior_blocks=2, fusion_blocks=1, reference_width=6, turns=3,
        single_width=8, single_blocks=1,
    )  # fmt: skip
    network = Texsr(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape))
    return TexsrUpscaler(network)


def test_a_tile_with_what_was_said_before_is_answered_as_without(upscaler, monkeypatch):
    monkeypatch.setattr("texsr.models.texsr_upscaler.has_units_for_bf16", lambda device: False)
    high = picture(3, 96, 128)[None]
    low = reduce(high, 4)
    given = Warped(
        color=high[:, None].clamp(0, 1), weight=torch.ones(1, 1, 96, 128),
        prior=torch.ones(1, 1, 2, 24, 32), trust=torch.ones(1, 1),
    )  # fmt: skip
    planes = upscaler.single_answer(low, 4)
    plain, told = upscaler(low, given, 4).high, upscaler(low, given, 4, planes).high
    torch.testing.assert_close(told, plain, atol=1e-5, rtol=0)
    silenced = planes.clone()
    silenced[:, 3:] = 0.0
    other = upscaler(low, given, 4, silenced).high
    assert float((other - plain).abs().max()) > 1e-4  # they are what it goes on from
