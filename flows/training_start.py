"""What a training starts with: its folder, the files it is told to read, its tiles, its trainer."""

import json
import shutil
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from texsr.flows.dataset_places import check_place
from texsr.flows.handles import encode
from texsr.flows.model_choice import told_as_settings
from texsr.flows.progress import Progress
from texsr.flows.training_batches import PackedTiles
from texsr.flows.training_data import read_pack
from texsr.flows.training_finding import find_packs, named_apart
from texsr.flows.training_leaks import check_unseen
from texsr.flows.training_origins import joined, merged, origin_of, pack_note, pack_origin
from texsr.flows.training_packs import Shelf, make_packs, plan_packs
from texsr.flows.training_settings import Material, Recipe, TrainJob, scales_to_learn, settle_config
from texsr.flows.training_validation import ValidationSet, validation_sets
from texsr.models.architectures import build_network
from texsr.models.checkpoint import Checkpoint, read_checkpoint
from texsr.models.lessons import fits
from texsr.models.scales import hold_all_but, with_scales
from texsr.models.texsr import Texsr, TexsrConfig
from texsr.models.training import Trainer
from texsr.pipeline.errors import CaptureError, OutputError, SettingsError
from texsr.pipeline.formats.writing import write_file

if TYPE_CHECKING:
    from texsr.models.smfanet import Smfanet

MARK = "training.json"
ARCHITECTURE = "texsr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What is learnt from, and what with."""

    config: TexsrConfig
    start: Checkpoint | None
    learnt: tuple[int, ...]
    """The scales that are trained; where they are not all, the rest of the network is held."""
    pools: dict[int, PackedTiles]
    """Tiles by scale."""
    packs: dict[str, int]
    """Number of tiles by name of the pack: other packs are another training."""
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
    start = None if material.start is None else read_start(material.start)
    started_from = None if start is None else TexsrConfig(**start.config)
    config = settle_config(recipe, started_from)
    learnt = scales_to_learn(config, started_from)
    given = find_packs(material.packs, "--packs")
    validation = validation_sets(
        material.validation, place / "validation" / "packs", config, recipe.pack, progress
    )
    validated = {one.name: one.layout for one in validation if one.layout is not None}
    for path in given:
        check_unseen(str(path), pack_note(path, "layout"), validated)
    shelf = Shelf(folder=place / "packs", seed=recipe.seed, validated=validated)
    made = make_packs(plan_packs(material, recipe, config, learnt), shelf, until, progress)
    packs = list(dict.fromkeys(path.resolve() for path in (*given, *made)))
    data = merged(pack_origin(path) for path in packs)
    named = named_apart(packs, lambda path: path.name)
    return Ground(
        config=config,
        start=start,
        learnt=learnt,
        pools=_pools(packs, learnt, config.scales),
        packs={name: len(read_pack(path).low) for name, path in named.items()},
        validation=validation,
        data=joined(_data_of(start), data, _data_of_networks(material)),
    )


def _pools(
    packs: list[Path], scales: tuple[int, ...], known: tuple[int, ...]
) -> dict[int, PackedTiles]:
    """Sort packs by scale; a scale that has none learns from those of twice the scale, halved.

    Packs at a scale that the network knows already and does not learn are left aside.
    """
    if not packs:
        raise CaptureError(
            "training data",
            found="nothing to learn from",
            expected="scans, pictures, captures with a truth, or packs that were made before",
            remedy="give --scans, --pictures, --captures or --packs",
        )
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
    return {scale: PackedTiles(own[packed], scale) for scale, packed in of_scale.items()}


def read_start(path: Path) -> Checkpoint:
    """Read a checkpoint to start from.

    Raises:
        SettingsError: it cannot be used.
    """
    with told_as_settings():
        checkpoint = read_checkpoint(path)
        build_network(checkpoint, path)
    if checkpoint.architecture != ARCHITECTURE:
        raise SettingsError(
            "--from",
            found=f"{path} of architecture '{checkpoint.architecture}'",
            expected=f"'{ARCHITECTURE}': the one that is trained here",
            remedy="start from a checkpoint of the default network",
        )
    return checkpoint


