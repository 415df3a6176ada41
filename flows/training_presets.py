"""The sizes of networks that can be trained by name, and the size that a training settles on.

Each published system has two: as published, and a narrow one of the same architecture, which is
what can be trained on a CPU and what is shipped.
"""

from dataclasses import asdict, replace
from enum import Enum
from pathlib import Path

from texsr.models.amrsr import AmrsrConfig
from texsr.models.checkpoint import Checkpoint, digest_of
from texsr.models.ciaosr import CiaosrConfig
from texsr.models.implicit_head import HeadConfig
from texsr.models.masa import MasaConfig
from texsr.models.rrsr import RrsrConfig
from texsr.models.texsr import TexsrConfig
from texsr.pipeline.errors import SettingsError

Config = TexsrConfig | AmrsrConfig | MasaConfig | RrsrConfig | CiaosrConfig | HeadConfig
BRANCH = ("single_width", "single_blocks", "single_turns")  # fields: it can be added later
BY_SCALE = ("scales", "own_trunks", "looks_again")  # fields: they can be added later
ASKED = ("turns", "single_turns", "adapted_around", "half_a_place")  # fields: how it is asked
PICTURE_SCALES = (4,)  # of tiles that networks over pictures learn from


class Preset(Enum):
    """What `--preset` knows."""

    FAST = "fast"
    QUALITY = "quality"
    AMRSR = "amrsr"
    AMRSR_SEED = "amrsr-seed"
    MASA = "masa"
    MASA_SEED = "masa-seed"
    RRSR = "rrsr"
    RRSR_SEED = "rrsr-seed"
    CIAOSR = "ciaosr"
    CIAOSR_SEED = "ciaosr-seed"
    CIAOSR_HEAD = "ciaosr-head"


PRESETS: dict[Preset, Config] = {
    Preset.FAST: TexsrConfig(single_width=48, single_blocks=12),
    Preset.QUALITY: TexsrConfig(
        width=96, prior_blocks=12, fusion_blocks=8, reference_width=48, max_references=8
    ),
    Preset.AMRSR: AmrsrConfig(),
    Preset.AMRSR_SEED: AmrsrConfig(
        width=32,
        content_blocks=6,
        fusion_blocks=(6, 3, 1),
        trunk=(16, 32, 64),
        over_base=True,
        running=True,
    ),
    Preset.MASA: MasaConfig(),
    Preset.MASA_SEED: MasaConfig(
        width=24, encoder_blocks=1, low_blocks=1, fusion_blocks=(6, 3, 1), adapted_around=12
    ),
    Preset.RRSR: RrsrConfig(),
    Preset.RRSR_SEED: RrsrConfig(
        width=32,
        content_blocks=6,
        rounds=(1, 1, 1),
        round_blocks=(6, 3, 1),
        trunk=(16, 32, 64),
        extractor=(16, 32, 64),
        experts=4,
        groups=4,
    ),
    Preset.CIAOSR: CiaosrConfig(),
    Preset.CIAOSR_SEED: CiaosrConfig(width=32, blocks=8, hidden=64, half_a_place=True),
    Preset.CIAOSR_HEAD: HeadConfig(),
}


def settle_config(wanted: Config | None, started_from: Config | None) -> Config:
    """Give the size of the network: that of the checkpoint started from, or with more to it.

    Raises:
        SettingsError: another one than the checkpoint's is asked for.
    """
    if started_from is None:
        return wanted or PRESETS[Preset.FAST]
    wanted = _with_scales_of(started_from, wanted or started_from)
    if not _goes_on(started_from, wanted):
        raise SettingsError(
            "--from",
            found=f"a network of {_differences(started_from, wanted)}",
            expected="the size that is asked for, or that without a single-image branch",
            remedy="leave --preset out, or start from another checkpoint",
        )
    return wanted


def fitted_head(wanted: HeadConfig, start: Checkpoint | None, path: Path | None) -> HeadConfig:
    """Give a head's size for the network that it is to learn on.

    Raises:
        SettingsError: that is none that a head can be asked of.
    """
    if start is None or path is None or start.architecture != "texsr":
        found = "no --from" if start is None else f"a checkpoint of '{start.architecture}'"
        raise SettingsError(
            "--from",
            found=f"{found}, to train a head on",
            expected="a checkpoint of the default network, which stays as it is",
            remedy="give assets/models/fast.safetensors, or one of your own",
        )
    native = max(start.config["scales"])
    if native not in PICTURE_SCALES:
        raise SettingsError(
            "--from",
            found=f"a network for x{native}",
            expected=f"one for x{PICTURE_SCALES[0]}, the scale that heads are asked at",
            remedy="start from another checkpoint",
        )
    return replace(
        wanted,
        features=start.config["width"],
        native=native,
        model=path.stem,
        sha256=digest_of(start),
    )


