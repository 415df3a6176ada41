"""Are AMRSR, MASA-SR, RRSR and CiaoSR of the published size? `python .../published_sizes.py`

Parameters, and multiply-accumulates for a low image of 64 x 64 and references of 256 x 256, counted
as PyTorch counts them, beside what the papers say or what was counted in their authors' code.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from common import REPOSITORY, Answer, Claim, tell_all
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from texsr.models.amrsr import Amrsr, AmrsrConfig
from texsr.models.ciaosr import Ciaosr, CiaosrConfig
from texsr.models.masa import Masa, MasaConfig
from texsr.models.rrsr import Aligned, Rrsr, RrsrConfig

sys.path.insert(0, str(REPOSITORY))
MOST_OFF = 0.005
LOW, HIGH = 64, 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One network, or a part of one."""

    what: str
    parameters: int
    published_millions: float
    gmac: float
    published_gmac: float | None

    @property
    def off(self) -> float:
        """The larger of both departures, as a share; figures are rounded as they were published."""
        shares = [abs(round(self.parameters / 1e6, 2) / self.published_millions - 1.0)]
        if self.published_gmac is not None:
            shares.append(abs(round(self.gmac, 1) / self.published_gmac - 1.0))
        return max(shares)


def gmac(call: nn.Module, *given: object) -> float:
    """Count a call without running it where it can be helped."""
    with FlopCounterMode(display=False) as counted, torch.no_grad():
        call(*given)
    return counted.get_total_flops() / 2e9


def size(*parts: nn.Module) -> int:
    """Count parameters."""
    return sum(weight.numel() for part in parts for weight in part.parameters())


def amrsr() -> list[Counted]:
    """Generator and trunk."""
    network = Amrsr(AmrsrConfig())
    levels = [torch.rand(1, 64 << i, HIGH >> i, HIGH >> i) for i in range(3)]
    generator = gmac(network.generator, torch.rand(1, 3, LOW, LOW), levels)
    trunk = gmac(network.trunk, torch.rand(1, 3, HIGH, HIGH))
    return [
        Counted(
            what="AMRSR, generator",
            parameters=size(network.generator),
            published_millions=4.08,
            gmac=generator,
            published_gmac=53.6,
        ),
        Counted(
            what="VGG19 to relu3_1, each 256²",
            parameters=size(network.trunk),
            published_millions=0.56,
            gmac=trunk,
            published_gmac=7.4,
        ),
    ]


def masa() -> list[Counted]:
    """As built here, and written out with unfolding, as its authors have it."""
    from tests.oracles.masa import restore

    network = Masa(MasaConfig()).eval()
    low, reference = torch.rand(3, LOW, LOW), torch.rand(3, HIGH, HIGH)
    with FlopCounterMode(display=False) as literal, torch.no_grad():
        restore(network, low, reference)
    return [
        Counted(
            what="MASA-SR",
            parameters=size(network),
            published_millions=4.03,
            gmac=found,
            published_gmac=published,
        )
        for found, published in (
            (literal.get_total_flops() / 2e9, 86.3),
            (gmac(network, low, [reference]), None),
        )
    ]


def rrsr() -> list[Counted]:
    """Restoration and extractors."""
    network = Rrsr(RrsrConfig())
    levels = [torch.rand(1, 64 << i, HIGH >> i, HIGH >> i) for i in range(3)]
    aligned = Aligned(levels, torch.zeros(1, 9, 2, LOW, LOW))
    restoration = gmac(network.restoration, torch.rand(1, 3, LOW, LOW), aligned)
    return [
        Counted(
            what="RRSR, restoration",
            parameters=size(network.restoration),
            published_millions=22.59,
            gmac=restoration,
            published_gmac=226.2,
        ),
        Counted(
            what="RRSR, extractors",
            parameters=size(network.asking, network.known),
            published_millions=1.11,
            gmac=2 * gmac(network.asking, torch.rand(1, 3, HIGH, HIGH)),
            published_gmac=None,
        ),
    ]


def ciaosr() -> list[Counted]:
    """As built here, and with the inner attention made for every 30,000 points."""
    from tests.oracles.ciaosr import GROUP

    network = Ciaosr(CiaosrConfig()).to("meta")
    low = torch.rand(1, 3, LOW, LOW, device="meta")
    ours = gmac(network, low, HIGH, HIGH)
    inner = gmac(network.head.inner, torch.rand(1, 64, LOW, LOW, device="meta"))
    again = ours + (-(-(HIGH**2) // GROUP) - 1) * inner
    return [
        Counted(
            what="CiaoSR on EDSR",
            parameters=size(network),
            published_millions=2.65,
            gmac=found,
            published_gmac=published,
        )
        for found, published in ((again, 329.0), (ours, None))
    ]


def main() -> None:
    """Read the command line."""
    made = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    made.add_argument("--json", type=Path, help="where to store the answer")
    asked = made.parse_args()
    torch.manual_seed(0)
    counted = [*amrsr(), *masa(), *rrsr(), *ciaosr()]
    rows = [
        (
            one.what,
            f"{one.parameters:,}",
            f"{one.published_millions:.2f} M",
            f"{one.gmac:.1f}",
            "" if one.published_gmac is None else f"{one.published_gmac:.1f}",
        )
        for one in counted
    ]
    claims = [
        Claim(
            text=f"{one.what}: within {one.off:.2%} (at most {MOST_OFF:.1%})",
            met=one.off <= MOST_OFF,
        )
        for one in counted
        if one.published_gmac is not None
    ]
    answer = Answer(
        question="Are the published networks of the published size?",
        columns=("", "parameters", "published", "GMAC", "published GMAC"),
        rows=rows,
        claims=claims,
        inputs={"low": f"{LOW}²", "reference": f"{HIGH}²"},
        notes="MASA-SR written out with unfolding, and CiaoSR with its inner attention made for "
        "every 30,000 points, are as their authors' code counts; the rows after them, without a "
        "published figure, are as built here.",
    )
    tell_all([answer], asked.json)


if __name__ == "__main__":
    main()
