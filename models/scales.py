"""More for a trained network: a scale, a second look, a single-image branch; the rest stays.

A scale gets trunks of its own that start as those of twice the scale (held as they are, they left
x2 of `fast` 2 to 4% more of the error after 300 to 500 steps), and a port that starts as a coarser
one, so that what is left to learn is little. High texels of twice the scale lie two by two in those
of a scale: what leaves a port is the mean of such fours. What enters one is found by least squares,
over a picture at both scales, so that what lies behind sees nearly the same. (The sum of weights
over fours would be right for pictures that are constant in fours. No enlargement of an atlas is,
and the first trunk sees little else: it said next to nothing then.)

A single-image branch serves nothing but one answer: that of the next finer scale lends its trunk to
begin with.
"""

from dataclasses import replace

import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional

from texsr.models.least_squares import fit
from texsr.models.port import Port, entering
from texsr.models.resample import enlarge_faithfully, reduce
from texsr.models.single import SingleBranch
from texsr.models.texsr import Texsr, TexsrConfig

HALF = 2
ADDING = ("reference", "mixed")  # ways in of what is added to an enlargement
GIVING = ("logit", "proposal", "correction", "steady", "bands", "error")
NOISE_TX, CONTRAST = 128, 0.25  # of the picture, in low texels and about grey
RIDGE, BORDER_TX = 1e-5, 8  # what weights of a way in cost; what is left out along the sides


def grown(network: Texsr, config: TexsrConfig) -> Texsr:
    """Give a copy with the ports and the branch of a configuration that has more of them.

    What the network has stays as it is. A port, trunks or a branch that it lacks start as those of
    twice the scale do, reduced, or anew where there are none; a second look as the first.
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
            _lend_trunks(network, wider, scale)
        if finer in network.single:
            branch = network.single[finer]
            assert isinstance(branch, SingleBranch)
            wider.single[str(scale)] = coarser_branch(branch)
    for scale in set(wider.config.looks_again) - set(network.config.looks_again):
        _lend_to_second_look(wider, scale)
    return wider


def _lend_to_second_look(network: Texsr, scale: int) -> None:
    """Let the second look at a scale start as the first one."""
    lent, again = (network.mixing(scale, again=second) for second in (False, True))
    for first, second in zip(lent, again, strict=True):
        known = second.state_dict().keys()
        second.load_state_dict({k: v for k, v in first.state_dict().items() if k in known})


def _lend_trunks(network: Texsr, wider: Texsr, scale: int) -> None:
    """Let trunks of a scale's own start as those of twice the scale."""
    lent, own = network.trunks_of(HALF * scale), wider.trunks_of(scale)
    if own is not wider:
        known = own.state_dict().keys()
        own.load_state_dict({k: v for k, v in lent.state_dict().items() if k in known})


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
    for name in GIVING:
        _give_means(_conv(coarse, name), _conv(port, name), port.scale)
    _take_in_alike(coarse, port)
    _heed_alike(coarse, port)
    return coarse


def _take_in_alike(coarse: Port, fine: Port) -> None:
    """Let a port of half the scale take in what another one takes in of the same picture."""
    ports, picture = (coarse, fine), _octaves_of_noise(NOISE_TX * fine.scale)
    low = reduce(picture, fine.scale)
    told, finer = bases = [enlarge_faithfully(low, port.scale) for port in ports]
    given, wanted = entering(low, told, coarse.scale), fine.enter(low, finer)
    fit(coarse.entry, given, wanted, ridge=RIDGE, border_tx=BORDER_TX)
    highs = reduce(picture, HALF), picture
    added = [port.fold(high - base) for port, high, base in zip(ports, highs, bases, strict=True)]
    for name in ADDING:
        wanted = _conv(fine, name)(added[1])
        fit(_conv(coarse, name), added[0], wanted, ridge=RIDGE, border_tx=BORDER_TX)


def _heed_alike(coarse: Port, fine: Port) -> None:
    """Let a port of half the scale heed expected errors, which vary little in fours, alike."""
    features = fine.heed.in_channels - fine.scale**2
    kept, told = fine.heed.weight[:, :features], fine.heed.weight[:, features:]
    fours = _fours(told.transpose(0, 1), fine.scale).sum((2, 4)).flatten(0, 2)
    coarse.heed.weight.copy_(torch.cat([kept, fours.transpose(0, 1)], dim=1))
    _set_bias(coarse.heed, fine.heed.bias)


def _octaves_of_noise(side_tx: int) -> Float32[Tensor, "1 3 s s"]:
    """Draw as much of every size of detail, as pictures have it; always the same."""
    drawn = torch.Generator().manual_seed(0)
    whole, octaves = (side_tx, side_tx), range(side_tx.bit_length() - 2)
    planes = [
        functional.interpolate(
            torch.randn(1, 3, *(side >> octave for side in whole), generator=drawn),
            whole,
            mode="bicubic",
        )
        for octave in octaves
    ]
    return 0.5 + torch.stack(planes).mean(0) * CONTRAST


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
