"""The settings of a run: one object for the command line, batches, flows and Python."""

from dataclasses import dataclass
from enum import StrEnum

from texsr.pipeline.errors import SettingsError

MIN_SCALE, MAX_SCALE = 1.5, 8.0


class ReferenceForm(StrEnum):
    """How photos are given to a model."""

    WARPED = "warped"  # resampled into the texels of the tile
    CROPPED = "cropped"  # cut out around what the tile shows; the model finds what lies where


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """How to super-resolve a capture. The defaults are meant to be right."""

    scale: float = 4.0
    """Texels per low texel and axis, 1.5 to 8. A model that does not do it itself runs at its next
    larger scale, and the finished atlas is reduced."""
    model: str = "auto"
    """`auto` (the best that is shipped for the device, else `projection`), a name from
    `texsr models`, or a checkpoint file. A name wins over a file of that name; ./NAME is the file.
    """
    head: str | None = None
    """A head that answers at any scale instead of reducing: a name that `texsr models` lists for
    the model, or a checkpoint file. None: none."""
    references: int | None = None
    """Photos a cell of the surface may use; None: what the model wants (`projection`: all)."""
    references_as: ReferenceForm = ReferenceForm.WARPED
    """Warped into the texels of each tile, or cropped, for models that search by themselves."""
    device: str = "auto"
    """`auto`, `cpu` or `cuda`."""
    tile_size_tx: int | None = None
    """Side of a tile in low texels; None: planned from the memory budget."""
    seed: int = 0
    """For models that draw; `projection` draws nothing."""
    exclude: tuple[str, ...] = ()
    """Photos to leave out, by name."""
    strict: bool = False
    """Stop at the first photo that cannot be used instead of leaving it out."""
    texture_format: str | None = None
    """`png`: write JPEG atlases as PNG; None: keep each container."""
    memory_mb: int = 1280
    """What the working arrays of a run may take together: photos a third, tiles the rest."""

    def __post_init__(self) -> None:
        if not MIN_SCALE <= self.scale <= MAX_SCALE:
            raise SettingsError(
                "--scale",
                found=f"{self.scale:g}",
                expected=f"a number from {MIN_SCALE:g} to {MAX_SCALE:g}",
                remedy="use 4, or any other number in this range",
            )
        if self.tile_size_tx is not None and self.tile_size_tx < 16:
            raise SettingsError(
                "--tile-size",
                found=str(self.tile_size_tx),
                expected="at least 16 texels",
                remedy="leave it out to have it planned",
            )
        if self.references is not None and self.references < 0:
            raise SettingsError(
                "--references",
                found=str(self.references),
                expected="a count or 'all'",
                remedy="use 'all' for every photo",
            )
        if self.references_as not in tuple(ReferenceForm):
            raise SettingsError(
                "--references",
                found=str(self.references_as),
                expected=" or ".join(ReferenceForm),
                remedy="leave it out to have them warped",
            )
        if self.device not in ("auto", "cpu", "cuda"):
            raise SettingsError(
                "--device", found=self.device, expected="auto, cpu or cuda", remedy="use auto"
            )
        if self.texture_format not in (None, "png"):
            raise SettingsError(
                "--texture-format",
                found=str(self.texture_format),
                expected="png",
                remedy="leave it out to keep each atlas's container",
            )
