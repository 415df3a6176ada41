"""The packs that a training makes of scans, pictures and captures.

A pack that is finished is kept, so that a call which was stopped goes on where it was. Every pack
has a random generator of its own, made of the seed and its name: neither order nor what else is
made plays a part.
"""

import json
import logging
import shutil
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from texsr.flows.dataset_places import with_truth
from texsr.flows.patch_data import PictureSettings, patch_tiles
from texsr.flows.progress import Progress
from texsr.flows.second_sight import SecondSight
from texsr.flows.training_data import (
    Pack,
    PackSettings,
    capture_tiles,
    simulated_tiles,
    write_pack,
)
from texsr.flows.training_finding import (
    find_pictures,
    find_scans,
    is_pack,
    known_scale,
    named_apart,
)
from texsr.flows.training_leaks import check_unseen, uv_layout
from texsr.flows.training_origins import Origin, origin_of, pack_note, write_origin
from texsr.flows.training_settings import Material, Recipe
from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.meshes import read_textured_mesh
from texsr.pipeline.formats.writing import whole_or_absent, write_file
from texsr.pipeline.stages.load import load_capture

logger = logging.getLogger(__name__)

LEFT_OUT = ".left-out.json"


class OutOfTimeError(Exception):
    """The time of a sitting was up before all packs were made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPack:
    """A pack to make."""

    name: str
    make: Callable[[np.random.Generator], Iterable[Pack]]
    origin: Origin
    settings: PackSettings
    source: Path
    surface: Callable[[], TexturedMesh] | None = None  # None: there is none
    sight: SecondSight | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where packs are made, and what of."""

    folder: Path
    seed: int
    validated: Mapping[str, Sequence[int]]  # layouts of the surfaces to keep off, by name


def make_packs(
    planned: Iterable[PlannedPack], shelf: Shelf, until: float | None, progress: Progress
) -> list[Path]:
    """Make the packs that lack; give all that there are then.

    What cannot be packed is left out, with a note of the reason in its place.

    Raises:
        OutOfTimeError: some lack still at `until` (of `time.monotonic`).
        SettingsError: one is of a surface to keep off.
    """
    todo = list(planned)
    made: list[Path] = []
    for index, one in enumerate(todo):
        if until is not None and time.monotonic() > until:
            raise OutOfTimeError
        progress("packs", index, len(todo))
        if _make(one, shelf):
            made.append(shelf.folder / one.name)
    if todo:
        progress("packs", len(todo), len(todo))
    return made


def plan_packs(
    material: Material,
    recipe: Recipe,
    known: tuple[int, ...],
    scales: tuple[int, ...],
    sight: SecondSight | None = None,
) -> Iterator[PlannedPack]:
    """Name the packs of scans, pictures and captures.

    Args:
        material: where they come from.
        recipe: how many, and of what size.
        known: the scales that captures may have.
        scales: at which scans and pictures are photographed.
        sight: whose second look photos are packed for; then pictures only paint scans.

    Raises:
        CaptureError: a place holds nothing of its kind.
    """
    paint = [one for folder in material.pictures for one in find_pictures(folder, recipe.pack)]
    for scale in scales:
        settings = replace(recipe.pack, scale=scale)
        meshes = [mesh for place in material.scans for mesh in find_scans(place)]
        for name, mesh in named_apart(meshes, lambda mesh: mesh.parent.name).items():
            origin = origin_of(mesh.parent, name=name, use="photographed by simulation")
            for number in range(recipe.rounds):
                repaint = number % 2 == 1  # the first round shows a scan as it is
                kind = "painted" if repaint else "scan"
                painted = {"paint": paint if repaint else None, "sight": sight}
                yield PlannedPack(
                    name=f"{kind}_{name}_x{scale}_{number:03d}",
                    make=partial(simulated_tiles, mesh, settings, **painted),
                    origin=origin,
                    settings=settings,
                    source=mesh,
                    surface=partial(read_textured_mesh, mesh, root=mesh.parent),
                    sight=sight,
                )
        flat = () if sight else material.pictures
        for name, folder in named_apart(flat, lambda folder: folder.name).items():
            yield from _of_pictures(name, folder, settings, recipe)
    for name, root in named_apart(material.captures, lambda root: root.resolve().name).items():
        yield _of_capture(name, root, recipe, known, sight)


