"""High texels as channels: PyTorch's pixel shuffling, laid out for what comes next."""

import pytest
import torch
from torch.nn import functional

from texsr.models.texels import to_channels, to_texels


@pytest.mark.parametrize(("scale", "channels"), [(4, 3), (2, 1), (3, 5)])
def test_it_is_pixel_shuffling(scale, channels):
    high = torch.rand(2, channels, 5 * scale, 7 * scale)
    folded = to_channels(high, scale)
    assert torch.equal(folded, functional.pixel_unshuffle(high, scale))
    assert folded.is_contiguous(memory_format=torch.channels_last)
    back = to_texels(folded, scale)
    assert torch.equal(back, high)
    assert back.is_contiguous()


def test_any_layout_does():
    low = torch.rand(1, 32, 6, 4)
    last = low.to(memory_format=torch.channels_last)
    assert torch.equal(to_texels(low, 4), to_texels(last, 4))
    assert torch.equal(to_texels(low, 4), functional.pixel_shuffle(low, 4))
