"""Tiles to train on: captures with a known answer, prepared as a run prepares them, and packed.

A pack is a folder of plain arrays (`.npy`, read by memory map), tiles first:

    low       n h w 3 uint8      low texels
    truth     n H W 3 uint8      the answer
    covered   n H W   uint8      255 on the charts
    detail    n k 3 H W int8     what a reference adds to the faithful enlargement; +-127 is +-0.5
    weight    n k H W uint8      feathered visibility; 0 = unseen
    maps      n k 5 h w float16  `texsr.models.alignment.Measured.maps`
    trust     n k     float32    agreement of the whole view
    crispness n       float32    of the whole capture

References beyond those that see a tile are zeros.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float16, Float32, Int8, UInt8

from texsr.flows.calibration import calibrate
from texsr.flows.progress import silent
from texsr.flows.repainting import repainted
from texsr.flows.scene import Scene
from texsr.flows.second_sight import SecondSight
from texsr.flows.settings import RunSettings
from texsr.flows.tiles import TileInput, TileSource
from texsr.models.alignment import AlignmentSettings, Measured, measure
from texsr.models.crispness import measure_crispness
from texsr.models.resample import enlarge_faithfully
from texsr.pipeline.formats.images import read_image
from texsr.pipeline.stages.load import load_capture
from texsr.pipeline.stages.select import select
from texsr.pipeline.stages.simulate import SimulateSettings, read_single, simulate_surface
from texsr.pipeline.tile import Region

CONTEXT_TX = 16  # around a packed tile, so that its references are measured as in a run
DETAIL_STEP = 0.5 / 127
PX_MAP = 4  # of `maps`: photo px per high texel
MAX_PHOTO_PX = 1280  # larger ones would be most of the time that a pack takes
CAREFUL = 0.7  # of captures; photos worse than its users' teach a network to distrust them
LEAST_COVERED = 0.35
LEAST_SEEN = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class PackSettings:
    """What to pack of a capture."""

    tiles: int = 48
    """At most so many."""
    side_tx: int = 64
    """Low texels on a side."""
    references: int = 8
    """Views a cell of the surface may use."""
    scale: int = 4
    """High texels per low texel."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pack:
    """Packed tiles, or one tile without its first axis."""

    low: UInt8[np.ndarray, "... h w 3"]
    truth: UInt8[np.ndarray, "... H W 3"]
    covered: UInt8[np.ndarray, "... H W"]
    detail: Int8[np.ndarray, "... k 3 H W"]
    weight: UInt8[np.ndarray, "... k H W"]
    maps: Float16[np.ndarray, "... k 5 h w"]
    trust: Float32[np.ndarray, "... k"]
    crispness: Float32[np.ndarray, "..."]


def write_pack(tiles: list[Pack], out: Path) -> None:
    """Write tiles as a pack."""
    out.mkdir(parents=True, exist_ok=True)
    for field in fields(Pack):
        np.save(out / f"{field.name}.npy", np.stack([getattr(tile, field.name) for tile in tiles]))


def read_pack(path: Path) -> Pack:
    """Map a pack into memory."""
    arrays = {f.name: np.load(path / f"{f.name}.npy", mmap_mode="r") for f in fields(Pack)}
    return Pack(**arrays)


def simulated_tiles(
    mesh_path: Path,
    settings: PackSettings,
    rng: np.random.Generator,
    paint: Sequence[Path] | None = None,
    sight: SecondSight | None = None,
) -> list[Pack]:
    """Photograph a textured mesh as people do, and pack tiles of the capture.

    Args:
        mesh_path: a mesh with UVs and one texture.
        settings: what to pack.
        rng: the same state gives the same tiles.
        paint: pictures that its surface is repainted with, beside drawn print; None: it is not.
        sight: whose second look photos are packed for; None: they are as photographed.

    Raises:
        CaptureError: the mesh cannot be used.
    """
    surface = read_single(mesh_path)
    if paint is not None:
        surface = repainted(surface, paint, rng)
    with tempfile.TemporaryDirectory() as scratch:
        draw = SimulateSettings.careful if rng.random() < CAREFUL else SimulateSettings.drawn
        drawn = draw(rng, settings.scale)
        drawn = replace(drawn, max_photo_px=MAX_PHOTO_PX)
        made = simulate_surface(surface, Path(scratch) / "one", drawn, rng)
        return list(capture_tiles(made.capture, made.truth / "atlas.png", settings, rng, sight))


