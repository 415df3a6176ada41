"""Batches for networks over pictures, drawn from examples: turned, mirrored, of any scale."""

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from texsr.flows.picture_examples import SCALE, Example, Examples, planes
from texsr.models.batches import PictureBatch
from texsr.models.resample import resize

REFERENCE_COUNTS, COUNT_ODDS = (0, 1, 2, 4), (0.15, 0.35, 0.2, 0.3)


def draw_pictures(
    sources: Sequence[Examples], rng: np.random.Generator, *, size: int, side_tx: int, alone: bool
) -> PictureBatch:
    """Draw a batch of crops.

    Args:
        sources: drawn from with equal odds.
        rng: the same state gives the same batch.
        size: number of crops.
        side_tx: of each, in low texels.
        alone: without references.
    """
    source = sources[int(rng.integers(len(sources)))]
    count = 0 if alone else int(rng.choice(REFERENCE_COUNTS, p=COUNT_ODDS))
    found = [turned(source.example(rng, count=count, side_tx=side_tx), rng) for _ in range(size)]
    return PictureBatch(
        low=torch.stack([planes(one.low) for one in found]),
        references=[[planes(picture) for picture in one.references] for one in found],
        truth=torch.stack([planes(one.truth) for one in found]),
        covered=torch.stack([torch.from_numpy(one.covered).float()[None] for one in found]),
        reach=source.reach,
    )


def resized_truth(batch: PictureBatch, rng: np.random.Generator) -> PictureBatch:
    """Give the same crops at a scale between 1 and theirs, for networks of any scale."""
    height, width = batch.truth.shape[2:]
    share = float(rng.uniform(1.0 / SCALE, 1.0))
    size = round(height * share), round(width * share)
    return batch._replace(
        truth=resize(batch.truth, size).clamp(0, 1),
        covered=functional.interpolate(batch.covered, size, mode="nearest"),
    )


def turned(example: Example, rng: np.random.Generator) -> Example:
    """Turn and mirror an example, its references along with it."""
    turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))

    def made(image: np.ndarray) -> np.ndarray:
        image = np.rot90(image, turns)
        return np.ascontiguousarray(image[:, ::-1] if mirrored else image)

    return Example(*map(made, example[:3]), references=[made(one) for one in example.references])
