"""How many pieces of an atlas are worked on at a time."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Job = TypeVar("Job")
Made = TypeVar("Made")

WORKERS = 2  # pieces in flight; each runs PyTorch on one thread


def work_pool(workers: int = WORKERS) -> ThreadPoolExecutor:
    """Give a pool whose threads run PyTorch on one core each: pieces in flight are the parallelism.

    On planes of this size that takes two thirds of the time that two threads for each piece take.
    """
    return ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))


def worked_off(make: Callable[[Job], Made], jobs: Sequence[Job]) -> Iterator[Made]:
    """Work off jobs in such a pool, and give what is made in their order; one has all cores."""
    if len(jobs) == 1:
        yield make(jobs[0])
        return
    with work_pool() as pool:
        yield from pool.map(make, jobs)
