"""The batches of a training: each a function of the seed and its step alone.

So nothing of a random generator has to be kept to go on from a state, and batches can be drawn
ahead, side by side, without changing any.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, final

import numpy as np

from texsr.flows.head_batches import at_any_scale
from texsr.flows.picture_batches import draw_pictures, resized_truth
from texsr.flows.picture_examples import SCALE, Examples
from texsr.flows.training_batches import PackedTiles
from texsr.flows.training_settings import Learns, Recipe
from texsr.models.batches import Batch, PictureBatch
from texsr.pipeline.errors import SettingsError


class Drawn(NamedTuple):
    """What a step learns from."""

    batch: Batch | PictureBatch
    scale: int


Draw = Callable[[int], Drawn]
"""Draws the batch of a step, the first of which is 0."""


@final
class Drawer:
    """Draws from packed tiles, for the default network. A `Draw`."""

    def __init__(
        self, pools: Mapping[int, PackedTiles], recipe: Recipe, *, any_scale: bool = False
    ) -> None:
        """Take the tiles of every scale.

        Args:
            pools: tiles by scale.
            recipe: of the training.
            any_scale: truths are of any scale up to twice that of the tiles, as heads learn from.

        Raises:
            SettingsError: some are smaller than the crops.
        """
        self.pools, self.recipe, self.any_scale = dict(sorted(pools.items())), recipe, any_scale
        _check_crop(recipe, min(pool.least_side_tx for pool in pools.values()))

    def __call__(self, step: int) -> Drawn:
        """Draw the batch of a step, the first of which is 0."""
        recipe = self.recipe
        rng = np.random.default_rng([recipe.seed, step])
        scale = int(rng.choice(list(self.pools)))
        pool = self.pools[scale]
        lesson = step < recipe.learning.lessons
        alone = recipe.single_every and (step + 1) % recipe.single_every == 0
        wanted: Any = {"size": recipe.batch, "side_tx": recipe.side_tx}
        if recipe.learns is Learns.AGAIN:  # what a photo shows there hangs on all others
            batch = pool.crops(rng, count=recipe.pack.references, **wanted)
        elif lesson or alone:
            batch = pool.crops(rng, count=0, **wanted)
        else:
            batch = pool.draw(rng, **wanted)
        return Drawn(*at_any_scale(batch, rng, scale)) if self.any_scale else Drawn(batch, scale)


@final
class PictureDrawer:
    """Draws for networks over pictures. A `Draw`."""

    def __init__(self, sources: Sequence[Examples], recipe: Recipe, *, any_scale: bool) -> None:
        """Take where crops come from.

        Args:
            sources: with equal odds.
            recipe: its `single_every` is not used: one in seven batches has no references.
            any_scale: truths are of any scale up to x4, and there are no references.

        Raises:
            SettingsError: some are smaller than the crops.
        """
        self.sources, self.recipe, self.any_scale = sources, recipe, any_scale
        _check_crop(recipe, min(source.least_side_tx for source in sources))

    def __call__(self, step: int) -> Drawn:
        """Draw the batch of a step, the first of which is 0."""
        recipe = self.recipe
        rng = np.random.default_rng([recipe.seed, step])
        alone = self.any_scale or step < recipe.learning.lessons
        batch = draw_pictures(
            self.sources, rng, size=recipe.batch, side_tx=recipe.side_tx, alone=alone
        )
        return Drawn(resized_truth(batch, rng) if self.any_scale else batch, SCALE)


def _check_crop(recipe: Recipe, least_tx: int) -> None:
    if least_tx < recipe.side_tx:
        raise SettingsError(
            "--crop",
            found=f"{recipe.side_tx} texels",
            expected=f"at most {least_tx}: the smallest of the packed tiles",
            remedy=f"use --crop {least_tx}, or leave packs of small tiles out",
        )


def ahead(draw: Draw, steps: range, *, workers: int) -> Iterator[Drawn]:
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
