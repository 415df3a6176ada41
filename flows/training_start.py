"""What a training starts with: its folder, the checkpoint it goes on from, and its tiles."""

import json
import shutil
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from texsr.flows.dataset_places import check_place
from texsr.flows.handles import encode
from texsr.flows.picture_examples import (
    Examples,
    PackedExamples,
    Scene,
    SceneExamples,
    scenes_of,
)
from texsr.flows.progress import Progress
from texsr.flows.second_sight import check_sight, second_sight
from texsr.flows.training_batches import PackedTiles
from texsr.flows.training_data import read_pack
from texsr.flows.training_faults import Faults
from texsr.flows.training_finding import find_packs, named_apart
from texsr.flows.training_leaks import check_unseen
from texsr.flows.training_learner import read_start
from texsr.flows.training_origins import (
    Origin,
    joined,
    merged,
    origin_of,
    pack_note,
    pack_origin,
)
from texsr.flows.training_packs import Shelf, make_packs, plan_packs
from texsr.flows.training_presets import (
    Config,
    fitted_head,
    scales_of,
    scales_to_learn,
    settle_config,
    with_second_look,
)
from texsr.flows.training_settings import Learns, Material, Recipe, TrainJob
from texsr.flows.training_validation import ValidationSet, validation_sets
from texsr.models.checkpoint import Checkpoint
from texsr.models.implicit_head import HeadConfig
from texsr.models.restoring import REACH_TX
from texsr.models.texsr import TexsrConfig
from texsr.pipeline.errors import CaptureError, OutputError, SettingsError
from texsr.pipeline.formats.texture_map_folders import MANIFEST, read_texture_maps
from texsr.pipeline.formats.writing import write_file

MARK = "training.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What is learnt from, and what with."""

    config: Config
    start: Checkpoint | None
    learnt: tuple[int, ...]
    """The scales that are trained; where they are not all, the rest of the network is held."""
    pools: dict[int, PackedTiles]
    """Tiles by scale."""
    sources: list[Examples]
    """Where networks over pictures learn from: the same tiles, and sets."""
    packs: dict[str, int]
    """Number of tiles by name of the pack or set: others are another training."""
    validation: list[ValidationSet]
    data: list[dict[str, str]]
    """All that went into the weights, as a model card lists it."""


def settle_place(job: TrainJob) -> Path:
    """Make the folder of a training, or find it again.

    Raises:
        OutputError: it holds something else, or lies where nothing may be written.
    """
    place = job.out.expanduser().resolve()
    if not (place / MARK).is_file():
        check_place(place, [source for source in job.material.sources if source.is_dir()])
        _write_mark(place, job)
    return place


def clear_place(place: Path, job: TrainJob) -> None:
    """Note what this call was told, and clear what a kill left half-written."""
    _write_mark(place, job)
    for left in (*place.glob(".*.part"), *place.glob("packs/.*.part")):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def _write_mark(place: Path, job: TrainJob) -> None:
    write_file(place / MARK, json.dumps(encode(job), indent=1).encode())


def gather(job: TrainJob, place: Path, until: float | None, progress: Progress) -> Ground:
    """Read the checkpoint started from, and make and find all tiles.

    Args:
        job: what was asked for.
        place: the folder of the training.
        until: of `time.monotonic`; None: whenever.
        progress: told stage, done and total.

    Raises:
        OutOfTimeError: not all packs could be made by then; those that are made are kept.
        SettingsError: a file cannot be used.
        CaptureError: there are no tiles, or some material is none.
    """
    material, recipe = job.material, job.recipe
    start, started_from = read_start(material.start)
    if isinstance(recipe.config, HeadConfig):
        config = started_from = fitted_head(recipe.config, start, material.start)
    else:
        config = settle_config(recipe.config, started_from)
    _check_kind(material, recipe, config)
    learnt, known = scales_to_learn(recipe.config, config, started_from), scales_of(config)
    sight = None
    if recipe.learns is Learns.AGAIN:
        config, sight = with_second_look(config, learnt), second_sight(start)
    given = find_packs(material.packs, "--packs")
    kept = place / "validation" / "packs"
    validation = validation_sets(material.validation, kept, known, recipe.pack, progress, sight)
    validated = {one.name: one.layout for one in validation if one.layout is not None}
    for path in given:
        check_unseen(str(path), pack_note(path, "layout"), validated)
        check_sight(path, sight)
    shelf = Shelf(folder=place / "packs", seed=recipe.seed, validated=validated)
    made = make_packs(plan_packs(material, recipe, known, learnt, sight), shelf, until, progress)
    packs = list(dict.fromkeys(path.resolve() for path in (*given, *made)))
    data = merged([*map(pack_origin, packs), *map(_set_origin, material.sets)])
    named = named_apart(packs, lambda path: path.name)
    scenes = {name: scenes_of(place) for name, place in _named_sets(material).items()}
    _check_some(packs, scenes)
    pools = _pools(packs, learnt, known, recipe.faults) if packs else {}
    return Ground(
        config=config,
        start=start,
        learnt=learnt,
        pools=pools,
        sources=[
            *(PackedExamples(pool, reach) for pool in pools.values() for reach in (None, REACH_TX)),
            *map(SceneExamples, scenes.values()),
        ],
        packs={
            **{name: len(read_pack(path).low) for name, path in named.items()},
            **{name: len(found) for name, found in scenes.items()},
        },
        validation=validation,
        data=joined(_data_of(start), data, _data_of_networks(material)),
    )


