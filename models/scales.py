"""More for a trained network: another scale, or a single-image branch; the rest stays as it is.

A scale gets a port that starts as a coarser one of the next finer port. High texels of twice the
scale lie two by two in those of a scale. So a port's weights, summed over such fours where they
take high texels in and averaged where they give some out, nearly say the same at half the scale;
what is left to learn is little, and the trunks need not change for it. A single-image branch serves
nothing but one answer: that of the next finer scale lends its trunk to begin with.
"""

from dataclasses import replace

import torch
from jaxtyping import Float32
from torch import Tensor, nn

from texsr.models.port import Port
from texsr.models.single import SingleBranch
from texsr.models.texsr import Texsr, TexsrConfig

HALF = 2
TAKING = {"entry": 3, "reference": 3, "mixed": 3, "heed": 1}  # planes of high texels, taken in last
GIVING = ("logit", "proposal", "correction", "steady", "bands", "error")


def grown(network: Texsr, config: TexsrConfig) -> Texsr:
    """Give a copy with the ports and the branch of a configuration that has more of them.

    What the network has stays as it is. A port or a branch that it lacks starts as a coarser one of
    that of twice its scale, or anew where there is none.
    """
    wider = Texsr(replace(config, scales=tuple(sorted(config.scales))))
    known = {k: v for k, v in network.state_dict().items() if k in wider.state_dict()}
    wider.load_state_dict({**wider.state_dict(), **known})
    for scale in set(wider.config.scales) - set(network.config.scales):
        finer = str(HALF * scale)
        if finer in network.ports:
            port = network.ports[finer]
            assert isinstance(port, Port)
            wider.ports[str(scale)] = coarser_port(port)
        if finer in network.single:
            branch = network.single[finer]
            assert isinstance(branch, SingleBranch)
            wider.single[str(scale)] = coarser_branch(branch)
    return wider


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
        _give_means(_conv(coarse, name), _conv(port, name), port.scale)
    return coarse


@torch.no_grad()
def coarser_branch(branch: SingleBranch) -> SingleBranch:
    """Give a single-image branch of half the scale that says what this one says, reduced."""
    width, blocks = branch.entry.out_channels, len(branch.trunk)
    coarse = SingleBranch(branch.scale // HALF, width=width, blocks=blocks)
    coarse.entry.load_state_dict(branch.entry.state_dict())
    coarse.trunk.load_state_dict(branch.trunk.state_dict())
    _give_means(coarse.proposal, branch.proposal, branch.scale)
    return coarse


def _give_means(made: nn.Conv2d, fine: nn.Conv2d, scale: int) -> None:
    """Let a convolution give the means of the fours that another one gives, at twice the scale."""
    made.weight.copy_(_fours(fine.weight, scale).mean((2, 4)).flatten(0, 2))
    _set_bias(made, None if fine.bias is None else _fours(fine.bias, scale).mean((2, 4)).flatten())


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