def capture_tiles(
    capture_dir: Path,
    truth_path: Path,
    settings: PackSettings,
    rng: np.random.Generator,
    sight: SecondSight | None = None,
) -> Iterator[Pack]:
    """Pack tiles of a capture whose high atlas is known.

    Args:
        capture_dir: the capture.
        truth_path: its high atlas.
        settings: what to pack.
        rng: the same state gives the same tiles.
        sight: see `simulated_tiles`.
    """
    capture = load_capture(capture_dir)
    truth, _ = read_image(truth_path, where=truth_path)
    scene = Scene(capture, RunSettings(), silent)
    calibration = calibrate(scene, 0)
    most = settings.references if sight is None else sight.references
    selection = select(calibration.views, calibration.covered, most)
    source = TileSource(scene, 0, settings.scale, calibration, selection)
    atlas = capture.surface.atlases[0]
    corners = _corners((atlas.height_tx, atlas.width_tx), settings.side_tx, rng)
    ready = _prepared(source, atlas.region, corners, settings)
    chosen = [tile for tile, _ in zip(ready, range(settings.tiles), strict=False)]
    crispness = measure_crispness(
        ((made.low[None], made.references) for _, _, made in chosen), settings.scale
    )
    for core, padded, made in chosen:
        yield packed(core, padded, made, np.asarray(truth), crispness, settings, sight)


def _corners(size: tuple[int, int], side: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Upper left corners on a grid that lies anew each time, in random order."""
    y0, x0 = rng.integers(0, side, 2) if min(size) >= 2 * side else (0, 0)
    found = [
        (y, x)
        for y in range(int(y0), size[0] - side + 1, side)
        for x in range(int(x0), size[1] - side + 1, side)
    ]
    return [found[i] for i in rng.permutation(len(found))]


def _prepared(
    source: TileSource, whole: Region, corners: list[tuple[int, int]], settings: PackSettings
) -> Iterator[tuple[Region, Region, TileInput]]:
    for y, x in corners:
        core = Region(x=x, y=y, width=settings.side_tx, height=settings.side_tx)
        padded = core.grown(CONTEXT_TX).intersected(whole)
        made = source.prepare(padded)
        if made is None or made.references is None:
            continue
        inner = core.relative_to(padded).scaled(settings.scale).slices
        covered = float(made.covered[inner].mean())
        if covered >= LEAST_COVERED and float(made.seen[inner].mean()) >= LEAST_SEEN * covered:
            yield core, padded, made


def packed(
    core: Region,
    padded: Region,
    made: TileInput,
    truth: np.ndarray,
    crispness: float,
    settings: PackSettings,
    sight: SecondSight | None = None,
) -> Pack:
    """Measure the references of a prepared tile, and pack its core.

    Args:
        core: the low texels to pack.
        padded: the low texels prepared, `core` and its context.
        made: what was prepared.
        truth: the whole high atlas.
        crispness: of the capture.
        settings: how many references to pack, and the scale.
        sight: see `simulated_tiles`.
    """
    low = made.low[None]
    assert made.references is not None
    if sight is None:
        base = enlarge_faithfully(low, settings.scale)
        measured = measure(low, base, made.references, AlignmentSettings())
    else:
        measured = sight.measured(low, made.references, settings.scale, crispness)
    inner = core.relative_to(padded)
    high = inner.scaled(settings.scale)
    order = _most_seen(measured, high, settings.references)
    measured = measured.chosen(order)
    detail = measured.detail[0][(..., *high.slices)]
    weight = measured.weight[0][(..., *high.slices)]
    maps = measured.maps[0][(..., *inner.slices)]
    lack = settings.references - len(order)
    return Pack(
        low=_bytes(low[0][(..., *inner.slices)].permute(1, 2, 0)),
        truth=truth[core.scaled(settings.scale).slices][..., :3].astype(np.uint8),
        covered=made.covered[high.slices].astype(np.uint8) * np.uint8(255),
        detail=_filled(torch.round(detail / DETAIL_STEP).clamp(-127, 127), lack).astype(np.int8),
        weight=_filled(torch.ceil(weight * 255.0), lack).astype(np.uint8),
        maps=_filled(maps.clamp(-6e4, 6e4), lack).astype(np.float16),
        trust=_filled(measured.trust[0], lack),
        crispness=np.asarray(crispness, np.float32),
    )


def _most_seen(measured: Measured, high: Region, count: int) -> list[int]:
    """The references that see most of a tile's core; those that see nothing are left out."""
    seen = measured.weight[0][(..., *high.slices)].mean((1, 2))
    order = torch.argsort(seen, descending=True, stable=True)[:count]
    return [int(k) for k in order if float(seen[k]) > 0]


def _filled(values: torch.Tensor, lack: int) -> np.ndarray:
    """Fill up with zeros along the first axis."""
    empty = values.new_zeros(lack, *values.shape[1:])
    return torch.cat([values, empty]).numpy()


def _bytes(color: torch.Tensor) -> UInt8[np.ndarray, "h w 3"]:
    return torch.round(color * 255.0).to(torch.uint8).numpy()
