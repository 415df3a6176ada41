"""How near does `projection` come to the truth? `python tests/benchmarks/quality.py`

PSNR-Y and SSIM-Y on covered texels, whether confidence ranks the true error, and the error across
chart seams, on every validation capture. The prototype's figures are quoted, not measured: those of
"blend + bp" in ../shared/data/README.md, where the captures are described.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common import NAMES, Answer, Claim, bicubic_of, folder, parser, run, tell, truth_of
from PIL import Image

from texsr.pipeline.stages.load import load_capture
from texsr.pipeline.stages.measure import luma_error, measure, seam_error, spearman

PROTOTYPE_DB = {  # quoted
    "bowl_d05": 38.90,
    "head_d035": 43.36,
    "poker_d07": 34.44,
    "tea_d035": 38.33,
    "tea_d07": 41.03,
    "conch_x4": 36.51,
    "skull_x4": 32.18,
}
LEAST_DB = {"conch_x4": 38.3, "skull_x4": 35.4}
MEAN_GAIN_DB = 1.0
LEAST_SPEARMAN = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured of one capture."""

    name: str
    bicubic_db: float
    psnr_y: float
    bicubic_ssim: float
    ssim_y: float
    spearman: float
    seam_bicubic: float
    seam_truth: float
    seam: float
    px_per_texel: float
    photo_backed: float
    seconds: float

    @property
    def over_prototype(self) -> float:
        """Gain over the prototype, dB."""
        return self.psnr_y - PROTOTYPE_DB[self.name]

    def row(self) -> tuple[str | float | None, ...]:
        """Give the row of the table."""
        return (
            self.name,
            self.bicubic_db,
            PROTOTYPE_DB[self.name],
            self.psnr_y,
            f"{self.over_prototype:+.2f}",
            f"{self.bicubic_ssim:.4f}",
            f"{self.ssim_y:.4f}",
            f"{self.spearman:.2f}",
            f"{self.seam_bicubic:.2f} / {self.seam_truth:.2f} / {self.seam:.2f}",
            f"{self.px_per_texel:.2f}",
            f"{self.photo_backed:.2f}",
            f"{self.seconds:.0f}",
        )


COLUMNS = (
    "capture",
    "bicubic",
    "prototype (quoted)",
    "projection",
    "over prototype",
    "SSIM-Y bicubic",
    "SSIM-Y projection",
    "Spearman",
    "seams bicubic / truth / projection",
    "photo px per texel",
    "photo-backed",
    "s",
)


def examine(name: str, root: Path, pictures: Path | None) -> Figures:
    """Run on one capture and score the result."""
    capture = load_capture(root / "capture")
    truth, mask = truth_of(root)
    low = capture.surface.atlases[0].stored
    with run(capture) as (done, seconds):
        high, origin, record = done.textures[0], done.provenance[0], done.record.atlases[0]
        scores = measure(high, truth, mask, low=low)
        assert scores.bicubic is not None
        seams = [seam_error(capture.surface, 0, x) for x in (bicubic_of(low, truth), truth, high)]
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.asarray(high[..., :3])).save(pictures / f"{name}.png")
            Image.fromarray(np.asarray(origin), "LA").save(pictures / f"{name}.provenance.png")
        return Figures(
            name=name,
            bicubic_db=scores.bicubic.psnr_y,
            psnr_y=scores.result.psnr_y,
            bicubic_ssim=scores.bicubic.ssim_y,
            ssim_y=scores.result.ssim_y,
            spearman=spearman(np.asarray(origin[..., 1]), luma_error(high, truth), mask),
            seam_bicubic=seams[0],
            seam_truth=seams[1],
            seam=seams[2],
            px_per_texel=record.worth.px_per_texel.median,
            photo_backed=record.share_photo_backed,
            seconds=seconds,
        )


def judge(found: list[Figures]) -> list[Claim]:
    """Hold the figures against what must be shown."""
    mean = float(np.mean([one.over_prototype for one in found]))
    claims = [
        Claim(
            text=f"{mean:+.2f} dB over the prototype in the mean of {len(found)} captures "
            f"(at least +{MEAN_GAIN_DB})",
            met=mean >= MEAN_GAIN_DB,
        )
    ]
    for one in found:
        pairs = [
            ("above the prototype", one.psnr_y, PROTOTYPE_DB[one.name]),
            ("not below bicubic", one.psnr_y, one.bicubic_db),
            ("Spearman", one.spearman, LEAST_SPEARMAN),
            ("error across seams", -one.seam, -max(one.seam_bicubic, one.seam_truth)),
        ]
        if one.name in LEAST_DB:
            pairs.append(("the figure asked of it", one.psnr_y, LEAST_DB[one.name]))
        claims += [
            Claim(text=f"{one.name}: {what}, {abs(is_):.2f} beside {abs(wanted):.2f}", met=ok)
            for what, is_, wanted in pairs
            for ok in [is_ > wanted if what == "above the prototype" else is_ >= wanted]
        ]
    return claims


def main() -> None:
    """Read the command line."""
    made = parser(__doc__)
    made.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    made.add_argument("--out", type=Path, help="where to leave the atlases to look at")
    asked = made.parse_args()
    found = [examine(name, folder(asked.captures, name), asked.out) for name in asked.only]
    rows = [one.row() for one in found]
    rows.append(_means(found))
    tell(
        Answer(
            question="How near does `projection` come to the truth?",
            columns=COLUMNS,
            rows=rows,
            claims=judge(found),
            inputs={"captures": list(asked.only), "scale": 4},
            notes="PSNR-Y in dB on covered texels; seam error in 1/255 of the surface's seams.",
        ),
        asked.json,
    )


def _means(found: list[Figures]) -> tuple[str | float | None, ...]:
    def mean(values: list[float]) -> float:
        return float(np.mean(values))

    return (
        "mean",
        mean([one.bicubic_db for one in found]),
        mean([PROTOTYPE_DB[one.name] for one in found]),
        mean([one.psnr_y for one in found]),
        f"{mean([one.over_prototype for one in found]):+.2f}",
        f"{mean([one.bicubic_ssim for one in found]):.4f}",
        f"{mean([one.ssim_y for one in found]):.4f}",
        f"{mean([one.spearman for one in found]):.2f}",
        None,
        None,
        None,
        None,
    )


if __name__ == "__main__":
    main()
