"""What a piece of work costs: time, and the most memory it ever held."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # proc(5): makes VmHWM start again from what is resident now
MIB = 2**20


@dataclass(slots=True, kw_only=True)
class Cost:
    """Filled in when the work is over."""

    seconds: float = 0.0
    peak_mb: float | None = None  # MiB of the whole process; None: the system does not tell
    gpu_mb: float | None = None  # MiB that PyTorch held on the GPU; None: none was used


@contextmanager
def metered(device: str) -> Generator[Cost]:
    """Measure what is done inside.

    The memory is that of the process, its libraries included: what is resident when the work
    begins counts too.
    """
    cost = Cost()
    on_gpu = device.startswith("cuda")
    told = _forget_peak()
    if on_gpu:
        import torch

        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    yield cost
    if on_gpu:
        import torch

        torch.cuda.synchronize()
        cost.gpu_mb = torch.cuda.max_memory_allocated() / MIB
    cost.seconds = time.perf_counter() - start
    cost.peak_mb = _peak_mb() if told else None


def _forget_peak() -> bool:
    """Start the system's own high-water mark anew, where it lets us."""
    try:
        CLEAR.write_text(RESET_PEAK)
    except OSError:
        return False
    return True


def _peak_mb() -> float | None:
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return None
    peak = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return float(peak[0]) / 1024 if peak else None
