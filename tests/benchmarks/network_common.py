"""What the questions about the trained network share: what it is held against, and what it is."""

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from common import CAPTURES, NAMES, REPOSITORY, folder, parser, truth_of
from jaxtyping import Bool, UInt8
from PIL import Image
from torch import nn

from texsr.flows.settings import RunSettings
from texsr.flows.sharpen import build_upscaler
from texsr.models.checkpoint import SUFFIX, Checkpoint, write_checkpoint
from texsr.models.smfanet import enlarge_in_tiles, read_smfanet
from texsr.models.texsr import Texsr, TexsrConfig
from texsr.models.texsr_upscaler import TexsrUpscaler
from texsr.pipeline.capture import Capture
from texsr.pipeline.color import to_float, to_integer
from texsr.pipeline.resample import resize
from texsr.pipeline.stages.load import load_capture
from texsr.pipeline.stages.superresolve import Upscaler

SCALE = 4  # of the validation captures as they are
SCALES = (2, SCALE)
SINGLE_IMAGE = "SMFANet+"
WEIGHTS = CAPTURES.parent / "weights" / "smfanet_plus" / f"x{SCALE}.safetensors"
CACHE = REPOSITORY / ".scratch" / "smfanet_plus"
RANDOM, DRAWN = "random", 0.003


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """A validation capture and its answer."""

    name: str
    capture: Capture
    truth: UInt8[np.ndarray, "H W c"]
    mask: Bool[np.ndarray, "H W"]  # texels to score
    scale: int

    @property
    def low(self) -> np.ndarray:
        """The stored low atlas."""
        return self.capture.surface.atlases[0].stored

    @property
    def settings(self) -> RunSettings:
        """Of a run to the size of the answer."""
        return RunSettings(scale=self.scale)


def read_trial(captures: Path, name: str, scale: int = SCALE) -> Trial:
    """Read a validation capture by name; at another scale its atlas is the truth, reduced."""
    root = folder(captures, name)
    truth, mask = truth_of(root)
    capture = load_capture(root / "capture")
    if scale != SCALE:
        capture = _with_atlas(capture, _reduced(truth, scale))
    return Trial(name=name, capture=capture, truth=truth, mask=mask, scale=scale)


def _with_atlas(capture: Capture, stored: UInt8[np.ndarray, "h w c"]) -> Capture:
    (atlas,) = capture.surface.atlases
    surface = replace(capture.surface, atlases=(replace(atlas, stored=stored),))
    return replace(capture, surface=surface)


def _reduced(truth: UInt8[np.ndarray, "H W c"], scale: int) -> UInt8[np.ndarray, "h w c"]:
    height, width = (side // scale for side in truth.shape[:2])
    return to_integer(resize(to_float(truth), height=height, width=width), truth.dtype)


def single_image(trial: Trial) -> UInt8[np.ndarray, "H W 3"]:
    """Enlarge a low atlas by SMFANet+, once: the answer is kept in `.scratch/`."""
    weights = WEIGHTS.with_name(f"x{trial.scale}.safetensors")
    low = np.ascontiguousarray(trial.low[..., :3])
    digest = hashlib.sha256(low.tobytes() + weights.read_bytes()).hexdigest()[:12]
    kept = CACHE / f"{trial.name}.{digest}.png"
    if not kept.is_file():
        planes = torch.from_numpy(to_float(low)).permute(2, 0, 1)[None]
        high = enlarge_in_tiles(read_smfanet(weights), planes)[0].permute(1, 2, 0)
        stored = to_integer(high.contiguous().numpy(), np.dtype(np.uint8))
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(".part")
        Image.fromarray(stored).save(part, "PNG")
        part.replace(kept)
    with Image.open(kept) as image:
        return np.asarray(image)


def at_scale(scale: int) -> str:
    """Give what a question adds that is not asked at the captures' own scale."""
    return "" if scale == SCALE else f" at x{scale}"


def mean(values: Sequence[float]) -> float:
    """Give the plain mean."""
    return float(np.mean(values))


def network_parser(text: str | None) -> argparse.ArgumentParser:
    """Give a command line with what every question about the network takes."""
    made = parser(text)
    made.add_argument(
        "--model",
        default="auto",
        help=f"a name or a checkpoint file, as of `texsr run`; '{RANDOM}': untrained weights",
    )
    return made


def captures_option(made: argparse.ArgumentParser, *default: str) -> None:
    """Let a command line choose among the validation captures."""
    made.add_argument("--only", nargs="+", choices=NAMES, default=default or NAMES)


def scale_option(made: argparse.ArgumentParser) -> None:
    """Let a command line choose how far atlases were reduced."""
    made.add_argument("--scale", type=int, choices=SCALES, default=SCALE)


def model_of(asked: str, device: str = "cpu") -> Upscaler:
    """Build the upscaler that a command line names."""
    return random_network(device) if asked == RANDOM else build_upscaler(asked, device)


def network_of(asked: str, device: str = "cpu") -> TexsrUpscaler:
    """Build an upscaler that is the network; with untrained weights where another one is named.

    What it takes does not depend on its weights.
    """
    made = model_of(asked, device)
    return made if isinstance(made, TexsrUpscaler) else random_network(device)


def random_network(device: str = "cpu") -> TexsrUpscaler:
    """Build the network of the default size with weights that nobody trained.

    All are drawn, those too that start at zero and would keep parts of it silent.
    """
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        network = Texsr(TexsrConfig()).requires_grad_(False)
        for weight in network.parameters():
            weight.add_(torch.randn_like(weight), alpha=DRAWN)
    return TexsrUpscaler(network.to(device), "untrained network")


def parts_of(network: Texsr) -> tuple[nn.ModuleList, nn.ModuleList]:
    """Give what works at the scale of the question, and what of it sees the atlas alone."""
    scale, trunks = str(SCALE), network.trunks_of(SCALE)
    branch = [network.single[scale]] if network.single else []
    alone = [trunks.prior, *branch]
    shared = [network.ports[scale], trunks.context, trunks.look, trunks.fusion]
    again = [network.again[scale]] if SCALE in network.config.looks_again else []
    return nn.ModuleList([*shared, *again, *alone]), nn.ModuleList(alone)


def random_file(where: Path) -> Path:
    """Write the network with weights that nobody trained, for commands that take a file."""
    network, path = random_network().network, where / f"{RANDOM}{SUFFIX}"
    checkpoint = Checkpoint(
        architecture="texsr",
        config=asdict(network.config),
        weights=network.state_dict(),
        facts={},
    )
    write_checkpoint(path, checkpoint)
    return path
