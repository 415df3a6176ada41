"""The facts that a trained checkpoint carries: what its model card is written from."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from texsr.flows.handles import encode
from texsr.flows.manifest import texsr_version
from texsr.flows.training_presets import Config
from texsr.flows.training_settings import TrainJob
from texsr.flows.training_start import Ground
from texsr.models.ciaosr import CiaosrConfig
from texsr.models.implicit_head import HeadConfig
from texsr.models.learner import TrainingSettings
from texsr.models.networks import named_by
from texsr.models.texsr import TexsrConfig

ABOUT = (
    "The default network of texsr: sharpens a tile of a texture atlas from any number of photos "
    "of the same surface, or from none."
)
ABOUT_VISUAL = (
    "The default network of texsr, fine-tuned for looks: it may invent detail that no photo shows."
)
ABOUT_PICTURES = (
    "{name} as trained by texsr: sharpens a picture or a tile of a texture atlas from "
    "photos that nothing aligns with it."
)
ABOUT_ALONE = "{name} as trained by texsr: enlarges a picture to any size by itself."
ABOUT_HEAD = (
    "A head for texsr's model '{model}', after CiaoSR: answers at any scale from 1.5 to 8 instead "
    "of reducing what the model makes."
)
LIMITS_HEAD = (
    "Beyond x4 it was trained on tiles that were reduced once more, and on their references so.",
    "It goes with the one checkpoint that it was trained for, and takes longer than to reduce.",
)
LIMITS_PICTURES = (
    "Of the published network it has the architecture, not the weights, and a short training.",
    "References are found where they lie at the tile's scale and turn, and show it sharply.",
)
LIMITS = (
    "Photos have to be calibrated to about half a low texel; what is further off is not found.",
    "Where no photo looks, the answer is that of small single-image networks.",
    "Objects and lights unlike the data above may be treated less well than the figures say.",
)
LIMIT_VISUAL = (
    "It may invent detail that no photo shows: it was rewarded for looks, by a perceptual and an "
    "adversarial loss. Not for measuring, documenting or identifying anything."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The steps that led to a checkpoint."""

    steps: int
    learning: TrainingSettings  # as the device had it
    commits: tuple[str, ...]  # of the code that took them, first to last


def facts_of(
    job: TrainJob, ground: Ground, taken: Taken, validation: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Gather the facts of a checkpoint.

    Args:
        job: what was asked for.
        ground: what was learnt from.
        taken: the steps that led to it.
        validation: of these weights: `validation`, `mean` and `step`; None: there was none.
    """
    visual = job.recipe.visual is not None
    about, limits = _described(ground.config)
    facts: dict[str, Any] = {
        "about": ABOUT_VISUAL if visual and about == ABOUT else about,
        "data": ground.data,
        "recipe": _recipe(job, ground, taken),
        "commit": ", then ".join(taken.commits),
        "limits": [LIMIT_VISUAL, *limits] if visual else list(limits),
        "may_invent": visual,
    }
    if validation is not None:
        captures = validation["validation"]
        facts["figures"] = {"mean validation PSNR-Y, dB": validation["mean"]}
        facts["validation"] = {"step": validation["step"], "psnr_y": captures}
        known = "1 validation capture" if len(captures) == 1 else f"{len(captures)} such captures"
        facts["headline"] = f"{validation['mean']:.2f} dB PSNR-Y in the mean over tiles of {known}"
    return facts


def _described(config: Config) -> tuple[str, tuple[str, ...]]:
    """Give a sentence on a network of a size, and its limits."""
    match config:
        case TexsrConfig():
            return ABOUT, LIMITS
        case HeadConfig(model=model):
            return ABOUT_HEAD.format(model=model), LIMITS_HEAD
        case CiaosrConfig():
            return ABOUT_ALONE.format(name="CiaoSR"), LIMITS_PICTURES[:1]
        case _:
            return ABOUT_PICTURES.format(name=named_by(config).upper()), LIMITS_PICTURES


def _recipe(job: TrainJob, ground: Ground, taken: Taken) -> dict[str, Any]:
    """Say what the training was told; names of files, without the folders of this machine."""
    material = job.material
    told = encode(job.recipe)
    del told["config"]  # the checkpoint has it, settled
    told["learning"] = encode(taken.learning)
    files = {"teacher": material.teacher, "from": material.start, "vgg": material.vgg}
    return {
        **told,
        "steps taken": taken.steps,
        "tiles": sum(ground.packs.values()),
        "packs": len(ground.packs),
        "threads": job.sitting.threads,
        **{name: "none" if path is None else path.name for name, path in files.items()},
    }


def code_commit() -> str:
    """Name the commit of the code that runs, or its version where it is no working copy."""
    here = Path(__file__).resolve()
    try:
        # An installed package may lie in a working copy of something else.
        _git(here.parent, "ls-files", "--error-unmatch", here.name)
        commit = _git(here.parent, "rev-parse", "--short=12", "HEAD")
        changed = _git(here.parent.parent, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return f"texsr {texsr_version()}"
    return commit + (" and changes" if changed else "")


def _git(folder: Path, *words: str) -> str:
    call = ("git", "-C", str(folder), *words)
    return subprocess.run(call, capture_output=True, text=True, check=True).stdout.strip()
