"""What an evaluation measures, and the methods that this makes."""

from dataclasses import dataclass
from pathlib import Path

from texsr.flows.ablations import ablations, picture_ablations, with_crops
from texsr.flows.methods import Bicubic, Method, Sharpening, SingleImage
from texsr.flows.sharpen import build_upscaler
from texsr.flows.single_image import read_any_network, read_smfanet_file
from texsr.pipeline.errors import SettingsError

BASELINE = "projection"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSettings:
    """What to measure beside bicubic enlargement and `projection`."""

    models: tuple[str, ...] = ("auto",)
    """Upscalers: names from `texsr models`, or checkpoint files."""
    smfanet: Path | None = None
    """Weights of SMFANet+, safetensors."""
    spandrel: tuple[Path, ...] = ()
    """Single-image networks of any architecture that the library spandrel knows."""
    allow_pickle: bool = False
    """Let spandrel read files that can run code."""
    ablations: bool = False
    """Each of `models` also with fewer references and without its parts."""
    cropped: bool = False
    """Each of `models` that searches photos also with crops of them instead of warped ones."""
    held_out: tuple[str, ...] = ()
    """Photos that no method may use and that every result is compared with."""
    lpips: Path | None = None
    """Weights of LPIPS, safetensors; None: those of an installed package, if any."""
    device: str = "auto"
    """`auto`, `cpu` or `cuda`."""


def methods_of(
    settings: EvaluationSettings, device: str, *, pictures: bool = False
) -> list[Method]:
    """Build every method: bicubic first, then networks from files, then ours.

    Args:
        settings: which ones.
        device: where they work.
        pictures: they are for pictures with references that nothing aligns, not for captures.

    Raises:
        SettingsError: a model or file cannot be used, or two methods have one name.
        DependencyError: a library that one needs is missing.
    """
    methods: list[Method] = [Bicubic()]
    if settings.smfanet is not None:
        network = read_smfanet_file(settings.smfanet, device)
        methods.append(SingleImage(name="SMFANet+", network=network, device=device))
    for path in settings.spandrel:
        network = read_any_network(path, device, allow_pickle=settings.allow_pickle)
        methods.append(SingleImage(name=path.stem, network=network, device=device))
    asked = _sharpenings(settings.models, device)
    baseline = [BASELINE] if BASELINE not in asked else []
    for name, method in (_sharpenings(baseline, device) | asked).items():
        methods.append(method)
        if name in asked:
            methods += with_crops(method) if settings.cropped else ()
            made = picture_ablations if pictures else ablations
            methods += made(method) if settings.ablations else ()
    _check_names([method.name for method in methods])
    return methods


def _sharpenings(models: tuple[str, ...] | list[str], device: str) -> dict[str, Sharpening]:
    """Build upscalers; two words for the same one make it once. `bicubic` is there already."""
    upscalers = [build_upscaler(model, device) for model in models]
    return {
        upscaler.name: Sharpening(name=upscaler.name, upscaler=upscaler, device=device)
        for upscaler in upscalers
        if upscaler.name != Bicubic().name
    }


def _check_names(names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingsError(
            "--spandrel",
            found=f"two methods called '{twice}'",
            expected="files and models of different names, as the table tells them apart by these",
            remedy="rename one file",
        )
