"""What holds for the time that a training sits at its work: signals that wait, threads."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

import torch


@contextmanager
def signals_waiting() -> Generator[threading.Event]:
    """Let SIGINT and SIGTERM set a flag, to be looked at between steps; a second one interrupts.

    Python delivers signals to its main thread alone: in another one nothing is changed.
    """
    stopping = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopping
        return

    def wait(number: int, frame: FrameType | None) -> None:
        if stopping.is_set():
            raise KeyboardInterrupt
        stopping.set()

    before = {number: signal.signal(number, wait) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def threads(count: int | None) -> Generator[None]:
    """Let PyTorch use so many threads on the CPU; None: as many as it does."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if count is None else count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
