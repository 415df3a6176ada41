"""Do references that nothing aligns help? `python tests/benchmarks/cufed5.py [--model NAME|FILE]`

The scene of CUFED5 at hand, x4, rows cropped to a multiple of 4, with 0 to 5 of its references as
they are; PSNR and SSIM on Y over all pixels, and without four along every border.
"""

from pathlib import Path

import numpy as np
import torch
from common import CAPTURES, Answer, Claim, tell_all
from network_common import SCALE, SINGLE_IMAGE, WEIGHTS, model_of, network_parser
from PIL import Image
from torch import Tensor

from texsr.flows.photo_stances import photo_of
from texsr.flows.pictures import references_for
from texsr.models.resample import enlarge
from texsr.models.smfanet import read_smfanet
from texsr.pipeline.stages.measure import Score, measure

SCENE = CAPTURES.parent / "benchmarks" / "CUFED5_sample" / "test"
NUM_REFERENCES = 5
CROP_PX = 4
LEAST_DB, LEAST_SSIM = 23.29, 0.719


def planes(pixels: np.ndarray) -> Tensor:
    """Give stored pixels as planes in [0, 1]."""
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255


def read(index: int) -> np.ndarray:
    """Read one picture of the scene: 0 is the truth."""
    with Image.open(SCENE / f"001_{index}.png") as image:
        return np.asarray(image.convert("RGB"))


def scores(high: Tensor, truth: np.ndarray) -> tuple[Score, Score]:
    """Score at crop 0 and crop 4."""
    stored = torch.round(high.clamp(0, 1) * 255).to(torch.uint8).permute(1, 2, 0).numpy()
    everywhere = np.ones(truth.shape[:2], bool)
    inner = slice(CROP_PX, -CROP_PX), slice(CROP_PX, -CROP_PX)
    whole = measure(stored, truth, everywhere).result
    return whole, measure(stored[inner], truth[inner], everywhere[inner]).result


def main() -> None:
    """Read the command line."""
    asked = network_parser(__doc__).parse_args()
    upscaler = model_of(asked.model)
    truth = read(0)
    height, width = (side // SCALE * SCALE for side in truth.shape[:2])
    truth = truth[:height, :width]
    reduced = Image.fromarray(truth).resize(
        (width // SCALE, height // SCALE), Image.Resampling.BICUBIC
    )
    stored = np.asarray(reduced)
    low = planes(stored)[None]
    photos = [photo_of(read(index)) for index in range(1, NUM_REFERENCES + 1)]
    with torch.inference_mode():
        found = {
            "bicubic": enlarge(low, SCALE)[0],
            SINGLE_IMAGE: read_smfanet(Path(WEIGHTS))(low)[0],
        }
        for count in range(NUM_REFERENCES + 1):
            laid = references_for(stored, photos[:count], upscaler, SCALE)
            given = None if laid is None else laid.references
            found[f"{upscaler.name}, {count} references"] = upscaler(low, given, SCALE).high[0]
    scored = {name: scores(high, truth) for name, high in found.items()}
    rows = [
        (name, *(f"{value:.3f}" for one in pair for value in (one.psnr_y, one.ssim_y)))
        for name, pair in scored.items()
    ]
    best = scored[f"{upscaler.name}, {NUM_REFERENCES} references"][0]
    claim = Claim(
        text=f"{best.psnr_y:.3f} dB, {best.ssim_y:.4f} with {NUM_REFERENCES} references "
        f"(above {LEAST_DB}, {LEAST_SSIM}: {SINGLE_IMAGE})",
        met=best.psnr_y > LEAST_DB and best.ssim_y > LEAST_SSIM,
    )
    answer = Answer(
        question=f"What are references that nothing aligns worth to `{upscaler.name}`?",
        columns=("", "PSNR-Y, dB", "SSIM-Y", "PSNR-Y at crop 4", "SSIM-Y at crop 4"),
        rows=rows,
        claims=[claim],
        inputs={"scene": "CUFED5 001", "scale": SCALE, "model": upscaler.name},
        notes="Photos are matched by features of the network's own trunk; nothing was trained on "
        "such pairs.",
    )
    tell_all([answer], asked.json)


if __name__ == "__main__":
    main()
