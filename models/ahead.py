"""What the default network says of an atlas alone, ahead of its tiles, as planes that can be cut.

Neither the single-image branch nor the first trunk needs a photo. Asked about large pieces of the
atlas, the same whatever the tiles are, they may look far and round as they like: no tile shows it,
and no tile's margin is worked through again. The features of the trunk are folded into planes of
high texels, so that one cut serves them and the answer.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from texsr.models.ensemble import turned, turned_back
from texsr.models.texels import to_channels, to_texels

COLORS = 3


class Ahead(NamedTuple):
    """What is known of a tile before its photos are looked at."""

    answer: Float[Tensor, "b 3 H W"]  # of the single-image branch
    features: Sequence[Float[Tensor, "b c h w"]] | None  # of the first trunk, turn by turn


def num_planes(scale: int, *, width: int, turns: int) -> int:
    """Give how many planes `folded` makes of an answer and of features of so many channels."""
    return COLORS + turns * -(-width // scale**2)


def folded(ahead: Ahead, scale: int) -> Float[Tensor, "b n H W"]:
    """Put answer and features into planes, the features turned back to where they are seen."""
    planes = [ahead.answer]
    for index, features in enumerate(ahead.features or ()):
        lack = -features.shape[1] % scale**2
        whole = functional.pad(turned_back(features, index), (0, 0, 0, 0, 0, lack))
        planes.append(to_texels(whole, scale))
    return torch.cat(planes, dim=1)


def unfolded(planes: Float[Tensor, "b n H W"], scale: int, *, width: int, turns: int) -> Ahead:
    """Undo `folded`, for a part of the planes; the answer alone has no features."""
    answer, rest = planes[:, :COLORS], planes[:, COLORS:]
    if rest.shape[1] == 0:
        return Ahead(answer, None)
    each = to_channels(rest, scale).chunk(turns, dim=1)
    return Ahead(answer, [turned(one[:, :width], index) for index, one in enumerate(each)])
