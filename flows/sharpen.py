"""The stages of a run, composed: a capture in, sharpened atlases out.

No Prefect, no files but the work directory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from texsr.flows.atlas_job import AtlasJob
from texsr.flows.model_choice import choose_device, shipped_folder, told_as_settings
from texsr.flows.new_atlas import check_room
from texsr.flows.progress import Progress, silent
from texsr.flows.scene import Scene
from texsr.flows.settings import ReferenceForm, RunSettings
from texsr.flows.single_plane import bytes_per_texel
from texsr.models import load_upscaler
from texsr.models.architectures import choose
from texsr.models.heads import load_headed
from texsr.pipeline.capture import Capture, Finding, Severity
from texsr.pipeline.record import AtlasRecord, RunRecord
from texsr.pipeline.stages.superresolve import (
    Upscaler,
    check_matches_photos,
    made_reduced,
    native_scale,
)

LOW_WORTH_PX = 0.3  # photo px per output texel below which little can be gained


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sharpened:
    """The new atlases, parallel to the capture's, and what happened."""

    textures: tuple[np.memmap, ...]  # H W C, stored dtype
    provenance: tuple[np.memmap, ...]  # H W 2 uint8: level, confidence
    record: RunRecord


def sharpen(
    capture: Capture,
    settings: RunSettings,
    work_dir: Path,
    progress: Progress = silent,
) -> Sharpened:
    """Super-resolve every atlas of a capture, at any scale up to the model's largest.

    Args:
        capture: what was loaded.
        settings: of the run.
        work_dir: an empty directory on a disk that holds the results.
        progress: told of each stage.

    Raises:
        SettingsError: the model, the device or the scale cannot be had, or the model has no use
            for references as they are asked for.
        OutputError: the disk has no room for what is made on the way.
    """
    device = choose_device(settings.device)
    upscaler = build_upscaler(settings.model, device, settings.head)
    check_references(upscaler, settings)
    scale, made_scale = settings.scale, native_scale(upscaler, settings.scale)
    reduced = made_reduced(upscaler, scale)
    if reduced:
        check_room(capture, scale, made_scale, bytes_per_texel(upscaler, made_scale), work_dir)
    scene = Scene(capture, settings, progress)
    done = [
        AtlasJob(scene, index, upscaler, scale, work_dir).run(device)
        for index in range(len(capture.surface.atlases))
    ]
    records = [record for _, _, record in done]
    return Sharpened(
        textures=tuple(high for high, _, _ in done),
        provenance=tuple(origin for _, origin, _ in done),
        record=RunRecord(
            capture=str(capture.root),
            mesh=capture.surface.path.name,
            cameras=str(capture.cameras_path),
            model=upscaler.name,
            device=device,
            scale=scale,
            version=version("texsr"),
            references_as=str(settings.references_as),
            atlases=tuple(records),
            left_out=capture.left_out,
            findings=(
                *capture.findings,
                *scale_findings(upscaler.name, scale, made_scale if reduced else scale),
                *crop_findings(upscaler.name, settings, records),
                *worth_findings(records),
            ),
            timings_s=scene.timings_s,
        ),
    )


def build_upscaler(model: str, device: str = "auto", head: str | None = None) -> Upscaler:
    """Build the upscaler that `--model` and `--head` name, on its device.

    Args:
        model: `auto`, a name from `texsr models`, or a checkpoint file.
        device: `auto`, `cpu` or `cuda`; what `auto` means as a model depends on it.
        head: a name from `texsr models`, or a checkpoint file; None: none.

    Raises:
        SettingsError: no such model or head, or a checkpoint cannot be used.
        DependencyError: CUDA was asked for and is not there.
    """
    on, shipped = choose_device(device), shipped_folder()
    with told_as_settings():
        upscaler = load_upscaler(model, device=on, shipped=shipped)
        if head is None:
            return upscaler
        chosen = choose(model, device=on, shipped=shipped)
        return load_headed(upscaler, chosen, head, device=on, shipped=shipped)


def check_references(upscaler: Upscaler, settings: RunSettings) -> None:
    """Check that an upscaler has a use for references as they are asked for.

    Raises:
        SettingsError: it has none.
    """
    if settings.references_as == ReferenceForm.CROPPED:
        check_matches_photos(
            upscaler, "--references", found="cropped,", remedy="use --references warped"
        )


def scale_findings(model: str, scale: float, made_scale: float) -> Iterator[Finding]:
    """Tell where a model ran at another scale than the one asked for."""
    if made_scale != scale:
        yield Finding(
            severity=Severity.INFO,
            where=f"--scale {scale:g}",
            text=f"made at x{made_scale:g}, the nearest scale of {model} that is larger, "
            "and reduced",
            remedy="",
        )


def crop_findings(
    model: str, settings: RunSettings, records: list[AtlasRecord]
) -> Iterator[Finding]:
    """Tell what provenance says, and what not, where a model searched photos by itself."""
    cropped = settings.references_as == ReferenceForm.CROPPED
    used = any(view.used for record in records for view in record.views)
    if cropped and used and not any(record.share_photo_backed for record in records):
        yield Finding(
            severity=Severity.INFO,
            where="--references cropped",
            text=f"{model} claims no texel for the crops that it searched: all that they show "
            "counts as made from the atlas alone",
            remedy="",
        )


def worth_findings(records: list[AtlasRecord]) -> Iterator[Finding]:
    """Warn where the photos hold hardly more than the atlas."""
    for record in records:
        median = record.worth.px_per_texel.median
        if median < LOW_WORTH_PX:
            yield Finding(
                severity=Severity.WARNING,
                where=record.name,
                text=f"the photos hold only {median:.2f} px per output texel: little can be gained",
                remedy="use a smaller --scale (they fill about "
                f"{record.worth.fillable_scale:.1f}), or closer photos",
            )
