"""The default network: any number of warped references, none included, over a learned prior.

It works on low texels. A trunk looks at the atlas alone and proposes detail (the single-image
answer). Every reference, already in the light of the atlas (`texsr.models.alignment`), is looked at
beside that proposal; a softmax for each high texel over the references and "none" then mixes the
proposal with what the photos say. Its logits start as the logarithms of the weights that
`projection` would give: an untrained network is the weights-free fusion, and what it learns is by
how much to depart from it. A second trunk sees the mixture and the features behind it, adds a
residual, and says for each texel how far to keep to the weights-free mixture after all: fine print
that photos agree on is best left as it is. Then it weighs the fine bands of what photos added: up
where lenses softened them, down where they are noise. Last, where no photo speaks, a wider
single-image branch does beside it (`texsr.models.single`).

The hierarchy is that of Pesavento, Volino, Hilton, "Attention-based Multi-Reference Learning for
Image Super-Resolution", ICCV 2021: first within a small window of a part (the texels of one low
texel and its neighbours; geometry leaves no more open), then over references. Adapting a
reference's features to the place follows the idea of spatial adaptation in Lu et al., "MASA-SR",
CVPR 2021. We differ: references arrive warped, attention is for each texel, and "none" is a choice.
"""

from dataclasses import dataclass, field
from typing import final

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from texsr.models.ahead import Ahead
from texsr.models.alignment import Aligned, in_any_light
from texsr.models.bands import balanced
from texsr.models.configuration import ADDED_LATER
from texsr.models.doubt import anticipated_error, contrast_share
from texsr.models.ensemble import Turns
from texsr.models.fusion import weighed
from texsr.models.outcome import Answered, Begun, Outcome
from texsr.models.port import Port
from texsr.models.reference_attention import Attention
from texsr.models.single import SingleBranch, share_of_branch
from texsr.models.trunks import Again, Mixing, Trunks

LEAST_SHARE = 1e-3  # of the branch in an answer: for less it is not asked


@dataclass(frozen=True, slots=True, kw_only=True)
class TexsrConfig:
    """The size of the network."""

    scales: tuple[int, ...] = (4,)
    """Scales with ports of their own."""
    width: int = 48
    """Channels of the trunks."""
    prior_blocks: int = 12
    """Residual blocks that see the atlas alone."""
    fusion_blocks: int = 3
    """Residual blocks that see everything."""
    reference_width: int = 32
    """Channels kept of each reference."""
    max_references: int = 4
    """References that a cell of the surface may use."""
    turns: int = 1
    """Turns and mirror images of a tile, of eight, whose answers are averaged on the way; training
    asks about a tile as it is."""
    single_width: int = field(default=0, metadata=ADDED_LATER)
    """Channels of the single-image branch, one a scale, which speaks where no photo does; 0: there
    is none, and what the first trunk proposes stands there."""
    single_blocks: int = field(default=0, metadata=ADDED_LATER)
    """Its residual blocks."""
    single_turns: int = field(default=1, metadata=ADDED_LATER)
    """The same as `turns`, of the branch."""
    own_trunks: tuple[int, ...] = field(default=(), metadata=ADDED_LATER)
    """Scales, of these, with trunks of their own; all others share theirs."""
    looks_again: tuple[int, ...] = field(default=(), metadata=ADDED_LATER)
    """Scales, of these, at which coarse photos are looked at a second time."""

    def __post_init__(self) -> None:
        for what, asked in (("trunks", self.own_trunks), ("second looks", self.looks_again)):
            if not set(asked) <= set(self.scales):
                raise ValueError(f"{what} for {asked}, scales {self.scales}")


