"""Make captures to time and weigh runs on: `python tests/benchmarks/make_capture.py --out DIR`.

The jar of the sample, at any size. A low atlas of up to 1024² comes with its truth; a larger one is
painted at its own resolution, because no photo of a sensible size could show four times more, and
DIR then holds a capture only.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from texsr.assets.jar import make_jar
from texsr.pipeline.simulation import SimulateSettings
from texsr.pipeline.stages.simulate import (
    place_cameras,
    simulate_surface,
    write_capture_mesh,
    write_photos,
)
from texsr.pipeline.studio import Studio

SCALE = 4
MAX_TRUTH_TX = 4096


def make_capture(out: Path, *, low_tx: int, settings: SimulateSettings, seed: int) -> None:
    """Write `out`/capture, and `out`/truth where there is one."""
    rng = np.random.default_rng(seed)
    if low_tx * SCALE <= MAX_TRUTH_TX:
        simulate_surface(make_jar(low_tx * SCALE, rng), out, settings, rng)
        return
    surface = make_jar(low_tx, rng)
    low = surface.atlases[0].stored
    cameras = place_cameras(surface, low.shape[:2], settings, rng)
    capture = out / "capture"
    write_photos(Studio(surface, low, settings), cameras, capture, settings, rng)
    write_capture_mesh(surface, low, capture)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Make a capture to benchmark on.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--low", type=int, default=512, help="side of the low atlas, tx")
    parser.add_argument("--photos", type=int, default=12)
    parser.add_argument("--photo-size", type=int, default=1200, help="side of a photo, px")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    settings = SimulateSettings(num_photos=asked.photos, photo_size_px=asked.photo_size)
    start = time.perf_counter()
    make_capture(asked.out, low_tx=asked.low, settings=settings, seed=asked.seed)
    print(f"{asked.out}/capture in {time.perf_counter() - start:.1f} s")  # noqa: T201


if __name__ == "__main__":
    main()
