"""High texels as channels of low texels, and back: as PyTorch's pixel shuffling does, but laid out.

Convolutions want the channels of a place side by side; all else works plane by plane. Each of the
two ways gives what comes next, in the one copy that it makes anyhow.
"""

from jaxtyping import Shaped
from torch import Tensor


def to_channels(high: Shaped[Tensor, "b c H W"], scale: int) -> Shaped[Tensor, "b p h w"]:
    """Put high texels into channels, `scale`² for each of theirs, channels last."""
    rows, columns = (side // scale for side in high.shape[2:])
    parted = high.unflatten(3, (columns, scale)).unflatten(2, (rows, scale))
    return parted.permute(0, 2, 4, 1, 3, 5).flatten(3).permute(0, 3, 1, 2)


def to_texels(low: Shaped[Tensor, "b p h w"], scale: int) -> Shaped[Tensor, "b c H W"]:
    """Undo `to_channels`; planes one after another."""
    parted = low.unflatten(1, (-1, scale, scale))
    return parted.permute(0, 1, 4, 2, 5, 3).flatten(4).flatten(2, 3)
