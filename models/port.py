"""Where a scale enters and leaves the default network: what is said for each high texel."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from texsr.models.bands import NUM_BANDS
from texsr.models.texels import to_channels, to_texels

LEAST_ERROR = 0.25 / 255
DOUBT_WIDTH = 32


@final
class Port(nn.Module):
    """Where one scale enters and leaves: high texels as channels of low texels, and back."""

    def __init__(
        self, scale: int, *, width: int, reference_width: int, proposes: bool = True
    ) -> None:
        """Take the scale, and channels.

        Args:
            scale: high texels per low texel.
            width: of the trunks.
            reference_width: kept of each reference.
            proposes: an atlas enters, and detail by it alone leaves; otherwise what is made of
                photos alone passes.
        """
        super().__init__()
        self.scale = scale
        parts = scale * scale
        if proposes:
            self.entry = nn.Conv2d(3 + 3 * parts, width, 3, padding=1)
        self.reference = nn.Conv2d(3 * parts, reference_width, 3, padding=1)
        self.logit = nn.Conv2d(reference_width, parts, 1)
        self.mixed = nn.Conv2d(3 * parts, width, 3, padding=1)
        if proposes:
            self.proposal = nn.Conv2d(width, 3 * parts, 3, padding=1)
        self.correction = nn.Conv2d(width, 3 * parts, 3, padding=1)
        self.steady = nn.Conv2d(width, parts, 1)
        self.bands = nn.Conv2d(width, NUM_BANDS * parts, 1)
        self.heed = nn.Conv2d(width + parts, DOUBT_WIDTH, 1)
        self.error = nn.Conv2d(DOUBT_WIDTH, parts, 1)
        silent = [self.logit, self.correction, self.steady, self.bands, self.error]
        for head in (*silent, self.proposal) if proposes else silent:
            silence(head.weight, head.bias)

    def enter(self, low: Tensor, base: Tensor) -> Float[Tensor, "b c h w"]:
        """Take in the low texels, and what their faithful enlargement adds to them."""
        return self.entry(entering(low, base, self.scale))

    def fold(self, high: Tensor) -> Tensor:
        """High texels to channels."""
        return to_channels(high, self.scale)

    def unfold(self, low: Tensor) -> Tensor:
        """Channels to high texels."""
        return to_texels(low, self.scale)

    def propose(self, features: Tensor) -> Float[Tensor, "b 3 H W"]:
        """Detail by the atlas alone."""
        return self.unfold(self.proposal(features))

    def weigh(self, departure: Tensor) -> Float[Tensor, "b c h w"]:
        """Features of how the mixture departs from the proposal."""
        return self.mixed(self.fold(departure))

    def correct(self, features: Tensor) -> Float[Tensor, "b 3 H W"]:
        """The last residual."""
        return self.unfold(self.correction(features))

    def caution(self, features: Tensor) -> Float[Tensor, "b 1 H W"]:
        """How far to keep to weights-free attention where it leans on photos; half at the start."""
        return torch.sigmoid(self.unfold(self.steady(features)))

    def gains(self, features: Tensor) -> Float[Tensor, "b n H W"]:
        """What each fine band of a departure is multiplied by, less 1."""
        return self.unfold(self.bands(features))

    def doubt(
        self, features: Tensor, anticipated: Float[Tensor, "b 1 H W"]
    ) -> Float[Tensor, "b 1 H W"]:
        """Expected absolute error: the anticipated one, times what the features make of it."""
        told = self.fold(torch.log(anticipated)) * 0.2
        heeded = functional.relu(self.heed(torch.cat([features, told], dim=1)))
        times = torch.exp(self.unfold(self.error(heeded)).clamp(-4.0, 4.0))
        return (anticipated * times).clamp_min(LEAST_ERROR)


def entering(
    low: Float[Tensor, "b 3 h w"], base: Float[Tensor, "b 3 H W"], scale: int
) -> Float[Tensor, "b p h w"]:
    """Give low texels, and what their faithful enlargement adds to them, as channels."""
    added = to_channels(base, scale) - low.repeat_interleave(scale**2, dim=1)
    return torch.cat([low - 0.5, added], dim=1)


def silence(*parameters: Tensor | None) -> None:
    """Set parameters to zero: what they feed starts without a say."""
    for parameter in parameters:
        if parameter is not None:
            nn.init.zeros_(parameter)
