"""Does the tiling show? `python tests/benchmarks/invariance.py [--only NAME...] [--model NAME]`

The same capture with tiles of several sizes: the largest difference of any covered texel.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from common import NAMES, Answer, Claim, folder, parser, run, tell

from texsr.flows.settings import RunSettings
from texsr.pipeline.stages.load import load_capture

SIZES_TX = (64, 96, 128, 256)
MOST = 1  # 1/255


def differences(root: Path, model: str) -> list[tuple[int, int, float]]:
    """Give tile size, largest difference in 1/255, and share of covered texels that differ."""
    capture, settings = load_capture(root / "capture"), RunSettings(model=model)
    first: tuple[np.ndarray, np.ndarray] | None = None
    found: list[tuple[int, int, float]] = []
    for size in SIZES_TX:
        with run(capture, replace(settings, tile_size_tx=size)) as (done, _):
            high, covered = np.array(done.textures[0]), np.array(done.provenance[0][..., 0]) > 0
        if first is None:
            first = high, covered
            continue
        assert (covered == first[1]).all(), "what is covered depends on the tiles"
        change = np.abs(high.astype(np.int32) - first[0])[covered].max(axis=1)
        found.append((size, int(change.max()), float((change > 0).mean())))
    return found


def main() -> None:
    """Read the command line."""
    made = parser(__doc__)
    made.add_argument("--only", nargs="+", choices=NAMES, default=("tea_d07", "conch_x4"))
    made.add_argument("--model", default="auto", help="a name or a checkpoint file")
    asked = made.parse_args()
    rows: list[tuple[str | float | None, ...]] = []
    claims: list[Claim] = []
    for name in asked.only:
        for size, worst, share in differences(folder(asked.captures, name), asked.model):
            rows.append((name, f"{SIZES_TX[0]} and {size}", str(worst), f"{share:.5f}"))
            text = f"{name}: tiles of {SIZES_TX[0]} and {size} differ by {worst} at most ({MOST})"
            claims.append(Claim(text=text, met=worst <= MOST))
    tell(
        Answer(
            question="Does the tiling show?",
            columns=("capture", "tile sizes", "largest difference, 1/255", "texels that differ"),
            rows=rows,
            claims=claims,
            inputs={
                "captures": list(asked.only),
                "model": asked.model,
                "scale": 4,
                "tile_sizes_tx": SIZES_TX,
            },
        ),
        asked.json,
    )


if __name__ == "__main__":
    main()
