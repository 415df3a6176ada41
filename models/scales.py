"""More for a trained network: another scale, or a single-image branch; the rest stays as it is.

A scale gets a port that starts as a coarser one of the next finer port. High texels of twice the
scale lie two by two in those of a scale. So a port's weights, summed over such fours where they
take high texels in and averaged where they give some out, nearly say the same at half the scale;
what is left to learn is little, and the trunks need not change for it.
"""

from dataclasses import replace

import torch
from jaxtyping import Float32
from torch import Tensor, nn

from texsr.models.blocks import ResidualBlock
from texsr.models.port import Port
from texsr.models.single import SingleBranch
from texsr.models.texsr import Texsr, TexsrConfig

HALF = 2
TAKING = {"entry": 3, "reference": 3, "mixed": 3, "heed": 1}  # planes of high texels, taken in last
GIVING = ("logit", "proposal", "correction", "steady", "bands", "error")


def grown(network: Texsr, config: TexsrConfig) -> Texsr:
    """Give a copy with the ports and the branch of a configuration that has more of them.

    What the network has stays as it is. A port it lacks starts as a coarser one of the port of
    twice its scale, or anew where there is none; a single-image branch starts as the first trunk,
    widened, or anew where that has another number of blocks or is the wider one.
    """
    wider = Texsr(replace(config, scales=tuple(sorted(config.scales))))
    known = {k: v for k, v in network.state_dict().items() if k in wider.state_dict()}
    wider.load_state_dict({**wider.state_dict(), **known})
    for scale in set(wider.config.scales) - set(network.config.scales):
        if str(HALF * scale) in network.ports:
            finer = network.ports[str(HALF * scale)]
            assert isinstance(finer, Port)
            wider.ports[str(scale)] = coarser_port(finer)
    for scale, branch in wider.single.items():
        assert isinstance(branch, SingleBranch)
        if scale not in network.single and _widens(config):
            widen(branch, wider)
    return wider


def _widens(config: TexsrConfig) -> bool:
    same = config.single_blocks == config.prior_blocks
    return same and config.single_width >= config.width


@torch.no_grad()
def widen(branch: SingleBranch, network: Texsr) -> None:
    """Let a branch propose what a network's first trunk does; its further channels have no say yet.

    They listen from the start, so that they learn (Chen, Goodfellow, Shlens, "Net2Net: Accelerating
    Learning via Knowledge Transfer", ICLR 2016, of networks grown without forgetting).
    """
    port = network.ports[str(branch.scale)]
    assert isinstance(port, Port)
    _copy_into(branch.entry, port.entry)
    for made, block in zip(branch.trunk, network.prior, strict=True):
        assert isinstance(made, ResidualBlock)
        assert isinstance(block, ResidualBlock)
        _copy_into(made.first, block.first)
        _copy_into(made.second, block.second)
    _copy_into(branch.proposal, port.proposal)


def _copy_into(wide: nn.Conv2d, narrow: nn.Conv2d) -> None:
    """Set the first channels to those of a narrower convolution; others do not feed into them."""
    given, taken = narrow.out_channels, narrow.in_channels
    wide.weight[:given, :taken] = narrow.weight
    wide.weight[:given, taken:] = 0.0
    if wide.bias is not None and narrow.bias is not None:
        wide.bias[:given] = narrow.bias


def hold_all_of(known: Texsr, network: Texsr) -> None:
    """Let nothing of a network learn that another one, of which it has grown, has too."""
    held = known.state_dict().keys()
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name not in held)


@torch.no_grad()
def coarser_port(port: Port) -> Port:
    """Give a port of half the scale that nearly says what this one says, reduced."""
    coarse = Port(
        port.scale // HALF,
        width=port.entry.out_channels,
        reference_width=port.reference.out_channels,
    )
    for name, planes in TAKING.items():
        fine, made = _conv(port, name), _conv(coarse, name)
        others = fine.in_channels - planes * port.scale**2
        taken = _fours(fine.weight[:, others:].transpose(0, 1), port.scale).sum((2, 4))
        taken = taken.flatten(0, 2).transpose(0, 1)
        made.weight.copy_(torch.cat([fine.weight[:, :others], taken], dim=1))
        _set_bias(made, fine.bias)
    for name in GIVING:
        fine, made = _conv(port, name), _conv(coarse, name)
        made.weight.copy_(_fours(fine.weight, port.scale).mean((2, 4)).flatten(0, 2))
        bias = None if fine.bias is None else _fours(fine.bias, port.scale).mean((2, 4)).flatten()
        _set_bias(made, bias)
    return coarse


def _conv(port: Port, name: str) -> nn.Conv2d:
    conv = getattr(port, name)
    assert isinstance(conv, nn.Conv2d)
    return conv


def _fours(weights: Tensor, scale: int) -> Float32[Tensor, "n p 2 q 2 ..."]:
    """Part an axis of folded planes into planes, rows and columns of fours, and their members."""
    half = scale // HALF
    return weights.unflatten(0, (-1, half, HALF, half, HALF))


def _set_bias(conv: nn.Conv2d, bias: Tensor | None) -> None:
    if conv.bias is not None and bias is not None:
        conv.bias.copy_(bias)
