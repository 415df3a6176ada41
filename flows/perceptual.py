"""LPIPS, where its weights are at hand: they are neither shipped nor downloaded."""

import importlib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from texsr.flows.figures import Looks, Mask
from texsr.flows.methods import Stored
from texsr.pipeline.color import to_float
from texsr.pipeline.errors import SettingsError

if TYPE_CHECKING:
    from texsr.models.perceptual import Lpips

HINT = "docs/evaluation.md says how to get them"


def find_looks(path: Path | None, device: str) -> tuple[Looks | None, str]:
    """Give LPIPS, and where its weights come from; or None, and why there is none.

    Args:
        path: a safetensors file; None: those of the package `lpips`, if they are here already.
        device: where to compute it.

    Raises:
        SettingsError: the file that was given cannot be used.
    """
    if path is not None:
        return _measuring(_from_file(path).to(device), device), f"LPIPS by {path}"
    try:
        package = importlib.import_module("lpips")
    except ImportError:
        return None, f"LPIPS is left out: no --lpips FILE and no package lpips; {HINT}"
    trunks = Path(torch.hub.get_dir(), "checkpoints").glob("alexnet-*.pth")
    if not any(trunks):
        return None, f"LPIPS is left out: the package lpips has no weights of AlexNet yet; {HINT}"
    from texsr.models.perceptual import lpips_from

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torchvision, about how the package calls it
        state = package.LPIPS(net="alex", verbose=False).state_dict()
    return _measuring(lpips_from(state).to(device), device), "LPIPS by the package lpips"


def _from_file(path: Path) -> "Lpips":
    from safetensors import SafetensorError

    from texsr.models.perceptual import read_lpips

    try:
        return read_lpips(path)
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        raise SettingsError(
            "--lpips",
            found=f"{path}, which cannot be used ({type(error).__name__}: {error})",
            expected='the state of lpips.LPIPS(net="alex") as safetensors',
            remedy=HINT,
        ) from error


def _measuring(metric: "Lpips", device: str) -> Looks:
    from texsr.models.perceptual import LEAST_SIDE_PX

    def looks(high: Stored, truth: Stored, mask: Mask | None) -> float | None:
        if min(truth.shape[:2]) < LEAST_SIDE_PX:
            return None
        weight = None
        if mask is not None:
            weight = torch.from_numpy(mask.astype(np.float32))[None, None].to(device)
        return metric(_picture(high, device), _picture(truth, device), weight)

    return looks


def _picture(stored: Stored, device: str) -> Tensor:
    color = to_float(stored[..., :3] if stored.shape[2] >= 3 else stored[..., [0, 0, 0]])
    return torch.from_numpy(color).permute(2, 0, 1)[None].to(device)
