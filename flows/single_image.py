"""Single-image networks from files, to be measured beside ours."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32, Shaped, UInt8, UInt16
from torch import Tensor
from torch.nn import functional

from texsr.pipeline.color import to_float, to_integer
from texsr.pipeline.errors import DependencyError, SettingsError

Stored = UInt8[np.ndarray, "_ _ _"] | UInt16[np.ndarray, "_ _ _"]

TILE_PX, MARGIN_PX = 128, 16  # those of the published baseline figures
PICKLES = {".pth", ".pt", ".ckpt"}


@runtime_checkable
class Network(Protocol):
    """Enlarges RGB in [0, 1] by a fixed scale."""

    @property
    def scale(self) -> int:
        """Output pixels per input pixel and axis."""
        ...

    def __call__(self, low: Float32[Tensor, "1 3 h w"], /) -> Shaped[Tensor, "1 3 H W"]:
        """Enlarge."""
        ...


def read_smfanet_file(path: Path, device: str) -> Network:
    """Read the weights of SMFANet+.

    Raises:
        SettingsError: there is no such file, or it holds other weights.
    """
    from safetensors import SafetensorError

    from texsr.models.smfanet import read_smfanet

    _check_there(path, "--smfanet")
    try:
        return read_smfanet(path).requires_grad_(False).to(device)
    except (SafetensorError, KeyError, RuntimeError) as error:
        raise _not_usable("--smfanet", path, error, "SMFANet+'s weights as safetensors") from error


def read_any_network(path: Path, device: str, *, allow_pickle: bool) -> Network:
    """Read a single-image network of any architecture that spandrel knows.

    Raises:
        SettingsError: there is no such file, it is a pickle and none is allowed, or it holds
            something else than a network that enlarges RGB.
        DependencyError: spandrel is not installed.
    """
    _check_there(path, "--spandrel")
    if path.suffix.lower() in PICKLES and not allow_pickle:
        raise SettingsError(
            "--spandrel",
            found=f"{path}, a pickle, which can run code when it is read",
            expected="a .safetensors file",
            remedy="convert it, or give --allow-pickle if you trust where it comes from",
        )
    loaded = _spandrel_loader(device)(path)
    if not _enlarges_rgb(loaded):
        what = f"{type(loaded).__name__} of {getattr(loaded, 'input_channels', '?')} channels"
        raise _not_usable("--spandrel", path, what, "a network that makes RGB images larger")
    return loaded


def enlarge(network: Network, low: Stored, device: str, *, tiled: bool) -> Stored:
    """Enlarge a stored image; alpha is left out.

    Args:
        network: what enlarges.
        low: of any size.
        device: where the network is.
        tiled: in tiles with a reflected margin, as atlases have to be; else in one piece, as the
            field does: networks that look at the whole of their input answer differently.

    Returns:
        RGB, in the integer type of `low`.
    """
    color = to_float(low[..., :3] if low.shape[2] >= 3 else np.repeat(low[..., :1], 3, axis=2))
    planes = torch.from_numpy(color).permute(2, 0, 1)[None].to(device)
    with torch.inference_mode():
        high = _in_tiles(network, planes) if tiled else network(planes).float()
    return to_integer(high[0].permute(1, 2, 0).cpu().numpy(), low.dtype)


def _in_tiles(network: Network, low: Float32[Tensor, "1 3 h w"]) -> Float32[Tensor, "1 3 H W"]:
    scale, margin = network.scale, MARGIN_PX
    _, _, height, width = low.shape
    high = torch.zeros(1, 3, height * scale, width * scale, device=low.device)
    kind = "reflect" if min(height, width) > margin else "replicate"
    around = functional.pad(low, (margin,) * 4, mode=kind)
    for y in range(0, height, TILE_PX):
        for x in range(0, width, TILE_PX):
            rows, columns = min(TILE_PX, height - y), min(TILE_PX, width - x)
            part = around[:, :, y : y + rows + 2 * margin, x : x + columns + 2 * margin]
            inner = slice(margin * scale, -margin * scale)
            core = network(part)[:, :, inner, inner].float()
            high[:, :, y * scale : (y + rows) * scale, x * scale : (x + columns) * scale] = core
    return high


def _spandrel_loader(device: str) -> Callable[[Path], Any]:
    try:
        from spandrel import ModelLoader  # pyright: ignore[reportMissingImports]
    except (ImportError, RuntimeError) as error:  # the latter: a torchvision of another PyTorch
        raise DependencyError(
            "--spandrel",
            found=f"no spandrel that can be imported ({error})",
            expected="the library that tells the architecture of a network from its file",
            remedy="pip install spandrel, with the torchvision that goes with your PyTorch",
        ) from error

    def load(path: Path) -> Any:
        try:
            return ModelLoader(device=device).load_from_file(path).eval()
        except Exception as error:  # whatever spandrel and its readers say of a file
            expected = "a network that spandrel knows"
            raise _not_usable("--spandrel", path, error, expected) from error

    return load


def _enlarges_rgb(loaded: Any) -> bool:
    channels = (getattr(loaded, "input_channels", 0), getattr(loaded, "output_channels", 0))
    return isinstance(loaded, Network) and channels == (3, 3) and loaded.scale > 1


def _check_there(path: Path, option: str) -> None:
    if not path.is_file():
        raise SettingsError(
            option,
            found=f"no file {path}",
            expected="a file of weights",
            remedy="correct the path",
        )


def _not_usable(option: str, path: Path, why: object, expected: str) -> SettingsError:
    kind = type(why).__name__ if isinstance(why, Exception) else ""
    text = ": ".join(part for part in (kind, str(why).partition("\n")[0]) if part)
    return SettingsError(
        option,
        found=f"{path}, which cannot be used ({text})",
        expected=expected,
        remedy="give another file",
    )
