"""Folders of reference super-resolution: checked picture by picture, and written anew."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from texsr.flows.dataset_places import check_place, for_validation_only, terms_below
from texsr.flows.progress import Progress, silent
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.refsr_folders import (
    detect_refsr_layout,
    read_refsr_folder,
    read_refsr_scene,
    write_refsr_scene,
)
from texsr.pipeline.formats.writing import copy_file, whole_or_absent, write_file
from texsr.pipeline.refsr import RefsrLayout, RefsrScene

FORMAT, VERSION = "texsr-refsr", 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RefsrSurvey:
    """What a folder of reference super-resolution holds."""

    root: Path
    layout: RefsrLayout
    num_scenes: int
    num_references: tuple[int, int]  # fewest and most of a scene
    truth_px: tuple[int, int]  # smallest and largest side of a truth
    reference_px: tuple[int, int]
    validation_only: bool
    out: Path | None = None


def refsr_dataset(
    root: Path,
    layout: RefsrLayout | None = None,
    *,
    out: Path | None = None,
    scale: int = 4,
    progress: Progress = silent,
) -> RefsrSurvey:
    """Decode every picture of a folder; with `out`, write the scenes anew as `grouped`.

    Raises:
        CaptureError: no known layout, or a picture that cannot be used.
        OutputError: `out` is taken, or lies where nothing may be written.
    """
    chosen = layout or detect_refsr_layout(root)
    scenes = read_refsr_folder(root, chosen)
    if out is None:
        return _survey(root, chosen, scenes, _sides(scenes, None, scale, progress))
    place = check_place(out, [root])
    with whole_or_absent(place) as part:
        survey = _survey(root, chosen, scenes, _sides(scenes, part, scale, progress), place)
        document = {
            "format": FORMAT,
            "version": VERSION,
            "source": str(root),
            "layout": chosen.value,
            "scale": scale,
            "validation_only": survey.validation_only,
            "scenes": {
                _folder_name(scene): [
                    path.relative_to(root).as_posix() for path in (scene.truth, *scene.references)
                ]
                for scene in scenes
            },
        }
        write_file(part / "dataset.json", (json.dumps(document, indent=1) + "\n").encode())
        for path in terms_below(root):
            copy_file(path, part / path.name)
    return survey


def _sides(
    scenes: list[RefsrScene], out: Path | None, scale: int, progress: Progress
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Decode scene by scene and write each where wanted; give sides of truth and references."""
    if out is not None:
        _check_folder_names(scenes)
    for index, scene in enumerate(scenes):
        progress("scenes", index, len(scenes))
        pictures = read_refsr_scene(scene)
        if out is not None:
            write_refsr_scene(out / _folder_name(scene), pictures, scale=scale)
        of_references = tuple(side for color in pictures.references for side in color.shape[:2])
        yield pictures.truth.shape[:2], of_references
    progress("scenes", len(scenes), len(scenes))


def _survey(
    root: Path,
    layout: RefsrLayout,
    scenes: list[RefsrScene],
    sides: Iterator[tuple[tuple[int, ...], tuple[int, ...]]],
    out: Path | None = None,
) -> RefsrSurvey:
    truths: set[int] = set()
    references: set[int] = set()
    for of_truth, of_references in sides:
        truths.update(of_truth)
        references.update(of_references)
    counts = [len(scene.references) for scene in scenes]
    return RefsrSurvey(
        root=root,
        layout=layout,
        num_scenes=len(scenes),
        num_references=(min(counts), max(counts)),
        truth_px=(min(truths), max(truths)),
        reference_px=(min(references), max(references)),
        validation_only=for_validation_only(root),
        out=out,
    )


def _folder_name(scene: RefsrScene) -> str:
    return scene.name.replace("/", "__")


def _check_folder_names(scenes: list[RefsrScene]) -> None:
    names = [_folder_name(scene) for scene in scenes]
    twice = (
        {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else ()
    )
    if twice:
        raise CaptureError(
            scenes[0].truth.parent,
            found=f"two scenes that would both be written to {min(twice)}/",
            expected="names that stay apart when / is written as __",
            remedy="rename one of the pictures",
        )