def _data_of(start: Checkpoint | None) -> list[dict[str, str]]:
    """Give the data of the weights started from: they carry it on."""
    return [] if start is None else [dict(one) for one in start.facts.get("data", [])]


def _data_of_networks(material: Material) -> list[dict[str, str]]:
    """Give the networks that answers are learnt from, as data: their terms are to be told too."""
    uses = {
        material.teacher: "its answers were learnt from (teacher)",
        material.vgg: "its features judged results",
    }
    found = [(path, use) for path, use in uses.items() if path is not None]
    return merged(
        origin_of(path.resolve().parent, name=f"{path.resolve().parent.name}/{path.name}", use=use)
        for path, use in found
    )


def make_trainer(job: TrainJob, ground: Ground, device: str) -> Trainer:
    """Build network, judge and optimiser, and read the teacher.

    Random numbers that others draw stay what they were.

    Raises:
        SettingsError: a file cannot be used, or lessons are asked for of a teacher of another size.
    """
    recipe, path = job.recipe, job.material.teacher
    teacher = None if path is None else read_teacher(path, ground.config, device)
    learning = replace(recipe.learning, bf16=device.startswith("cuda"))
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(recipe.seed)
        network = _make_network(ground)
        if learning.lessons and teacher is not None:
            _check_lessons(network, teacher)
        return Trainer(
            network, learning, device, _make_judge(job.material, recipe, device), teacher
        )


def _make_network(ground: Ground) -> Texsr:
    if ground.start is None:
        return Texsr(ground.config)
    network = Texsr(TexsrConfig(**ground.start.config))
    network.load_state_dict(ground.start.weights, strict=True)
    if network.config.scales == ground.config.scales:
        return network
    network = with_scales(network, ground.config.scales)
    hold_all_but(network, ground.learnt)
    return network


def _check_lessons(network: Texsr, teacher: "Smfanet") -> None:
    config = network.config
    if not fits(network, teacher) or config.scales != (teacher.scale,):
        blocks, width = len(teacher.feats), teacher.to_feat.out_channels
        scales = " and ".join(f"x{scale}" for scale in config.scales)
        raise SettingsError(
            "--lessons",
            found=f"a trunk of {config.prior_blocks} blocks, {config.width} wide, for {scales}",
            expected=f"{blocks} blocks, {width} wide, for x{teacher.scale}, as the teacher is",
            remedy="use --preset fast with that one scale, or leave --lessons out",
        )


def _make_judge(material: Material, recipe: Recipe, device: str) -> Any:
    if recipe.visual is None or material.vgg is None:
        return None
    from texsr.models.vgg import read_vgg
    from texsr.models.visual import VisualJudge

    trunk = _read_weights("--vgg", material.vgg, read_vgg, "VGG19 up to relu3_1 as safetensors")
    return VisualJudge(trunk, recipe.visual, device)


def read_teacher(path: Path, config: TexsrConfig, device: str) -> "Smfanet":
    """Read the teacher.

    Raises:
        SettingsError: it is none, or of a scale that is not trained.
    """
    from texsr.models.smfanet import read_smfanet

    teacher: Smfanet = _read_weights("--teacher", path, read_smfanet, "weights of SMFANet+")
    if teacher.scale not in config.scales:
        raise SettingsError(
            "--teacher",
            found=f"weights for x{teacher.scale} in {path}",
            expected=" or ".join(f"x{scale}" for scale in config.scales),
            remedy="give the weights of that scale",
        )
    return teacher.requires_grad_(False).to(device)


def _read_weights(option: str, path: Path, read: Callable[[Path], Any], expected: str) -> Any:
    from safetensors import SafetensorError

    try:
        return read(path)
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        said = str(error).partition("\n")[0]
        raise SettingsError(
            option,
            found=f"{path}, which cannot be used ({type(error).__name__}: {said})",
            expected=expected,
            remedy="give another file",
        ) from error


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
