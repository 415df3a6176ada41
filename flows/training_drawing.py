"""The batches of a training: each a function of the seed and its step alone.

So nothing of a random generator has to be kept to go on from a state, and batches can be drawn
ahead, side by side, without changing any.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, final

import numpy as np

from texsr.flows.training_batches import PackedTiles
from texsr.flows.training_settings import Recipe
from texsr.models.training import Batch
from texsr.pipeline.errors import SettingsError


class Drawn(NamedTuple):
    """What a step learns from."""

    batch: Batch
    scale: int


@final
class Drawer:
    """Draws the batch of a step from packed tiles."""

    def __init__(self, pools: Mapping[int, PackedTiles], recipe: Recipe) -> None:
        """Take the tiles of every scale.

        Raises:
            SettingsError: some are smaller than the crops.
        """
        self.pools, self.recipe = dict(sorted(pools.items())), recipe
        least = min(min(p.low.shape[1:3]) for pool in pools.values() for p in pool.packs)
        if least < recipe.side_tx:
            raise SettingsError(
                "--crop",
                found=f"{recipe.side_tx} texels",
                expected=f"at most {least}: the smallest of the packed tiles",
                remedy=f"use --crop {least}, or leave packs of small tiles out",
            )

    def __call__(self, step: int) -> Drawn:
        """Draw the batch of a step, the first of which is 0."""
        recipe = self.recipe
        rng = np.random.default_rng([recipe.seed, step])
        scale = int(rng.choice(list(self.pools)))
        pool = self.pools[scale]
        lesson = step < recipe.learning.lessons
        alone = recipe.single_every and (step + 1) % recipe.single_every == 0
        wanted: Any = {"size": recipe.batch, "side_tx": recipe.side_tx}
        if lesson or alone:
            return Drawn(pool.crops(rng, count=0, **wanted), scale)
        return Drawn(pool.draw(rng, **wanted), scale)


def ahead(draw: Callable[[int], Drawn], steps: range, *, workers: int) -> Iterator[Drawn]:
    """Draw the batches of some steps in order; `workers` threads draw the next ones meanwhile."""
    if workers == 0:
        yield from map(draw, steps)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="batches")
    waiting: deque[Future[Drawn]] = deque()
    try:
        for step in steps:
            waiting.append(pool.submit(draw, step))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
