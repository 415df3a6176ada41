"""The new atlas on disk: made tile by tile in a memory map, brought to the size asked for."""

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np

from texsr.flows.facts import Tally
from texsr.flows.progress import Progress
from texsr.pipeline.capture import Capture
from texsr.pipeline.errors import OutputError
from texsr.pipeline.formats.images import drop_pages
from texsr.pipeline.stages.reduce import plan_reduction


class NewAtlas(NamedTuple):
    """Colour and provenance of one atlas, memory-mapped files."""

    color: np.memmap  # H W c, stored dtype
    origin: np.memmap  # H W 2 uint8: level, confidence

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.color.shape[0], self.color.shape[1]


def size_at(low_shape: tuple[int, int], scale: float) -> tuple[int, int]:
    """Give height and width of an atlas at a scale: each side rounded to a whole texel."""
    height, width = low_shape
    return round(height * scale), round(width * scale)


def create(work_dir: Path, name: str, shape: tuple[int, int], like: np.ndarray) -> NewAtlas:
    """Make the files of an atlas, with the channels and the sample type of `like`."""
    color = np.memmap(
        work_dir / f"high_{name}.raw", dtype=like.dtype, mode="w+", shape=(*shape, like.shape[2])
    )
    origin = np.memmap(
        work_dir / f"origin_{name}.raw", dtype=np.uint8, mode="w+", shape=(*shape, 2)
    )
    return NewAtlas(color, origin)


def reduce_into(new: NewAtlas, made: NewAtlas, progress: Progress) -> Tally:
    """Fill an atlas with what a larger one holds, band by band, and count its texels."""
    reduction = plan_reduction(made.shape, new.shape)
    tally = Tally()
    for rows in reduction.bands():
        new.color[rows] = reduction.color(made.color, rows)
        new.origin[rows] = reduction.origins(made.origin, rows)
        tally.add(new.origin[rows][..., 0])
        read = reduction.needed(rows)
        for done in (new.color[rows], new.origin[rows], made.color[read], made.origin[read]):
            drop_pages(done)
        progress("reduce", rows.stop, new.shape[0])
    return tally


def discard(made: NewAtlas) -> None:
    """Remove the files of an atlas that is no longer needed."""
    for each in made:
        Path(str(each.filename)).unlink()


def check_room(
    capture: Capture, scale: float, made_scale: int, beside: int, work_dir: Path
) -> None:
    """Check that atlases which are made larger first fit on the disk.

    Raises:
        OutputError: they do not.
    """
    needed = scratch_bytes(capture, scale, made_scale, beside)
    free = shutil.disk_usage(work_dir).free
    if free < needed:
        raise OutputError(
            f"--scale {scale:g}",
            found=f"{free / 1e9:.2f} GB free where the result goes",
            expected=f"{needed / 1e9:.2f} GB: x{scale:g} is made at x{made_scale} and reduced",
            remedy="free some space, give --out on another disk, or use a smaller --scale",
        )


def scratch_bytes(capture: Capture, scale: float, made_scale: int, beside: int) -> int:
    """Tell what the new atlases take while they are made, where they are made larger first.

    All of them stand at the end; the larger ones come and go one after the other, each with what
    was answered without references: `beside` bytes for each of its texels.
    """
    kept, passing = 0, 0
    for atlas in capture.surface.atlases:
        per_texel = atlas.stored.shape[2] * atlas.stored.dtype.itemsize + 2
        low = atlas.height_tx, atlas.width_tx
        kept += int(np.prod(size_at(low, scale))) * per_texel
        made = int(np.prod(size_at(low, made_scale)))
        passing = max(passing, made * (per_texel + beside))
    return kept + passing
