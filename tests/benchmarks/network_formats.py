"""Would other layouts or number formats make the network faster? Part of `network_speed.py`."""

import copy
import shutil
from collections.abc import Callable, Iterator

import torch
from common import Answer
from network_calls import NUM_REFERENCES, tile_input
from network_common import SCALE
from network_timing import timed
from torch import Tensor

from texsr.models.alignment import Aligned, align
from texsr.models.outcome import Outcome
from texsr.models.texsr import Texsr
from texsr.models.texsr_upscaler import TexsrUpscaler


def variants(network: Texsr) -> Iterator[tuple[str, Callable[[Tensor, Aligned], Outcome]]]:
    """List ways to run the network, the shipped one first."""

    def contiguous() -> Texsr:
        return copy.deepcopy(network).to(memory_format=torch.contiguous_format)  # pyright: ignore

    def in_bfloat16(low: Tensor, aligned: Aligned) -> Outcome:
        with torch.autocast("cpu", torch.bfloat16):
            return network(low, aligned, SCALE)

    yield "float32, channels last (as shipped)", lambda low, one: network(low, one, SCALE)
    plain_layout = contiguous()
    yield "float32, channels first", lambda low, one: plain_layout(low, one, SCALE)
    yield "bfloat16 everywhere (autocast)", in_bfloat16
    if shutil.which("g++") is not None:
        compiled = torch.compile(network)
        yield "float32, compiled", lambda low, one: compiled(low, one, SCALE)


def formats(upscaler: TexsrUpscaler, shape: tuple[int, int], repeat: int) -> Answer:
    """Answer whether another layout or number format would pay."""
    low, references = tile_input(*shape)
    aligned = align(low, references, SCALE)
    shipped: tuple[float, Tensor] | None = None
    rows: list[tuple[str | float | None, ...]] = []
    for name, call in variants(upscaler.network):
        try:
            with torch.inference_mode():
                high = call(low, aligned).high.float()
            timing = timed(lambda call=call: call(low, aligned), repeat)
        except (RuntimeError, NotImplementedError) as error:
            rows.append((f"{name}: {type(error).__name__}", None, None, None, None))
            continue
        shipped = shipped or (timing.median_s, high)
        change = 255.0 * float((high - shipped[1]).abs().max())
        faster = f"{shipped[0] / timing.median_s:.2f}"
        rows.append((name, timing.median_s, timing.spread, faster, f"{change:.2g}"))
    if shutil.which("g++") is None:
        rows.append(("float32, compiled: no g++ here", None, None, None, None))
    return Answer(
        question=f"Would other layouts or number formats make `{upscaler.name}` faster?",
        columns=("how", "median, s", "spread, s", "times as fast", "largest change, 1/255"),
        rows=rows,
        claims=[],
        inputs={
            "tile_tx": list(shape),
            "references": NUM_REFERENCES,
            "threads": torch.get_num_threads(),
        },
        notes="The network and its branch on one tile; times as fast as the shipped way.",
    )
