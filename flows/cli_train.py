"""`texsr train`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from texsr.flows import cli_options as options
from texsr.flows.console import DONE, FAILED, answering
from texsr.flows.training_bars import TrainingBars, said_losses

if TYPE_CHECKING:
    from texsr.flows.training_presets import Config
    from texsr.flows.training_run import TrainOutcome
    from texsr.flows.training_settings import TrainJob

Places = list[Path] | None


def _share(told: str) -> Any:
    """An option between none and all."""
    return typer.Option(metavar="SHARE", min=0.0, max=1.0, help=told)


def train(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="A new folder, or that of this training.")
    ],
    scans: Annotated[
        Places, typer.Option(metavar="DIR", help="Textured meshes to photograph; repeat for more.")
    ] = None,
    pictures: Annotated[
        Places, typer.Option(metavar="DIR", help="Photographs and textures; repeat for more.")
    ] = None,
    packs: Annotated[
        Places, typer.Option(metavar="DIR", help="Tiles packed before; repeat for more.")
    ] = None,
    captures: Annotated[
        Places, typer.Option(metavar="DIR", help="Folders with capture/ and truth/.")
    ] = None,
    sets: Annotated[
        Places,
        typer.Option(
            metavar="DIR",
            help="Texture maps, or folders of pictures with references; not for fast and quality.",
        ),
    ] = None,
    validate: Annotated[
        Places,
        typer.Option(metavar="DIR", help="The same, to measure on: they choose best.safetensors."),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="fast, quality; amrsr, masa, rrsr, ciaosr as published, or with -seed: small; "
            "ciaosr-head: for any scale, on --from. [default: fast]",
        ),
    ] = None,
    scale: Annotated[
        list[int] | None,
        typer.Option(min=2, max=8, help="A scale to train; repeat for more. [default: 4]"),
    ] = None,
    steps: Annotated[int, typer.Option(help="Of the whole training.")] = 20_000,
    batch: Annotated[int, typer.Option(help="Crops a step learns from.")] = 8,
    rate: Annotated[
        float | None,
        typer.Option(
            help="Top learning rate. [default: 1e-3; with --from 2e-4, with --visual 1e-4, of a "
            "head 1e-3]"
        ),
    ] = None,
    crop: Annotated[int, typer.Option(metavar="TX", help="Side of a crop in low texels.")] = 48,
    rounds: Annotated[int, typer.Option(help="Times each scan is photographed anew.")] = 3,
    tiles: Annotated[int, typer.Option(help="Tiles per picture, in the mean.")] = 12,
    validate_every: Annotated[
        int, typer.Option("--validate-every", metavar="STEPS", help="Between two validations.")
    ] = 500,
    teacher: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights of SMFANet+, to learn from without photos."),
    ] = None,
    lessons: Annotated[
        int,
        typer.Option(
            metavar="STEPS",
            help="First steps: learn a teacher's blocks, or to match.",
        ),
    ] = 0,
    learn: Annotated[
        str,
        typer.Option(
            metavar="PART",
            help="Of fast and quality: all, photos (all but the single-image branch), branch, or "
            "again (a second look at coarse photos, added to --from); the rest stays as it is.",
        ),
    ] = "all",
    rms: Annotated[
        float,
        _share(
            "Of the root mean square in the errors that fast and quality learn from; the rest "
            "is the mean absolute."
        ),
    ] = 0.0,
    softer: Annotated[
        float, _share("Of crops, made softer than their photos, as atlases baked from others are.")
    ] = 0.0,
    doubled: Annotated[
        float, _share("Of crops, whose photos show edges twice, as on rough meshes.")
    ] = 0.0,
    reciprocal: Annotated[
        bool, typer.Option("--reciprocal", help="Results also have to serve as references.")
    ] = False,
    start: Annotated[
        Path | None, typer.Option("--from", metavar="CHECKPOINT", help="Weights to start from.")
    ] = None,
    visual: Annotated[
        bool,
        typer.Option(
            "--visual", help="Fine-tune for looks, which may invent; needs --from, --vgg."
        ),
    ] = False,
    vgg: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights of VGG19 up to relu3_1.")
    ] = None,
    device: options.Device = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="On the CPU.")] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.0, help="Stop in good order after so long.")
    ] = None,
    seed: options.Seed = 0,
    flow: options.Flow = False,
    json: options.Json = False,
) -> None:
    """Train a network; the same command again goes on where it was stopped.

    Makes the tiles it lacks in DIR/packs first, then trains. DIR gets state.safetensors every few
    minutes and when it is stopped (Ctrl-C, --minutes), log.jsonl, loss.svg, pictures of validation
    tiles, last.safetensors and, with --validate, best.safetensors. Nothing may be learnt from what
    is validated on. docs/training.md says more. Exit code 1: stopped by a signal.

    Examples:

        texsr train --out runs/one --scans scans --pictures photos --validate trials

        texsr train --out runs/one --scans scans --pictures photos --validate trials --minutes 60

        texsr train --out runs/taught --packs runs/one/packs --teacher smfanet_plus/x4.safetensors
        --lessons 800

        texsr train --out runs/big --packs runs/one/packs --preset quality --validate trials

        texsr train --out runs/mine --from fast.safetensors --captures vase_x4 --minutes 60

        texsr train --out runs/x2 --from mine.safetensors --scale 2 --scans scans --softer 0.45
        --doubled 0.3

        texsr train --out runs/again --from mine.safetensors --learn again --scans scans

        texsr train --out runs/amrsr --preset amrsr-seed --sets maps --packs runs/one/packs
        --crop 32 --vgg vgg.safetensors --lessons 200

        texsr train --out runs/head --preset ciaosr-head --from fast.safetensors
        --packs runs/one/packs

        texsr train --out runs/looks --from runs/one/best.safetensors --packs runs/one/packs
        --visual --vgg vgg.safetensors --steps 4000
    """
    with answering(as_json=json) as answer:
        from texsr.flows.training_faults import Faults
        from texsr.flows.training_presets import Preset
        from texsr.flows.training_settings import (
            RECIPROCAL_WEIGHT,
            Learns,
            Material,
            Recipe,
            Sitting,
            TrainJob,
        )
        from texsr.models.learner import TrainingSettings
        from texsr.models.visual import VisualSettings

        learning = TrainingSettings(
            steps=steps,
            lessons=lessons,
            rate=_rate(rate, None if preset == Preset.CIAOSR_HEAD.value else start, visual=visual),
            rms_share=rms,
            reciprocal_weight=RECIPROCAL_WEIGHT if reciprocal else 0.0,
        )
        recipe = Recipe(
            config=_config(preset, scale, start),
            learning=learning,
            learns=options.choose("--learn", learn, Learns.ALL),
            batch=batch,
            side_tx=crop,
            seed=seed,
            rounds=rounds,
            tiles_per_picture=tiles,
            faults=Faults(softer=softer, doubled=doubled),
            validate_every=validate_every,
            visual=VisualSettings() if visual else None,
        )
        material = Material(
            scans=tuple(scans or ()),
            pictures=tuple(pictures or ()),
            packs=tuple(packs or ()),
            captures=tuple(captures or ()),
            sets=tuple(sets or ()),
            validation=tuple(validate or ()),
            teacher=teacher,
            start=start,
            vgg=vgg,
        )
        sitting = Sitting(device=device, threads=threads, minutes=minutes)
        job = TrainJob(out=out, material=material, recipe=recipe, sitting=sitting)
        outcome = _run(job, flow=flow)
        code = FAILED if outcome.status.value == "stopped" else DONE
        answer.give(outcome.as_json(), _text(outcome), code=code)


def _config(preset: str | None, scales: list[int] | None, start: Path | None) -> "Config | None":
    """Give the size that is asked for; None: as the checkpoint started from has it."""
    from texsr.flows.training_learner import read_start
    from texsr.flows.training_presets import PRESETS, Preset, with_scales

    if preset is not None or start is None:
        word = Preset.FAST if preset is None else options.choose("--preset", preset, Preset.FAST)
        config = PRESETS[word]
    elif scales is None:
        return None
    else:
        _, config = read_start(start)
        assert config is not None
    return with_scales(config, None if scales is None else tuple(sorted(set(scales))))


def _rate(rate: float | None, start: Path | None, *, visual: bool) -> float:
    """Give the learning rate: less where there is something to unlearn."""
    if rate is not None:
        return rate
    if visual:
        return 1e-4
    return 1e-3 if start is None else 2e-4


def _run(job: "TrainJob", *, flow: bool) -> "TrainOutcome":
    if flow:
        from texsr.flows.train import run_training_as_flow

        return run_training_as_flow(job)
    from texsr.flows.training_run import train as run

    with TrainingBars() as bars:
        return run(job, bars.progress, bars.losses)


def _text(outcome: "TrainOutcome") -> str:
    from texsr.flows.training_run import Ending

    match outcome.status:
        case Ending.DONE:
            head = f"{outcome.out}: {outcome.step} steps on {outcome.tiles} tiles"
        case Ending.PAUSED | Ending.STOPPED:
            word = "paused" if outcome.status is Ending.PAUSED else "stopped"
            head = (
                f"{outcome.out}: {word} at step {outcome.step} of {outcome.steps}; "
                "the same command goes on"
            )
    lines = [head]
    if outcome.losses:
        lines.append(f"error beside simple means: {said_losses(outcome.losses)}")
    for name, found in outcome.validation.items():
        told = ", ".join(f"{db:.2f} with {count}" for count, db in found.items())
        lines.append(f"{name}: PSNR-Y by references, dB: {told}")
    if outcome.best_db is not None:
        lines.append(f"best: {outcome.best_db:.3f} dB in the mean, at step {outcome.best_step}")
    return "\n".join([*lines, *map(str, outcome.checkpoints)])
