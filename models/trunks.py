"""What works on features of low texels in the default network: trunks, and a second set of some."""

from typing import NamedTuple, final

from torch import nn

from texsr.models.blocks import ResidualBlock, residual_blocks
from texsr.models.port import Port, silence
from texsr.models.reference_attention import Look


@final
class Trunks(nn.Module):
    """What works on features of low texels, whatever the scale they came in by."""

    def __init__(self, *, width: int, reference_width: int, prior_blocks: int, blocks: int) -> None:
        """Take channels, and residual blocks of the first trunk and of the one that fuses."""
        super().__init__()
        self.prior = _starting(width, prior_blocks)
        self.context = nn.Conv2d(width, width, 3, padding=1)  # of the prior, as fusion wants it
        self.look = Look(width, reference_width)
        self.fusion = _starting(width, blocks)


@final
class Again(nn.Module):
    """What mixes the photos of a scale at the second look; the atlas alone says what it said."""

    def __init__(self, scale: int, *, width: int, reference_width: int, blocks: int) -> None:
        """Take high texels per low texel, channels, and residual blocks."""
        super().__init__()
        self.context = nn.Conv2d(width, width, 3, padding=1)
        self.look = Look(width, reference_width)
        self.fusion = _starting(width, blocks)
        self.port = Port(scale, width=width, reference_width=reference_width, proposes=False)


class Mixing(NamedTuple):
    """What mixes photos, at the first look or the second."""

    context: nn.Module
    look: Look
    fusion: nn.Module
    port: Port


def _starting(width: int, count: int) -> nn.Sequential:
    """Residual blocks that start as the identity, nearly."""
    blocks = residual_blocks(width, count, starts=(1.0, 0.1))
    for block in blocks:
        assert isinstance(block, ResidualBlock)
        silence(block.second.bias)
    return blocks
