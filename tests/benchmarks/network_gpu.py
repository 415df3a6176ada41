"""How long does a tile take on a GPU? `python tests/benchmarks/network_gpu.py [--model NAME|FILE]`

One tile of 64² low texels (256² high ones) with 4 references: from and to the memory of the CPU, as
a run does it; then its parts on the device. Every time waits for the device to be done. Without a
CUDA device there is nothing to answer.
"""

import sys
import time
from collections.abc import Callable, Iterator
from statistics import median

import torch
from common import Answer, Claim, tell_all
from network_calls import NUM_REFERENCES, tile_input
from network_common import SCALE, network_of, network_parser
from network_timing import Timing
from rivals import num_parameters

from texsr.models.alignment import align
from texsr.models.consensus import register
from texsr.models.resample import make_consistent
from texsr.models.texsr_upscaler import TexsrUpscaler
from texsr.pipeline.stages.superresolve import superresolve

LOW_TX = 64
MOST_S, MOST_GB = 0.05, 2.0
WARM_UP = 10

Row = tuple[str | float | None, ...]


def ways(upscaler: TexsrUpscaler, device: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """List what is timed, what a run does first."""
    low, references = tile_input(LOW_TX, LOW_TX)
    here, near, network = low.to(device), references.to(device), upscaler.network
    aligned = align(here, near, SCALE)

    def in_full() -> object:
        outcome = network(here, register(align(here, near, SCALE), SCALE), SCALE)
        return make_consistent(outcome.high, here, SCALE)

    def in_half() -> object:
        with torch.autocast("cuda", torch.bfloat16):
            return network(here, aligned, SCALE)

    yield (
        "all, from and to the CPU (as a run does)",
        lambda: superresolve(low[0], references, upscaler, SCALE, device),
    )
    yield "all, on the device (as shipped)", lambda: upscaler(here, near, SCALE)
    yield "all, on the device, float32", in_full
    yield "network alone, bfloat16", in_half
    yield "network alone, float32", lambda: network(here, aligned, SCALE)


@torch.inference_mode()
def timed(call: Callable[[], object], repeat: int) -> tuple[Timing, float]:
    """Time a call to the end of its work on the device; give the most memory it held too, GB."""
    for _ in range(WARM_UP):
        call()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    taken: list[float] = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    timing = Timing(least_s=min(taken), median_s=median(taken), most_s=max(taken))
    return timing, torch.cuda.max_memory_allocated() / 1e9


def answer(upscaler: TexsrUpscaler, device: str, repeat: int) -> Answer:
    """Answer for one device."""
    found = [(name, *timed(call, repeat)) for name, call in ways(upscaler, device)]
    rows: list[Row] = [
        (name, f"{timing.median_s:.5f}", timing.spread, f"{held:.3f}")
        for name, timing, held in found
    ]
    _, timing, held = found[0]
    reserved = torch.cuda.max_memory_reserved() / 1e9
    high = LOW_TX * SCALE
    return Answer(
        question=f"How long does a tile of {high}² take `{upscaler.name}` on a GPU?",
        columns=("what", "median, s", "spread, s", "most memory, GB"),
        rows=rows,
        claims=[
            Claim(
                text=f"{timing.median_s:.4f} s, transfers included (at most {MOST_S})",
                met=timing.median_s <= MOST_S,
            ),
            Claim(text=f"{held:.3f} GB (at most {MOST_GB:g})", met=held <= MOST_GB),
        ],
        inputs={
            "low_tx": LOW_TX,
            "references": NUM_REFERENCES,
            "repetitions": repeat,
            "parameters": num_parameters(upscaler.network),
        },
        notes=f"PyTorch's tensors alone; its cache held {reserved:.3f} GB at most.",
    )


def main() -> None:
    """Read the command line."""
    made = network_parser(__doc__)
    made.add_argument("--repeat", type=int, default=50)
    asked = made.parse_args()
    if not torch.cuda.is_available():
        sys.stdout.write("skipped: no CUDA device\n")
        return
    upscaler = network_of(asked.model, "cuda")
    found = answer(upscaler, "cuda", asked.repeat)
    tell_all([found], asked.json, device=torch.cuda.get_device_name())


if __name__ == "__main__":
    main()
