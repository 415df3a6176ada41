"""What do AMRSR and MASA-SR cost as built here? `python tests/benchmarks/published_cost.py`

Each case in a process of its own, with untrained weights, on the CPU:

- AMRSR's hardest row: a low image of 64 x 64, references of 2048 x 2048, all parts of all of them
  compared; and its matching alone beside the machine's rate of multiplying matrices;
- MASA-SR on a scene of CUFED5 with five references stacked as its authors do, beside the same
  network written out with unfolding and folding.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from common import CAPTURES, REPOSITORY, Answer, Claim, tell_all
from network_process import MAXRSS_BYTES
from PIL import Image
from torch import Tensor
from torch.nn import functional

from texsr.models.amrsr import Amrsr, AmrsrConfig
from texsr.models.masa import Masa, MasaConfig, stacked
from texsr.models.matching import match
from texsr.models.parts import Choice, Parts
from texsr.models.resample import reduce

SCENE = CAPTURES.parent / "benchmarks" / "CUFED5_sample" / "test"
LOW_PX, REFERENCE_PX = 64, 2048
ROWS = ((1, 1, "LEVELS"), (4, 1, "LEVELS"), (4, 16, "LEVELS"), (4, 1, "RUNNING"))
PAPER = {(4, 1): (40.15, 127.0), (4, 16): (15.69, 265.0), (1, 1): (15.57, 84.0)}  # GB, s; a GPU
MOST_ABOVE_GB, LEAST_OF_GEMM = 1.0, 0.7
MOST_MASA_GB, LEAST_TIMES = 1.5, 1.5
GEMM_SIDE, REPEAT = 2304, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one case took."""

    seconds: float
    above_gb: float  # the most held, above what was held before: model and inputs
    peak_gb: float
    rate: float = 0.0  # of multiplying matrices: 1


