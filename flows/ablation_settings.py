"""What an ablation of the published networks is told."""

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from texsr.pipeline.errors import SettingsError


class Table(Enum):
    """The tables of the papers that are made anew."""

    AMRSR_REFERENCES = "amrsr-references"
    AMRSR_PARTS = "amrsr-parts"
    MASA = "masa"
    RRSR = "rrsr"
    CIAOSR = "ciaosr"

    @property
    def architecture(self) -> str:
        """As `texsr.models.architectures` names it."""
        return self.value.partition("-")[0]

    @property
    def title(self) -> str:
        """What stands above it."""
        return TITLES[self]

    @property
    def trains(self) -> bool:
        """Whether some of its rows are networks of their own."""
        return self in (Table.MASA, Table.RRSR)

    @property
    def needs_references(self) -> bool:
        """Whether it says anything of a set without."""
        return self is not Table.CIAOSR


TITLES = {
    Table.AMRSR_REFERENCES: "AMRSR: number of references",
    Table.AMRSR_PARTS: "AMRSR: parts, sub-vectors and where it attends",
    Table.MASA: "MASA-SR: matching, references and modules",
    Table.RRSR: "RRSR: reciprocal learning and rounds of alignment",
    Table.CIAOSR: "CiaoSR: continuous scales",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """The short trainings, all alike, of rows that differ in what was trained."""

    steps: int | None = None
    """Of each; None: those rows are left out."""
    packs: tuple[Path, ...] = ()
    """Packed tiles to learn from, or folders of such."""
    sets: tuple[Path, ...] = ()
    """Texture maps and folders of pictures with references to learn from."""
    batch: int = 4
    """Crops a step learns from."""
    side_tx: int = 32
    """Of a crop, in low texels."""

    def __post_init__(self) -> None:
        if self.steps is None and (self.packs or self.sets):
            raise SettingsError(
                "--packs and --sets",
                found="material to learn from and no --steps",
                expected="--steps N: how long each of the short trainings is",
                remedy="give --steps, or leave the material out",
            )
        if self.steps is not None and not (self.packs or self.sets):
            raise SettingsError(
                "--steps",
                found="no material to learn from",
                expected="--packs or --sets, which must not be the sets that are measured on",
                remedy="give some, or leave --steps out: rows that need a training are left out",
            )
        if self.steps is not None and self.steps < 1:
            raise SettingsError(
                "--steps", found=str(self.steps), expected="at least 1", remedy="take more steps"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationJob:
    """One call of `texsr ablate`."""

    sets: tuple[Path, ...]
    """Texture maps to measure on."""
    models: tuple[str, ...] = ()
    """Checkpoint files, or names of shipped ones."""
    tables: tuple[Table, ...] = ()
    """Empty: all that the models allow."""
    tiles: int | None = None
    """At most so many of each map, evenly apart; None: all."""
    device: str = "auto"
    """`auto`, `cpu` or `cuda`."""
    out: Path | None = None
    """Gets the tables; rows that are done are kept there. None: nothing is kept."""
    practice: Practice = field(default_factory=Practice)

    def __post_init__(self) -> None:
        if self.tiles is not None and self.tiles < 1:
            raise SettingsError(
                "--tiles",
                found=str(self.tiles),
                expected="at least 1",
                remedy="leave it out for all tiles",
            )
        learnt = {place.resolve() for place in (*self.practice.packs, *self.practice.sets)}
        for place in self.sets:
            root = place.resolve()
            if any(root.is_relative_to(one) or one.is_relative_to(root) for one in learnt):
                raise SettingsError(
                    place,
                    found="a set that is both measured on and learnt from",
                    expected="figures on what nothing was learnt from",
                    remedy="leave it out on one of the two sides",
                )