def scales_of(config: Config) -> tuple[int, ...]:
    """Give the scales that tiles may have for a network."""
    return config.scales if isinstance(config, TexsrConfig) else PICTURE_SCALES


def scales_to_learn(
    wanted: Config | None, config: Config, started_from: Config | None
) -> tuple[int, ...]:
    """Give the scales that are trained: those that the checkpoint lacks, or if none, those wanted.

    Scales that share their trunks learn together.

    Args:
        wanted: what was asked for; None: all.
        config: of the network.
        started_from: that of the checkpoint; None: there is none.
    """
    known = () if started_from is None else scales_of(started_from)
    asked = set(scales_of(wanted or config))
    lacking = asked - set(known)
    if not lacking and isinstance(config, TexsrConfig):
        shared = set(config.scales) - set(config.own_trunks)
        asked |= shared if asked & shared else set()
    return tuple(sorted(lacking or asked))


def with_scales(config: Config, scales: tuple[int, ...] | None) -> Config:
    """Give a network's size with other scales; None: as it is.

    Raises:
        SettingsError: it has none to choose.
    """
    if scales is None:
        return config
    if isinstance(config, TexsrConfig):
        own = tuple(scale for scale in config.own_trunks if scale in scales)
        again = tuple(scale for scale in config.looks_again if scale in scales)
        return replace(config, scales=scales, own_trunks=own, looks_again=again)
    if scales == PICTURE_SCALES:
        return config
    raise SettingsError(
        "--scale",
        found=", ".join(f"x{scale}" for scale in scales),
        expected="x4, the scale of the published networks (CiaoSR learns x1 to x4 from it)",
        remedy="leave --scale out",
    )


def _with_scales_of(started_from: Config, wanted: Config) -> Config:
    """Add a checkpoint's scales; those that it lacks get trunks of their own: its must stay."""
    if not isinstance(wanted, TexsrConfig) or not isinstance(started_from, TexsrConfig):
        return wanted
    scales = {*wanted.scales, *started_from.scales}
    own = scales - set(started_from.scales) | set(started_from.own_trunks)
    return replace(
        wanted,
        scales=tuple(sorted(scales)),
        own_trunks=tuple(sorted(own)),
        looks_again=started_from.looks_again,
    )


def with_second_look(config: Config, scales: tuple[int, ...]) -> Config:
    """Add a second look at some scales to the default network.

    Raises:
        SettingsError: it is another network.
    """
    if not isinstance(config, TexsrConfig):
        raise SettingsError(
            "--learn again",
            found=f"a network of {type(config).__name__.removesuffix('Config')}",
            expected="the default network, which looks at coarse photos twice",
            remedy="leave --preset out, or --learn",
        )
    again = {*config.looks_again, *scales}
    return replace(config, looks_again=tuple(sorted(again)))


def _goes_on(started_from: Config, wanted: Config) -> bool:
    if type(started_from) is not type(wanted):
        return False
    asked = {name: getattr(started_from, name) for name in ASKED if hasattr(started_from, name)}
    same = replace(wanted, **asked)
    if isinstance(started_from, TexsrConfig) and isinstance(same, TexsrConfig):
        theirs = {name: getattr(started_from, name) for name in BY_SCALE}
        same = replace(same, **theirs)
        if not started_from.single_width:
            same = replace(same, **{name: getattr(started_from, name) for name in BRANCH})
    return same == started_from


def _differences(found: Config, wanted: Config) -> str:
    if type(found) is not type(wanted):
        names = (type(one).__name__.removesuffix("Config") for one in (found, wanted))
        return " (not ".join(names) + ")"
    ours, theirs = asdict(wanted), asdict(found)
    told = [
        f"{name} {theirs[name]} (not {ours[name]})" for name in ours if ours[name] != theirs[name]
    ]
    return ", ".join(told)