def picture(side: int, rng: torch.Generator) -> Tensor:
    """Draw a picture with detail of several sizes."""
    total = torch.zeros(1, 3, side, side)
    for step, strength in ((64, 0.5), (16, 0.3), (4, 0.2)):
        coarse = torch.rand(1, 3, side // step + 1, side // step + 1, generator=rng)
        total += strength * functional.interpolate(coarse, (side, side), mode="bilinear")
    return total[0]


def costs(work: Callable[[], object]) -> Cost:
    """Do some work once."""
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_BYTES
    return Cost(seconds=seconds, above_gb=(peak - before) / 1e9, peak_gb=peak / 1e9)


def amrsr(references: str, parts: str, choice: str) -> Cost:
    """Restore with so many references, cut into so many parts."""
    rng = torch.Generator().manual_seed(0)
    network = Amrsr(AmrsrConfig()).eval().requires_grad_(False)
    low = picture(LOW_PX, rng)
    given = [picture(REFERENCE_PX, rng) for _ in range(int(references))]
    cut = Parts(of_references=int(parts), choice=Choice[choice])
    return costs(lambda: network(low, given, cut))


def matching() -> Cost:
    """Match the features of one reference; the rate beside a plain product of matrices."""
    rng = torch.Generator().manual_seed(0)
    query = torch.rand(256, LOW_PX, LOW_PX, generator=rng)
    keys = torch.rand(256, REFERENCE_PX // 4, REFERENCE_PX // 4, generator=rng)
    square = torch.rand(GEMM_SIDE, GEMM_SIDE, generator=rng)
    match(query, keys[:, :40])
    taken: list[float] = []
    for _ in range(REPEAT):
        start = time.perf_counter()
        torch.mm(square, square)
        taken.append(time.perf_counter() - start)
    cost = costs(lambda: match(query, keys))
    patches = (LOW_PX - 2) ** 2 * (REFERENCE_PX // 4 - 2) ** 2
    ours = patches * 9 * 256 / cost.seconds
    return Cost(**{**asdict(cost), "rate": ours / (GEMM_SIDE**3 / min(taken))})


def masa(literal: str) -> Cost:
    """Restore the scene, as built here or as written out."""

    def read(index: int) -> Tensor:
        with Image.open(SCENE / f"001_{index}.png") as image:
            raw = torch.frombuffer(bytearray(image.convert("RGB").tobytes()), dtype=torch.uint8)
            return raw.view(image.height, image.width, 3).permute(2, 0, 1).float() / 255

    truth = read(0)
    lack = [-side % 32 for side in truth.shape[1:]]
    whole = functional.pad(truth[None], (0, lack[1], 0, lack[0]), mode="replicate")
    low = reduce(whole, 4)[0]
    reference = stacked([read(index) for index in range(1, 6)])
    torch.manual_seed(0)
    network = Masa(MasaConfig()).eval().requires_grad_(False)
    if literal == "literal":
        sys.path.insert(0, str(REPOSITORY))
        from tests.oracles.masa import restore

        return costs(lambda: restore(network, low, reference))
    return costs(lambda: network(low, [reference]))


CASES: dict[str, Callable[..., Cost]] = {"amrsr": amrsr, "matching": matching, "masa": masa}


def apart(*case: object) -> Cost:
    """Run a case in a process of its own."""
    command = [sys.executable, __file__, "--case", *map(str, case)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Cost(**json.loads(done.stdout))


def amrsr_answer() -> Answer:
    """Answer what AMRSR takes."""
    found = {row: apart("amrsr", *row) for row in ROWS}
    matched = apart("matching")
    rows = [
        (
            f"{num} x {REFERENCE_PX}², N_R = {parts}, {choice.lower()}",
            *(f"{value:.0f}" for value in PAPER.get((num, parts), ())[1:]),
            *(f"{value:.2f}" for value in PAPER.get((num, parts), ())[:1]),
            f"{cost.seconds:.0f}",
            f"{cost.above_gb:.2f}",
        )
        for (num, parts, choice), cost in found.items()
    ]
    most = max(cost.above_gb for cost in found.values())
    return Answer(
        question="What does AMRSR take for its hardest row?",
        columns=("references", "paper, s (a GPU)", "paper, GB", "here, s", "here, GB above"),
        rows=rows,
        claims=[
            Claim(
                text=f"{most:.2f} GB above model and inputs (at most {MOST_ABOVE_GB})",
                met=most <= MOST_ABOVE_GB,
            ),
            Claim(
                text=f"matching one reference takes {matched.seconds:.1f} s: comparing all patches "
                f"at {matched.rate:.2f} of the rate of plain multiplication (at least "
                f"{LEAST_OF_GEMM})",
                met=matched.rate >= LEAST_OF_GEMM,
            ),
        ],
        inputs={"low": f"{LOW_PX}²", "threads": torch.get_num_threads()},
    )


def masa_answer() -> Answer:
    """Answer what MASA-SR takes."""
    ours, literal = apart("masa", "here"), apart("masa", "literal")
    times = literal.seconds / ours.seconds
    return Answer(
        question="What does MASA-SR take for five references of CUFED5?",
        columns=("", "s", "GB at most", "GB above model and inputs"),
        rows=[
            (name, f"{one.seconds:.1f}", f"{one.peak_gb:.2f}", f"{one.above_gb:.2f}")
            for name, one in (("here", ours), ("written out", literal))
        ],
        claims=[
            Claim(
                text=f"{ours.peak_gb:.2f} GB at most (at most {MOST_MASA_GB}; the authors' code: "
                "10.1)",
                met=ours.peak_gb <= MOST_MASA_GB,
            ),
            Claim(
                text=f"{times:.2f} times the speed of the same written out (at least "
                f"{LEAST_TIMES})",
                met=times >= LEAST_TIMES,
            ),
        ],
        inputs={"scene": "CUFED5 001, five references", "threads": torch.get_num_threads()},
    )


def main() -> None:
    """Read the command line."""
    made = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    made.add_argument("--json", type=Path, help="where to store the answers")
    made.add_argument("--parts", nargs="+", choices=("amrsr", "masa"), default=("amrsr", "masa"))
    made.add_argument("--case", nargs="+", help=argparse.SUPPRESS)
    asked = made.parse_args()
    if asked.case:
        with torch.inference_mode():
            cost = CASES[asked.case[0]](*asked.case[1:])
        sys.stdout.write(json.dumps(asdict(cost)))
        return
    answers = {"amrsr": amrsr_answer, "masa": masa_answer}
    tell_all([answers[part]() for part in asked.parts], asked.json)


if __name__ == "__main__":
    main()
