"""Part-based attention of the default network: what each reference says, mixed texel by texel."""

from enum import Enum, auto
from typing import NamedTuple, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from texsr.models.alignment import NUM_CUES, Aligned
from texsr.models.ensemble import Turns
from texsr.models.fusion import Weighed, mixed, shares_of
from texsr.models.port import Port, silence

Found = list[Float[Tensor, "b c h w"]]
"""Features of each reference: apart, since put together they would be copied more than once."""


class Attention(Enum):
    """How references are mixed."""

    LEARNED = auto()  # for each high texel
    WHOLE_PARTS = auto()  # one learned weight for all texels of a part
    STARTING = auto()  # as projection would


class Seen(NamedTuple):
    """What the references say of tiles."""

    mixture: Float[Tensor, "b 3 H W"]
    steady: Float[Tensor, "b 3 H W"]  # the same by the attention that a network starts with
    leaning: Float[Tensor, "b 1 H W"]  # [0, 1], share of that attention that goes to photos
    features: list[Float[Tensor, "b c h w"]]  # of each turn
    attention: Float[Tensor, "b k H W"]


@final
class Look(nn.Module):
    """Looks at every reference beside the proposal, and mixes them texel by texel."""

    def __init__(self, width: int, kept: int) -> None:
        """Take the channels of the trunks, and those kept of each reference."""
        super().__init__()
        self.cues = nn.Conv2d(NUM_CUES, kept, 1)
        self.place = nn.Conv2d(width, 2 * kept, 1)  # gain and offset for this place
        self.second = nn.Conv2d(kept, kept, 3, padding=1)
        self.consensus = nn.Conv2d(kept, kept, 1)
        self.gathered = nn.Conv2d(kept, width, 1, bias=False)  # silence says nothing
        silence(self.place.weight, self.place.bias)

    def forward(
        self,
        features: list[Tensor],
        alone: Tensor,
        aligned: Aligned,
        weighed: Weighed,
        port: Port,
        mode: Attention,
        turns: Turns,
    ) -> Seen:
        """Mix what the references say.

        Args:
            features: b c h w of the proposal, of each turn.
            alone: b 3 H W, the proposal.
            aligned: the references; at least one.
            weighed: by what attention starts from.
            port: of the scale.
            mode: how they are mixed.
            turns: of the tile.
        """
        logits, start = weighed
        looks = self._first(features, alone, aligned, port, turns)
        pooled = turns.each(functional.avg_pool2d(start, port.scale))
        looks = [self._second(*pair) for pair in zip(looks, pooled, strict=True)]
        learned = turns.mean([_logits_told(found, port) for found in looks])
        if mode is Attention.WHOLE_PARTS:
            learned = functional.avg_pool2d(learned, port.scale)
            learned = functional.interpolate(learned, scale_factor=float(port.scale))
        elif mode is Attention.STARTING:
            learned = torch.zeros_like(learned)
        attention = shares_of(logits + learned)  # b k H W
        mixture, steady = (
            alone * (1.0 - shares.sum(1, keepdim=True)) + mixed(aligned, shares)
            for shares in (attention, start)
        )
        share = turns.each(functional.avg_pool2d(attention, port.scale))
        gathered = [self.gathered(_gather(*pair)) for pair in zip(looks, share, strict=True)]
        return Seen(mixture, steady, start.sum(1, keepdim=True), gathered, attention)

    def _first(
        self, features: list[Tensor], alone: Tensor, aligned: Aligned, port: Port, turns: Turns
    ) -> list[Found]:
        """Features of each reference: its departure from the proposal, adapted to the place."""
        places = [self.place(one).chunk(2, dim=1) for one in features]
        looks: list[Found] = [[] for _ in features]
        for index in range(aligned.detail.shape[1]):  # high texels of all at once are large
            seen = aligned.weight[:, index : index + 1] > 0
            departures = turns.each((aligned.detail[:, index] - alone) * seen)
            cues = turns.each(aligned.cues[:, index])
            for found, (gain, offset), added, told in zip(
                looks, places, departures, cues, strict=True
            ):
                look = port.reference(port.fold(added)) + self.cues(told)
                found.append(functional.relu(look * (1.0 + gain) + offset))
        return looks

    def _second(self, looks: Found, share: Float[Tensor, "b k h w"]) -> Found:
        """Features of each reference that know of the others."""
        agreed = self.consensus(_gather(looks, share))
        return [functional.relu(self.second(look) + agreed) for look in looks]


def _logits_told(looks: Found, port: Port) -> Float[Tensor, "b k H W"]:
    """What to add to the logarithms of the weights that attention starts from."""
    return torch.cat([port.unfold(port.logit(look)) for look in looks], dim=1)


def _gather(looks: Found, share: Float[Tensor, "b k h w"]) -> Float[Tensor, "b c h w"]:
    total = looks[0] * share[:, :1]
    for index, look in enumerate(looks[1:], 1):
        total = torch.addcmul(total, look, share[:, index : index + 1])
    return total
