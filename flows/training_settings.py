"""What a training is told: the recipe, the material it learns from, and one sitting at it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from texsr.flows.dataset_places import for_validation_only
from texsr.flows.training_data import PackSettings
from texsr.flows.training_faults import Faults
from texsr.flows.training_presets import Config
from texsr.models.learner import TrainingSettings
from texsr.models.visual import VisualSettings
from texsr.pipeline.errors import SettingsError

MIN_SIDE_TX = 8  # low texels: less leaves the teacher's pooling and the critic nothing to look at
RECIPROCAL_WEIGHT = 0.6  # RRSR's


class Learns(Enum):
    """Which part of the default network learns; the other one stays as it is, to the bit."""

    ALL = "all"
    PHOTOS = "photos"
    """All but the single-image branch: what is made of photos, and of the atlas beside them."""
    BRANCH = "branch"
    """The single-image branch, which answers where no photo does."""
    AGAIN = "again"
    """The second look at coarse photos: on tiles whose photos are seen as it sees them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that decides what comes out, but for the material. Another recipe is another training."""

    config: Config | None = None
    """Size of the network; None: that of the checkpoint started from, else the preset `fast`."""
    learning: TrainingSettings = field(default_factory=TrainingSettings)
    """Steps, rate, weights of the losses. Its `bf16` is not used: the device decides."""
    learns: Learns = Learns.ALL
    """Of the default network."""
    batch: int = 8
    """Crops a step learns from."""
    side_tx: int = 48
    """Of a crop, in low texels."""
    single_every: int = 2
    """One in so many batches is without references; 0: only those drawn without."""
    seed: int = 0
    """Of first weights, packs and batches."""
    pack: PackSettings = field(default_factory=PackSettings)
    """Tiles that are made. Its `scale` is not used: tiles are made for every scale of `config`."""
    faults: Faults = field(default_factory=Faults)
    """What crops get, of the default network and of heads; others refuse it."""
    rounds: int = 3
    """How often each scan is photographed, every time anew, and every other time repainted."""
    tiles_per_picture: int = 12
    """In the mean over the pictures of a folder."""
    validate_every: int = 500
    """Steps from one validation to the next."""
    visual: VisualSettings | None = None
    """Fine-tune for looks; None: for what is right."""

    def __post_init__(self) -> None:
        least = {"--steps": (self.learning.steps, 1), "--batch": (self.batch, 1)}
        least |= {"--crop": (self.side_tx, MIN_SIDE_TX), "--rounds": (self.rounds, 1)}
        least |= {"--lessons": (self.learning.lessons, 0)}
        least |= {"--validate-every": (self.validate_every, 1)}
        least |= {"--tiles": (self.tiles_per_picture, 1), "--seed": (self.seed, 0)}
        for option, (value, bound) in least.items():
            if value < bound:
                raise SettingsError(
                    option,
                    found=str(value),
                    expected=f"at least {bound}",
                    remedy="leave it out for the default",
                )
        if self.learning.lessons >= self.learning.steps:
            raise SettingsError(
                "--lessons",
                found=f"{self.learning.lessons} of {self.learning.steps} steps",
                expected="fewer than --steps, which count them in",
                remedy="leave it out, or take more steps",
            )
        if not 0 < self.learning.rate <= 1:
            raise SettingsError(
                "--rate",
                found=f"{self.learning.rate:g}",
                expected="a learning rate above 0, and below 1",
                remedy=f"use {TrainingSettings().rate:g}, or less from a trained checkpoint",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Where a training learns from, starts from and is validated on."""

    scans: tuple[Path, ...] = ()
    """Textured meshes, their folders, or folders of such folders: photographed by simulation."""
    pictures: tuple[Path, ...] = ()
    """Folders of photographs and textures."""
    packs: tuple[Path, ...] = ()
    """Packed tiles, or folders of such."""
    captures: tuple[Path, ...] = ()
    """Folders with capture/ and truth/."""
    sets: tuple[Path, ...] = ()
    """Sets of texture maps and folders of reference super-resolution, for networks over
    pictures."""
    validation: tuple[Path, ...] = ()
    """Folders with capture/ and truth/, or packed tiles: nothing is learnt from them."""
    teacher: Path | None = None
    """Weights of SMFANet+, which batches without references learn from as well."""
    start: Path | None = None
    """A checkpoint to start from; None: random weights."""
    vgg: Path | None = None
    """Weights of VGG19's first layers, for `Recipe.visual`."""

    @property
    def sources(self) -> tuple[Path, ...]:
        """All places that something is learnt from."""
        return (*self.scans, *self.pictures, *self.packs, *self.captures, *self.sets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """How this call goes about it; none of it changes what a step does."""

    device: str = "auto"
    """`auto`, `cpu` or `cuda`."""
    threads: int | None = None
    """Of PyTorch on the CPU; None: as it chooses. Sums depend on it in the last bit."""
    minutes: float | None = None
    """Stop in good order after so long, what is prepared included; None: go on to the end."""
    save_every_s: float = 180.0
    """Seconds from one saved state to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainJob:
    """One call of `texsr train`."""

    out: Path
    material: Material
    recipe: Recipe = field(default_factory=Recipe)
    sitting: Sitting = field(default_factory=Sitting)


def check_material(material: Material, recipe: Recipe) -> None:
    """Refuse what must not be learnt from, and options that do not go together.

    Raises:
        SettingsError: it is such.
    """
    _check_there(material)
    for source in material.sources:
        if for_validation_only(source):
            raise SettingsError(
                source,
                found="material that is for validation only, given to be learnt from",
                expected="scans, pictures and captures that no validation and no benchmark uses",
                remedy="give it with --validate, or leave it out",
            )
        shared = next((one for one in material.validation if _overlap(source, one)), None)
        if shared is not None:
            raise SettingsError(
                source,
                found=f"material that is given to be learnt from, and with --validate {shared}",
                expected="validation on what nothing was learnt from",
                remedy="leave it out on one of the two sides",
            )
    if recipe.visual is not None and (material.start is None or material.vgg is None):
        raise SettingsError(
            "--visual",
            found="no --from" if material.start is None else "no --vgg",
            expected="--from CHECKPOINT, trained for what is right, and --vgg FILE",
            remedy="train without --visual first, then fine-tune what came out",
        )
    if recipe.learns is Learns.AGAIN:
        _check_again(material, recipe)


def _check_again(material: Material, recipe: Recipe) -> None:
    """Refuse what a second look, which always has references, would not heed."""
    unheeded = {
        "--teacher": material.teacher is not None,
        "--lessons": recipe.learning.lessons > 0,
        "--reciprocal": recipe.learning.reciprocal_weight > 0,
        "--visual": recipe.visual is not None,
    }
    for option, given in unheeded.items():
        if given:
            raise SettingsError(
                option,
                found="it given with --learn again",
                expected="no such option: a second look learns from photos seen again alone",
                remedy=f"leave {option} out",
            )


def _check_there(material: Material) -> None:
    options: dict[str, Sequence[Path]] = {
        "--scans": material.scans,
        "--pictures": material.pictures,
        "--packs": material.packs,
        "--captures": material.captures,
        "--sets": material.sets,
        "--validate": material.validation,
        "--teacher": [material.teacher] if material.teacher else [],
        "--from": [material.start] if material.start else [],
        "--vgg": [material.vgg] if material.vgg else [],
    }
    for option, places in options.items():
        for place in places:
            if not place.exists():
                raise SettingsError(
                    option,
                    found=f"no {place}",
                    expected="a file or folder that is there",
                    remedy="correct the path",
                )


def _overlap(one: Path, other: Path) -> bool:
    one, other = one.resolve(), other.resolve()
    return one.is_relative_to(other) or other.is_relative_to(one)
