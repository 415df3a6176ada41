"""Make the sample capture again: `python -m texsr.assets.make_sample [DIR]`.

Everything in it comes from this package: no scan, no photograph, no font file, no download.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from texsr.assets.jar import make_jar
from texsr.pipeline.simulation import SimulateSettings
from texsr.pipeline.stages.simulate import simulate_surface

SEED = 20
TRUTH_TX = 1536
SETTINGS = SimulateSettings(num_photos=10, px_per_texel=0.75, max_elevation_deg=48.0)


def make_sample(folder: Path, *, truth_tx: int = TRUTH_TX) -> None:
    """Write `folder`/capture and `folder`/truth in place of what is there under these names.

    Args:
        folder: anything else in it is left alone.
        truth_tx: rows and columns of the truth; the capture's own atlas has a quarter of them.
    """
    rng = np.random.default_rng(SEED)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        made = simulate_surface(make_jar(truth_tx, rng), Path(work) / "new", SETTINGS, rng)
        for new in (made.capture, made.truth):
            shutil.rmtree(folder / new.name, ignore_errors=True)
            new.rename(folder / new.name)


if __name__ == "__main__":
    make_sample(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "sample")
