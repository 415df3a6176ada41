"""What learns in a training: a network, new or from a checkpoint, its teachers and its judge."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from texsr.flows.model_choice import told_as_settings
from texsr.flows.training_presets import Config
from texsr.flows.training_settings import Learns, Material, Recipe, TrainJob
from texsr.models.amrsr import Amrsr
from texsr.models.architectures import architecture_of, build_network
from texsr.models.checkpoint import Checkpoint, read_checkpoint
from texsr.models.configuration import configure
from texsr.models.head_learner import HeadLearner
from texsr.models.implicit_head import HeadConfig, ImplicitHead
from texsr.models.learner import Judge, Learner, TrainingSettings
from texsr.models.lessons import fits, pupils
from texsr.models.networks import ARCHITECTURES, named_by
from texsr.models.picture_learner import PictureLearner
from texsr.models.precision import has_units_for_bf16
from texsr.models.relations import ContrastTuition, LikenessTuition, Tuition
from texsr.models.rrsr import Rrsr
from texsr.models.scales import grown, hold_all_of
from texsr.models.texsr import Texsr, TexsrConfig
from texsr.models.texsr_learner import AGAIN, BRANCH, TexsrLearner
from texsr.models.training import Trainer
from texsr.models.vgg import VggTrunk
from texsr.pipeline.errors import SettingsError

if TYPE_CHECKING:
    from texsr.flows.training_start import Ground
    from texsr.models.smfanet import Smfanet


def read_start(path: Path | None) -> tuple[Checkpoint | None, Config | None]:
    """Read a checkpoint to start from, and its size; None: there is none.

    Raises:
        SettingsError: it cannot be used.
    """
    if path is None:
        return None, None
    with told_as_settings():
        checkpoint = read_checkpoint(path)
        build_network(checkpoint, path)
        return checkpoint, configure(
            architecture_of(checkpoint, path).config, checkpoint.config, path
        )


def network_of(config: Config) -> nn.Module:
    """Build a network with random weights."""
    return ARCHITECTURES[named_by(config)]().network(config)


def make_trainer(job: TrainJob, ground: "Ground", device: str) -> Trainer:
    """Build network, judge and optimiser, and read the teacher.

    Random numbers that others draw stay what they were.

    Raises:
        SettingsError: a file cannot be used, or options do not fit the network.
    """
    learning = replace(job.recipe.learning, bf16=has_units_for_bf16(device))
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(job.recipe.seed)
        network = _make_network(ground)
        _hold_rest(network, job.recipe.learns)
        again = job.recipe.learns is Learns.AGAIN
        learner = _make_learner(network, job.material, learning, device, ground, again=again)
        return Trainer(learner, device, _make_judge(network, job.material, job.recipe, device))


def _make_network(ground: "Ground") -> nn.Module:
    if ground.start is None or isinstance(ground.config, HeadConfig):
        return network_of(ground.config)
    with told_as_settings():
        network = build_network(ground.start, "--from").requires_grad_(True).train()
    if not isinstance(network, Texsr) or network.config == ground.config:
        return network
    assert isinstance(ground.config, TexsrConfig)
    more = grown(network, ground.config)
    hold_all_of(network, more)
    return more


def _hold_rest(network: nn.Module, learns: Learns) -> None:
    """Let only a part learn, of what is to; refuse where there is no such part."""
    if not isinstance(network, Texsr):
        if learns is Learns.ALL:
            return
        raise _unfitting("--learn", network, "it learns as a whole")
    for name, parameter in network.named_parameters():
        if learns not in _taught_by(name):
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise _unfitting("--learn", network, f"nothing of '{learns.value}' that is to learn")


def _taught_by(name: str) -> tuple[Learns, ...]:
    """Give when a parameter of the default network learns."""
    child = name.partition(".")[0]
    if child == AGAIN:
        return (Learns.AGAIN,)
    return Learns.ALL, Learns.BRANCH if child == BRANCH else Learns.PHOTOS


def _make_learner(
    network: nn.Module,
    material: Material,
    learning: TrainingSettings,
    device: str,
    ground: "Ground",
    *,
    again: bool,
) -> Learner:
    if isinstance(network, Texsr):
        teacher = (
            None
            if material.teacher is None
            else read_teacher(material.teacher, ground.learnt, device)
        )
        _check_lessons(network, learning, teacher, ground.learnt)
        return TexsrLearner(network, learning, teacher, again=again)
    if material.teacher is not None:
        raise _unfitting("--teacher", network, "it teaches the default network alone")
    if isinstance(network, ImplicitHead):
        return _head_learner(network, learning, device, ground)
    vgg = None if material.vgg is None else read_trunk(material.vgg).to(device)
    _take_trunk(network, vgg)
    return PictureLearner(network, learning, _tuition(network, vgg) if learning.lessons else None)


def _head_learner(
    network: ImplicitHead, learning: TrainingSettings, device: str, ground: "Ground"
) -> HeadLearner:
    for option, given in (
        ("--lessons", learning.lessons),
        ("--reciprocal", learning.reciprocal_weight),
    ):
        if given:
            raise _unfitting(option, network, "the network under it stays as it is")
    assert ground.start is not None
    with told_as_settings():
        trunk = build_network(ground.start, "--from").to(device)
    assert isinstance(trunk, Texsr)
    return HeadLearner(network, learning, trunk)


def _take_trunk(network: nn.Module, vgg: VggTrunk | None) -> None:
    """Give a network of the published size the published trunk, which stays as it is."""
    if isinstance(network, Amrsr | Rrsr) and vgg is not None:
        ours, theirs = network.trunk.state_dict(), vgg.state_dict()
        if all(ours[name].shape == theirs[name].shape for name in ours):
            network.trunk.load_state_dict(theirs)
            network.trunk.requires_grad_(False)


def _tuition(network: nn.Module, vgg: VggTrunk | None) -> Tuition:
    """Let a network learn to match.

    Raises:
        SettingsError: it has nothing to learn there, or there is no VGG19 that it needs.
    """
    if isinstance(network, Rrsr):
        return ContrastTuition(network.asking, network.known)
    if not isinstance(network, Amrsr):
        raise _unfitting("--lessons", network, "no features that could be taught to match")
    if vgg is None:
        raise SettingsError(
            "--lessons",
            found="no --vgg",
            expected="--vgg FILE, whose likenesses are to be learnt",
            remedy="give the weights of VGG19, or leave --lessons out",
        )
    trunk = network.trunk
    if not any(parameter.requires_grad for parameter in trunk.parameters()):
        raise _unfitting("--lessons", network, "the trunk of VGG19 already")
    return LikenessTuition(vgg, lambda picture: trunk(picture).relu3_1)


def _unfitting(option: str, network: nn.Module, why: str) -> SettingsError:
    return SettingsError(
        option,
        found=f"{type(network).__name__}: {why}",
        expected=f"a network that {option} is for",
        remedy=f"leave {option} out",
    )


def _check_lessons(
    network: Texsr,
    learning: TrainingSettings,
    teacher: "Smfanet | None",
    learnt: tuple[int, ...],
) -> None:
    if not learning.lessons:
        return
    if teacher is None:
        raise SettingsError(
            "--lessons",
            found="no teacher",
            expected="--teacher FILE, whose blocks are to be learnt",
            remedy="give the weights of SMFANet+, or leave --lessons out",
        )
    if learnt != (teacher.scale,):
        raise _unteachable(f"{_told(learnt)} to learn", teacher)
    for pupil in pupils(network, teacher.scale):
        if not fits(pupil, teacher):
            found = f"a trunk of {len(pupil.blocks)} blocks, {pupil.entry.out_channels} wide"
            raise _unteachable(found, teacher)


def _told(scales: tuple[int, ...]) -> str:
    return " and ".join(f"x{scale}" for scale in scales)


def _unteachable(found: str, teacher: "Smfanet") -> SettingsError:
    blocks, width = len(teacher.feats), teacher.to_feat.out_channels
    return SettingsError(
        "--lessons",
        found=found,
        expected=f"{blocks} blocks, {width} wide, for x{teacher.scale}, as the teacher is",
        remedy="use --preset fast with --scale of that one, or leave --lessons out",
    )


def _make_judge(
    network: nn.Module, material: Material, recipe: Recipe, device: str
) -> Judge | None:
    if recipe.visual is None or material.vgg is None:
        return None
    trunk, rate = read_trunk(material.vgg), recipe.visual.critic_rate
    if isinstance(network, Amrsr):
        from texsr.models.amrsr_judge import AmrsrJudge
        from texsr.models.amrsr_losses import AmrsrWeights

        return AmrsrJudge(trunk, network.trunk, AmrsrWeights(), rate, device)
    from texsr.models.visual import VisualJudge

    return VisualJudge(trunk, recipe.visual, device)


def read_trunk(path: Path) -> VggTrunk:
    """Read VGG19's first layers.

    Raises:
        SettingsError: it is none.
    """
    from texsr.models.vgg import read_vgg

    return _read_weights("--vgg", path, read_vgg, "VGG19 up to relu3_1 as safetensors")


def read_teacher(path: Path, learnt: tuple[int, ...], device: str) -> "Smfanet":
    """Read the teacher.

    Args:
        path: of its weights.
        learnt: the scales that are trained.
        device: where it is to lie.

    Raises:
        SettingsError: it is none, or of a scale that is not trained.
    """
    from texsr.models.smfanet import read_smfanet

    read = partial(read_smfanet, local=True)  # our tiles are cut anyhow
    teacher: Smfanet = _read_weights("--teacher", path, read, "weights of SMFANet+")
    if teacher.scale not in learnt:
        raise SettingsError(
            "--teacher",
            found=f"weights for x{teacher.scale} in {path}",
            expected=" or ".join(f"x{scale}" for scale in learnt),
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