@final
class Texsr(nn.Module):
    """The network; one instance serves every scale it has ports for."""

    def __init__(self, config: TexsrConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.ports = nn.ModuleDict(
            {
                str(scale): Port(scale, width=width, reference_width=config.reference_width)
                for scale in config.scales
            }
        )
        fusing = {
            "width": width,
            "reference_width": config.reference_width,
            "blocks": config.fusion_blocks,
        }
        trunks = {"prior_blocks": config.prior_blocks, **fusing}
        shared = Trunks(**trunks)
        self.prior, self.context = shared.prior, shared.context
        self.look, self.fusion = shared.look, shared.fusion
        self.own = nn.ModuleDict({str(scale): Trunks(**trunks) for scale in config.own_trunks})
        self.again = nn.ModuleDict({str(one): Again(one, **fusing) for one in config.looks_again})
        size = {"width": config.single_width, "blocks": config.single_blocks}
        branched = config.scales if config.single_width else ()
        self.single = nn.ModuleDict({str(one): SingleBranch(one, **size) for one in branched})

    def forward(
        self,
        low: Float32[Tensor, "b 3 h w"],
        aligned: Aligned,
        scale: int,
        attention: Attention = Attention.LEARNED,
    ) -> Outcome:
        """Super-resolve tiles.

        Args:
            low: sRGB-encoded, [0, 1].
            aligned: their references, with the faithful enlargement of `low` as base.
            scale: one of the config's.
            attention: how references are mixed; all but the default are ablations.
        """
        return self.answered(low, aligned, scale, attention).outcome

    def answered(
        self,
        low: Float32[Tensor, "b 3 h w"],
        aligned: Aligned,
        scale: int,
        attention: Attention = Attention.LEARNED,
        *,
        ahead: Ahead | None = None,
        again: bool = False,
        begun: Begun | None = None,
    ) -> Answered:
        """Super-resolve tiles, and give the features behind the answer.

        Args:
            low: as of a call, like those that follow.
            aligned: see there.
            scale: see there.
            attention: see there.
            ahead: what is known of the tiles already; None: nothing.
            again: this is the second look, at references that are `unaliased`.
            begun: what the first one began with; None: it is found.

        Raises:
            KeyError: there is no such scale, or no second look at it.
        """
        port, by = self._port(scale), self.mixing(scale, again=again)
        turns = Turns(1 if self.training else self.config.turns)
        begun = begun or self._begin(low, aligned, port, turns, ahead)
        aligned = in_any_light(aligned) if again else aligned
        alone, features = begun.alone, [by.context(one) for one in begun.features]
        seen = None
        if begun.weighed is not None:
            seen = by.look(features, alone, aligned, begun.weighed, by.port, attention, turns)
        mixture = alone if seen is None else seen.mixture
        fused = features
        if seen is not None:
            fused = [one + told for one, told in zip(fused, seen.features, strict=True)]
        departures = turns.each(mixture - alone)
        fused = [one + by.port.weigh(added) for one, added in zip(fused, departures, strict=True)]
        fused = [by.fusion(one) + one for one in fused]
        detail = mixture + turns.mean([by.port.correct(one) for one in fused])
        if seen is not None:
            caution = turns.mean([by.port.caution(one) for one in fused])
            detail = torch.lerp(detail, seen.steady, caution * seen.leaning)
            gains = turns.mean([by.port.gains(one) for one in fused])
            backed = seen.attention.sum(1, keepdim=True)
            detail = torch.addcmul(detail, balanced(detail - alone, gains), backed)
        shares = aligned.weight if seen is None else seen.attention  # no references: k = 0
        share = share_of_branch(shares.sum(1, keepdim=True))
        if self.single and float(share.detach().max()) >= LEAST_SHARE:
            answer = self.single_answer(low, scale) if begun.answer is None else begun.answer
            begun = begun._replace(answer=answer)
            # The last correction stays: it does good wherever a photo says a little.
            detail = torch.addcmul(detail, answer - aligned.base - alone, share)
        high = aligned.base + detail
        anticipated = turns.each(anticipated_error(high.detach(), begun.contrast_share))
        told = zip(fused, anticipated, strict=True)
        error = turns.mean([by.port.doubt(one.detach(), expected) for one, expected in told])
        return Answered(Outcome(high, aligned.base + alone, error, shares), fused[0], begun)

    def _begin(
        self, low: Tensor, aligned: Aligned, port: Port, turns: Turns, ahead: Ahead | None
    ) -> Begun:
        """Find what no look changes."""
        if ahead is None or ahead.features is None:
            features = self._first(low, aligned.base, port, turns)
        else:
            features = list(ahead.features)
        alone = turns.mean([port.propose(one) for one in features])
        weights = weighed(aligned, port.scale) if aligned.detail.shape[1] else None
        answer = None if ahead is None else ahead.answer
        return Begun(features, alone, weights, contrast_share(aligned, port.scale), answer)

    def ahead(
        self, low: Float32[Tensor, "b 3 h w"], base: Float32[Tensor, "b 3 H W"], scale: int
    ) -> Ahead:
        """Say of tiles, or of whole atlases, what can be said without photos.

        Args:
            low: sRGB-encoded, [0, 1].
            base: its faithful enlargement.
            scale: one of the config's.

        Raises:
            KeyError: there is no single-image branch.
        """
        first = self._first(low, base, self._port(scale), Turns(self.config.turns))
        return Ahead(self.single_answer(low, scale), first)

    def _first(
        self, low: Tensor, base: Tensor, port: Port, turns: Turns
    ) -> list[Float[Tensor, "b c h w"]]:
        """Give the features of the first trunk, turn by turn."""
        entered: list[Tensor] = []
        for one, enlarged in zip(turns.each(low), turns.each(base), strict=True):
            with torch.autocast(low.device.type, enabled=False):  # bf16 has no room for detail
                entered.append(port.enter(one, enlarged))
        prior = self.trunks_of(port.scale).prior
        return [prior(one) + one for one in entered]

    def single_answer(
        self, low: Float32[Tensor, "b 3 h w"], scale: int
    ) -> Float[Tensor, "b 3 H W"]:
        """Super-resolve tiles, or whole atlases, by the single-image branch.

        Args:
            low: sRGB-encoded, [0, 1].
            scale: one of the config's.

        Raises:
            KeyError: there is no branch.
        """
        turns = 1 if self.training else self.config.single_turns
        return self.single[str(scale)](low, turns)

    def halfway(
        self, low: Float32[Tensor, "b 3 h w"], base: Float32[Tensor, "b 3 H W"]
    ) -> Float[Tensor, "b c h w"]:
        """Give features by which images of the size of `low` can be compared.

        They are those in the middle of the first trunk: no longer colours, not yet detail.

        Args:
            low: sRGB-encoded, [0, 1].
            base: its faithful enlargement, by one of the config's scales.
        """
        port = self._port(base.shape[2] // low.shape[2])
        features, prior = port.enter(low, base), self.trunks_of(port.scale).prior
        for index in range(self.config.prior_blocks // 2):
            features = prior[index](features)
        return features

    def _port(self, scale: int) -> Port:
        port = self.ports[str(scale)]
        assert isinstance(port, Port)
        return port

    def mixing(self, scale: int, *, again: bool) -> Mixing:
        """Give what mixes photos at a scale, at the first look or the second."""
        if not again:
            trunks = self.trunks_of(scale)
            return Mixing(trunks.context, trunks.look, trunks.fusion, self._port(scale))
        second = self.again[str(scale)]
        assert isinstance(second, Again)
        return Mixing(second.context, second.look, second.fusion, second.port)

    def trunks_of(self, scale: int) -> "Trunks | Texsr":
        """Give what holds the trunks of a scale: the network itself, where they are shared."""
        if scale not in self.config.own_trunks:
            return self
        trunks = self.own[str(scale)]
        assert isinstance(trunks, Trunks)
        return trunks