def _check_kind(material: Material, recipe: Recipe, config: Config) -> None:
    if recipe.faults != Faults() and not isinstance(config, TexsrConfig | HeadConfig):
        raise SettingsError(
            "--softer or --doubled",
            found="a network over pictures, whose references are moved and lit anew as it is",
            expected="the default network, or a head on it",
            remedy="leave it out",
        )
    if material.sets and isinstance(config, TexsrConfig | HeadConfig):
        raise SettingsError(
            "--sets",
            found="pictures without geometry, for the default network",
            expected="a network over pictures: --preset amrsr, masa, rrsr or ciaosr",
            remedy="give captures with --captures instead",
        )


def _named_sets(material: Material) -> dict[str, Path]:
    return named_apart(material.sets, lambda place: f"set_{place.resolve().name}")


def _set_origin(place: Path) -> Origin:
    use, name = "tiles and photos that show them, not aligned", place.resolve().name
    if not (place / MANIFEST).is_file():
        return origin_of(place, name=name, use=use)
    made = read_texture_maps(place)
    return Origin(
        name=name, licence=made.licence, source=", ".join(one.name for one in made.maps), use=use
    )


def _check_some(packs: list[Path], scenes: dict[str, list[Scene]]) -> None:
    if not packs and not any(scenes.values()):
        raise CaptureError(
            "training data",
            found="nothing to learn from",
            expected="scans, pictures, captures with a truth, sets, or packs that were made before",
            remedy="give --scans, --pictures, --captures, --sets or --packs",
        )


def _pools(
    packs: list[Path], scales: tuple[int, ...], known: tuple[int, ...], faults: Faults
) -> dict[int, PackedTiles]:
    """Sort packs by scale; a scale that has none learns from those of twice the scale, halved.

    Packs at a scale that the network knows already and does not learn are left aside.
    """
    own: dict[int, list[Path]] = defaultdict(list)
    for path in packs:
        pack = read_pack(path)
        own[pack.truth.shape[1] // pack.low.shape[1]].append(path)
    of_scale = {scale: scale if scale in own else 2 * scale for scale in scales}
    for scale, packed in of_scale.items():
        if packed not in own:
            raise SettingsError(
                "--scale",
                found=f"no tiles to learn x{scale} from",
                expected=f"packs at x{scale} or x{packed}",
                remedy=f"give --scans or --pictures, or leave --scale {scale} out",
            )
    useless = sorted(own.keys() - set(of_scale.values()) - set(known))
    if useless:
        raise SettingsError(
            own[useless[0]][0],
            found=f"tiles at x{useless[0]}",
            expected=" or ".join(f"x{scale}" for scale in scales),
            remedy="leave them out, or train that scale with --scale",
        )
    return {scale: PackedTiles(own[packed], scale, faults) for scale, packed in of_scale.items()}


def _data_of(start: Checkpoint | None) -> list[dict[str, str]]:
    """Give the data of the weights started from: they carry it on."""
    return [] if start is None else [dict(one) for one in start.facts.get("data", [])]


def _data_of_networks(material: Material) -> list[dict[str, str]]:
    """Give the networks that answers are learnt from, as data: their terms are to be told too."""
    uses = {
        material.teacher: "its answers were learnt from (teacher)",
        material.vgg: "its features were learnt from, or judged results",
    }
    found = [(path, use) for path, use in uses.items() if path is not None]
    return merged(
        origin_of(path.resolve().parent, name=f"{path.resolve().parent.name}/{path.name}", use=use)
        for path, use in found
    )


def check_same(path: Path, state: dict[str, Any], job: TrainJob, ground: Ground) -> None:
    """Hold a state against what this call asks for.

    Raises:
        OutputError: it belongs to another training.
    """
    for name, found, wanted in (
        ("recipe", state["recipe"], encode(job.recipe)),
        ("network", state["config"], encode(ground.config)),
        ("packs", state["packs"], ground.packs),
    ):
        # As JSON has them: a tuple is a list in the state.
        if json.loads(json.dumps(found)) != json.loads(json.dumps(wanted)):
            raise OutputError(
                path,
                found=f"the state of another training: {_difference(name, found, wanted)}",
                expected="the options that it was begun with",
                remedy="repeat those, or give another --out (and --from last.safetensors to go on "
                "from its weights)",
            )


def _difference(name: str, found: Any, wanted: Any) -> str:
    """Name the first difference of two trees."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in (*found, *(key for key in wanted if key not in found)):
            if found.get(key) != wanted.get(key):
                return _difference(f"{name}.{key}", found.get(key), wanted.get(key))
    return f"{name} {found}, not {wanted}"
