"""What decides which model runs: the device, and what is shipped; and how an unfit one is told.

Importing this loads no PyTorch: whether a result is fresh is said within a second.
"""

from collections.abc import Generator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

from texsr.flows.manifest import stamp
from texsr.pipeline.errors import DependencyError, SettingsError

AUTOS = ("fast", "quality")  # `texsr.models.architectures.PREFERRED`, whose import loads PyTorch


def shipped_folder() -> Path:
    """Give the folder of shipped checkpoints, NAME.safetensors each; it may not be there."""
    return Path(str(files("texsr.assets") / "models"))


def shipped_content(model: str, head: str | None = None) -> dict[str, str]:
    """Give the SHA-256 of the shipped checkpoints that `--model`, `--head` may come to mean.

    They go by their names; a head by heads/MODEL/NAME.

    It says what a result was made by, wherever the package lies: `auto` may become any of `AUTOS`,
    a name is one, and a file is none (it is among the inputs of a result).
    """
    shipped = sorted(shipped_folder().glob("*.safetensors"))
    named = AUTOS if model == "auto" else (model,)
    meant = [path for path in shipped if path.stem in named]
    found = {path.stem: path for path in meant}
    if head is not None:
        places = {f"heads/{name}/{head}": f"heads/{name}/{head}.safetensors" for name in found}
        heads = {name: shipped_folder() / place for name, place in places.items()}
        found |= {name: path for name, path in heads.items() if path.is_file()}
    return {name: stamp(path).sha256 for name, path in found.items()}


def choose_device(wanted: str) -> str:
    """Give the device to run on.

    Raises:
        DependencyError: CUDA was asked for and is not there.
    """
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        raise DependencyError(
            "--device",
            found="no CUDA device",
            expected="one, since --device cuda asks for it",
            remedy="use --device auto, or install the CUDA build of PyTorch and its driver",
        )
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return wanted


@contextmanager
def told_as_settings() -> Generator[None]:
    """Turn what models say of a name or checkpoint into an error of the command line.

    Raises:
        SettingsError: no such model, or its checkpoint cannot be used.
    """
    from texsr.models.architectures import UnknownModelError
    from texsr.models.checkpoint import CheckpointError
    from texsr.models.heads import UnknownHeadError

    try:
        yield
    except UnknownHeadError as error:
        known = " or ".join(error.known) or "none: no head goes with this model"
        raise SettingsError(
            "--head",
            found=f"'{error.name}' for model '{error.model}'",
            expected=f"{known}; or a checkpoint file",
            remedy="leave it out; `texsr models` lists heads with their models, and "
            "`texsr train --preset ciaosr-head --from CHECKPOINT` makes one for --model CHECKPOINT",
        ) from None
    except UnknownModelError as error:
        close = get_close_matches(error.name, error.known, n=1)
        hint = f"did you mean '{close[0]}'? " if close else ""
        raise SettingsError(
            "--model",
            found=f"'{error.name}'",
            expected=f"{', '.join(error.known)}, or a checkpoint file",
            remedy=f"{hint}`texsr models` says what each is",
        ) from None
    except CheckpointError as error:
        raise SettingsError(
            error.where, found=error.found, expected=error.expected, remedy=error.remedy
        ) from error
