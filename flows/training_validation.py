"""Validation of a training: PSNR-Y on packed tiles of captures that nothing is learnt from.

Tiles are prepared as the training tiles are, but whole, always the same, and with their references
in the order in which they see most. The result is made true to the low tile, as in a run, and
rounded to 8 bits; Y is BT.601 luma. A border of low texels is left out, since a run gives every
tile its surroundings. The squared errors of a capture's tiles are added up before the logarithm.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from texsr.flows.dataset_places import with_truth
from texsr.flows.progress import Progress
from texsr.flows.second_sight import SecondSight
from texsr.flows.training_batches import PackedTiles, stack
from texsr.flows.training_data import Pack, PackSettings, capture_tiles
from texsr.flows.training_finding import is_pack, known_scale
from texsr.flows.training_leaks import uv_layout
from texsr.flows.training_origins import origin_of, pack_note
from texsr.flows.training_packs import is_kept, put_pack
from texsr.flows.trials import find_trials
from texsr.models.batches import Batch, to_device
from texsr.models.resample import make_consistent
from texsr.pipeline.errors import SettingsError
from texsr.pipeline.similarity import luma_plane
from texsr.pipeline.stages.load import load_capture

COUNTS: tuple[int, ...] = (0, 1, 4)
BORDER_TX = 8
NUM_TILES = 12
PICTURED = 2  # tiles a capture whose pictures are kept
SEED = 0  # of where the tiles lie: the same whatever the seed of the training
Answer = Callable[[Batch, int], Float32[Tensor, "b 3 H W"]]
"""Gives results for tiles at a scale."""
LEAST_ERROR = 1e-3  # mean squared, in 1/255: a perfect tile counts 78 dB, not infinitely many


class Shown(NamedTuple):
    """A tile beside its answer, 8 bits."""

    low: UInt8[np.ndarray, "h w 3"]
    high: UInt8[np.ndarray, "H W 3"]
    truth: UInt8[np.ndarray, "H W 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationSet:
    """The tiles of one capture."""

    name: str
    tiles: PackedTiles
    scale: int
    layout: list[int] | None = None  # of its surface, `texsr.flows.training_leaks`


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """What one validation found."""

    psnr_y: dict[str, dict[int, float]]
    """dB, by capture and count of references."""
    shown: dict[str, list[Shown]]
    """Tiles with the most references, by capture."""

    @property
    def mean(self) -> float:
        """Over captures and counts, dB: the network has to be good with and without photos."""
        return fmean(db for found in self.psnr_y.values() for db in found.values())

    def as_json(self) -> dict[str, dict[str, float]]:
        """Give the figures as the log has them."""
        return {
            name: {str(count): round(db, 4) for count, db in found.items()}
            for name, found in self.psnr_y.items()
        }


def validation_sets(
    places: Sequence[Path],
    out: Path,
    known: tuple[int, ...],
    settings: PackSettings,
    progress: Progress,
    sight: SecondSight | None = None,
) -> list[ValidationSet]:
    """Pack the tiles of captures with a known answer, unless they are packed already.

    Args:
        places: folders with capture/ and truth/, folders of such, or packed tiles.
        out: where the packs are kept.
        known: the scales that can be validated.
        settings: size of the tiles.
        progress: told stage, done and total.
        sight: whose second look photos are packed for; None: they are as photographed.

    Raises:
        CaptureError: a place is none such, or a capture has no tile that can be packed.
        SettingsError: the network has no port for the scale of one.
    """
    packs = {place.resolve().name: place for place in places if is_pack(place)}
    trials = find_trials([place for place in places if not is_pack(place)])
    for index, (name, root) in enumerate(trials.items()):
        progress("validation tiles", index, len(trials))
        scale = known_scale(root, known)
        wanted = replace(settings, tiles=NUM_TILES, scale=scale)
        label = Path(name).name if Path(name).name not in packs else f"{Path(name).name}-{index}"
        packs[label] = _pack_capture(root, out / label, wanted, sight)
    if trials:
        progress("validation tiles", len(trials), len(trials))
    return [_as_set(name, path, known) for name, path in packs.items()]


def _as_set(name: str, path: Path, known: tuple[int, ...]) -> ValidationSet:
    tiles = PackedTiles([path])
    pack = tiles.packs[0]
    scale = pack.truth.shape[1] // pack.low.shape[1]
    if scale not in known:
        raise SettingsError(
            path,
            found=f"tiles at x{scale}",
            expected=" or ".join(f"x{one}" for one in known),
            remedy="leave it out of --validate, or train that scale with --scale",
        )
    layout = pack_note(path, "layout")
    return ValidationSet(name=name, tiles=tiles, scale=scale, layout=layout)


def _pack_capture(
    root: Path, folder: Path, settings: PackSettings, sight: SecondSight | None
) -> Path:
    made: Any = {"source": str(root.resolve()), "seed": SEED, **asdict(settings)}
    made |= {} if sight is None else sight.note
    if not is_kept(folder, made):
        capture, truth = with_truth(root)
        rng = np.random.default_rng(SEED)
        tiles = list(capture_tiles(capture, truth / "atlas.png", settings, rng, sight))
        origin = origin_of(root, name=folder.name, use="validation")
        layout = uv_layout(load_capture(capture).surface)
        notes = {"made": made, "layout": layout, "validation_only": True}
        put_pack(folder, tiles, origin, notes)
    return folder


@torch.inference_mode()
def validate(
    answer: Answer, sets: Sequence[ValidationSet], device: str, progress: Progress
) -> Validated:
    """Measure what answers on every capture, without references and with some."""
    psnr: dict[str, dict[int, float]] = {}
    shown: dict[str, list[Shown]] = {}
    for index, one in enumerate(sets):
        progress("validate", index, len(sets))
        squared = dict.fromkeys(COUNTS, 0.0)
        texels = 0
        for number in range(len(one.tiles)):
            tile = one.tiles.tile(number)
            results = dict(_enlarged(answer, tile, one.scale, device))
            inside = _inside(tile, one.scale)
            texels += int(inside.sum())
            truth = luma_plane(np.asarray(tile.truth))
            for count, high in results.items():
                squared[count] += float(((luma_plane(high) - truth)[inside] ** 2).sum())
            if number < PICTURED:
                pictures = Shown(np.array(tile.low), results[COUNTS[-1]], np.array(tile.truth))
                shown.setdefault(one.name, []).append(pictures)
        psnr[one.name] = {k: _decibels(total, texels) for k, total in squared.items()}
    progress("validate", len(sets), len(sets))
    return Validated(psnr_y=psnr, shown=shown)


def _enlarged(
    answer: Answer, tile: Pack, scale: int, device: str
) -> Iterator[tuple[int, UInt8[np.ndarray, "H W 3"]]]:
    """Give the result for every count of references."""
    for count in COUNTS:
        batch = to_device(stack([_with(tile, count)]), device)
        high = answer(batch, scale)
        high = make_consistent(high, batch.low, scale)[0].clamp(0.0, 1.0)
        yield count, torch.round(high * 255.0).to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def _with(tile: Pack, count: int) -> Pack:
    """Keep the references that see most."""
    parts = {name: getattr(tile, name) for name in Pack.__slots__}
    per_reference = ("detail", "weight", "maps", "trust")
    return Pack(**parts | {name: parts[name][:count] for name in per_reference})


def _inside(tile: Pack, scale: int) -> np.ndarray:
    """Covered texels off the border; of tiles that are all border, those of their middle half."""
    height, width = np.asarray(tile.low).shape[:2]
    edge = min(BORDER_TX, height // 4, width // 4) * scale
    covered = np.asarray(tile.covered) > 127
    inside = np.zeros_like(covered)
    inside[edge : height * scale - edge, edge : width * scale - edge] = True
    return inside & covered


def _decibels(squared: float, texels: int) -> float:
    return float(10.0 * np.log10(255.0**2 / max(squared / max(texels, 1), LEAST_ERROR)))
