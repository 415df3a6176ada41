"""A second look at coarse photos: where it is taken, and that it starts as the first one."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.flat_tiles import HIGH, SCALE, photo
from texsr.models.alignment import (
    GAIN_CUE,
    NUM_CUES,
    PX_CUE,
    SHARE_CUE,
    align,
    in_any_light,
    without_references,
)
from texsr.models.resample import reduce
from texsr.models.scales import grown
from texsr.models.second_look import coarseness
from texsr.models.texsr import Texsr, TexsrConfig
from texsr.models.texsr_upscaler import TexsrUpscaler
from texsr.pipeline.references import Warped

CONFIG = TexsrConfig(width=8, prior_blocks=1, fusion_blocks=1, reference_width=6)
AGAIN = replace(CONFIG, looks_again=(SCALE,))


def shaken(network: Texsr) -> Texsr:
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=draw))
    return network.eval()


@pytest.fixture
def network() -> Texsr:
    torch.manual_seed(0)
    return shaken(Texsr(CONFIG))


def photographed(truth: Tensor, px: float) -> Warped:
    parts = tuple(photo(truth, px, offset) for offset in ((0.1, 0.4), (0.6, 0.2)))
    seen = [part.pixels[:, *part.px.long().flip(0)].float() / 255 for part in parts]
    low = HIGH // SCALE
    prior = torch.ones(1, 2, 2, low, low)
    prior[:, :, 1] = px
    return Warped(
        color=torch.stack(seen)[None],
        weight=torch.ones(1, 2, HIGH, HIGH),
        prior=prior,
        trust=torch.ones(1, 2),
        parts=parts,
    )


def test_it_starts_as_the_first_look(network, truth):
    more = grown(network, AGAIN).eval()
    low = reduce(truth, SCALE)
    aligned = align(low, photographed(truth, 0.5), SCALE)
    with torch.no_grad():
        first = more.answered(low, in_any_light(aligned), SCALE)
        second = more.answered(low, aligned, SCALE, again=True)
    for one, other in zip(first.outcome, second.outcome, strict=True):
        assert torch.equal(one, other)


def test_it_begins_where_the_first_look_did(network, truth):
    more = grown(network, AGAIN).eval()
    for parameter in more.again.parameters():
        torch.nn.init.normal_(parameter, std=0.1, generator=torch.manual_seed(3))
    asked = (
        reduce(truth, SCALE),
        align(reduce(truth, SCALE), photographed(truth, 0.5), SCALE),
        SCALE,
    )
    with torch.no_grad():
        first = more.answered(*asked)
        known = more.answered(*asked, again=True, begun=first.begun)
        found = more.answered(*asked, again=True)
    assert not torch.equal(known.outcome.high, first.outcome.high)
    for one, other in zip(known.outcome, found.outcome, strict=True):
        assert torch.equal(one, other)


def test_it_does_not_heed_by_how_much_photos_were_brought_to_the_contrast_of_the_atlas(
    network, truth
):
    more = grown(network, AGAIN).eval()
    for parameter in more.again.parameters():
        torch.nn.init.normal_(parameter, std=0.1, generator=torch.manual_seed(3))
    low = reduce(truth, SCALE)
    aligned = align(low, photographed(truth, 0.5), SCALE)
    cues = aligned.cues.clone()
    cues[:, :, GAIN_CUE] += 0.1
    darker = aligned._replace(cues=cues)
    with torch.no_grad():
        one, other = (more.answered(low, a, SCALE, again=True) for a in (aligned, darker))
        first, changed = (more.answered(low, a, SCALE) for a in (aligned, darker))
    assert torch.equal(one.outcome.high, other.outcome.high)
    assert not torch.equal(first.features, changed.features)


def test_what_a_network_had_stays_to_the_bit(network):
    more = grown(network, AGAIN).state_dict()
    for name, weight in network.state_dict().items():
        assert torch.equal(more[name], weight)
    assert {name.partition(".")[0] for name in more.keys() - network.state_dict().keys()} == {
        "again"
    }


def test_it_says_nothing_of_the_atlas_alone(network):
    names = [name for name in grown(network, AGAIN).again.state_dict() if "port" in name]
    assert names
    assert not any("entry" in name or "proposal" in name for name in names)


def test_photos_as_dense_as_texels_are_not_looked_at_again(network, truth):
    low, references = reduce(truth, SCALE), photographed(truth, 1.0)
    asked = low, references, SCALE
    first, second = (TexsrUpscaler(one)(*asked) for one in (network, grown(network, AGAIN)))
    assert torch.equal(first.high, second.high)
    assert torch.equal(first.confidence, second.confidence)


def test_coarse_ones_are_and_the_answer_stays_true_to_the_atlas(network, truth):
    low, references = reduce(truth, SCALE), photographed(truth, 0.5)
    asked = low, references, SCALE
    first, second = (TexsrUpscaler(one)(*asked) for one in (network, grown(network, AGAIN)))
    assert float((first.high - second.high).abs().mean()) > 1e-3
    torch.testing.assert_close(
        reduce(second.high, SCALE)[..., 4:-4, 4:-4], low[..., 4:-4, 4:-4], atol=2e-5, rtol=0
    )
    assert torch.equal(first.evidence, second.evidence)  # of photos, not of an answer in them


def test_it_fades_with_the_finest_photo_of_a_place():
    base, low = torch.zeros(1, 3, HIGH, HIGH), HIGH // SCALE
    cues = torch.zeros(1, 2, NUM_CUES, low, low)
    cues[:, 0, PX_CUE], cues[:, :, SHARE_CUE] = 0.4, 1.0
    cues[:, 1, PX_CUE] = torch.linspace(0.2, 1.2, low)
    cues[:, 1, SHARE_CUE, :4] = 0.0
    cues[:, :, SHARE_CUE, -4:] = 0.0
    found = coarseness(without_references(base, SCALE)._replace(cues=cues), SCALE)[0, 0]
    middle = found[HIGH // 2]
    assert float(middle[0]) == 1.0
    assert float(middle[-1]) == 0.0
    assert bool((middle.diff() <= 0).all())
    assert float(found[0, -1]) == 1.0  # the finer photo does not see that row
    assert not found[-1].any()  # nobody does


def test_a_second_look_is_at_a_scale_of_the_network():
    with pytest.raises(ValueError, match="8"):
        replace(CONFIG, looks_again=(8,))