def _of_pictures(
    name: str, folder: Path, settings: PackSettings, recipe: Recipe
) -> Iterator[PlannedPack]:
    pictures = find_pictures(folder, settings)
    origin = origin_of(folder, name=name, use="patches, photographed flat by simulation")
    total = len(pictures) * recipe.tiles_per_picture

    def make(count: int, rng: np.random.Generator) -> Iterator[Pack]:
        return patch_tiles(pictures, count, PictureSettings(pack=settings), rng)

    for start in range(0, total, settings.tiles):
        count = min(settings.tiles, total - start)
        yield PlannedPack(
            name=f"pictures_{name}_x{settings.scale}_{start // settings.tiles:03d}",
            make=partial(make, count),
            origin=origin,
            settings=replace(settings, tiles=count),
            source=folder,
        )


def _of_capture(
    name: str, root: Path, recipe: Recipe, known: tuple[int, ...], sight: SecondSight | None
) -> PlannedPack:
    capture, truth = with_truth(root)
    scale = known_scale(root, known)
    settings = replace(recipe.pack, scale=scale)
    return PlannedPack(
        name=f"capture_{name}_x{scale}",
        make=lambda rng: capture_tiles(capture, truth / "atlas.png", settings, rng, sight),
        origin=origin_of(root, name=name, use="a capture with a known answer"),
        settings=settings,
        source=root,
        surface=lambda: load_capture(capture).surface,
        sight=sight,
    )


def _make(planned: PlannedPack, shelf: Shelf) -> bool:
    """Make a pack unless it is there, whole and made alike; tell whether it is there now."""
    folder = shelf.folder / planned.name
    note = folder.with_name(f"{planned.name}{LEFT_OUT}")
    source = str(planned.source.resolve())
    made: Any = {"source": source, "seed": shelf.seed, **asdict(planned.settings)}
    made |= {} if planned.sight is None else planned.sight.note
    if is_kept(folder, made):
        return True
    if note.is_file() and json.loads(note.read_text(encoding="utf-8")).get("made") == made:
        return False
    rng = np.random.default_rng([shelf.seed, zlib.crc32(planned.name.encode())])
    try:
        layout = None if planned.surface is None else uv_layout(planned.surface())
        check_unseen(source, layout, shelf.validated)
        notes = {"made": made, "layout": layout}
        put_pack(folder, list(planned.make(rng)), planned.origin, notes)
    except CaptureError as error:  # one bad scan of many costs no night
        logger.warning("left out: %s", error)
        write_file(note, json.dumps({"made": made, **error.as_json()}, indent=1).encode())
        return False
    note.unlink(missing_ok=True)
    return True


def is_kept(folder: Path, made: Any) -> bool:
    """Whether a pack is there that was made like this."""
    return is_pack(folder) and pack_note(folder, "made") == made


def put_pack(folder: Path, tiles: list[Pack], origin: Origin, notes: Mapping[str, Any]) -> None:
    """Write a pack, whole or not at all, in place of one that was made otherwise.

    Raises:
        CaptureError: there are no tiles.
        OutputError: it cannot be written.
    """
    if not tiles:
        raise CaptureError(
            origin.name,
            found="no tile that is covered and that enough photos see",
            expected="a textured surface that photos see, larger than a tile",
            remedy="leave it out",
        )
    shutil.rmtree(folder, ignore_errors=True)
    with whole_or_absent(folder) as part:
        write_pack(tiles, part)
        write_origin(part, origin, notes)
