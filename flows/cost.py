"""What a piece of work costs: time, and the most memory it ever held."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from texsr.flows.memory import MIB, return_freed

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # proc(5): makes VmHWM start again from what is resident now


@dataclass(slots=True, kw_only=True)
class Cost:
    """Filled in when the work is over."""

    seconds: float = 0.0
    peak_mb: float | None = None  # MiB of the whole process; None: the system does not tell
    gpu_mb: float | None = None  # MiB that PyTorch held on the GPU; None: none was used
    above_mb: float | None = None  # MiB more than were held when it began, where the work was done


@contextmanager
def metered(device: str) -> Generator[Cost]:
    """Measure what is done inside.

    The memory is that of the process, its libraries included: what is resident when the work
    begins counts too, but for `Cost.above_mb`.
    """
    cost = Cost()
    on_gpu = device.startswith("cuda")
    return_freed()
    told = _forget_peak()
    before, gpu_before = _status_mb("VmRSS"), 0.0
    if on_gpu:
        import torch

        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        gpu_before = torch.cuda.memory_allocated() / MIB
    start = time.perf_counter()
    yield cost
    if on_gpu:
        import torch

        torch.cuda.synchronize()
        cost.gpu_mb = torch.cuda.max_memory_allocated() / MIB
    cost.seconds = time.perf_counter() - start
    cost.peak_mb = _status_mb("VmHWM") if told else None
    if cost.gpu_mb is not None:
        cost.above_mb = cost.gpu_mb - gpu_before
    elif cost.peak_mb is not None and before is not None:
        cost.above_mb = cost.peak_mb - before


def _forget_peak() -> bool:
    """Start the system's own high-water mark anew, where it lets us."""
    try:
        CLEAR.write_text(RESET_PEAK)
    except OSError:
        return False
    return True


def _status_mb(name: str) -> float | None:
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return None
    told = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return float(told[0]) / 1024 if told else None
