"""Options that several commands share, and the settings they make."""

from enum import Enum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from texsr.flows.settings import RunSettings
from texsr.pipeline.errors import SettingsError

Choice = TypeVar("Choice", bound=Enum)

Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON object on stdout.")]
CaptureArg = Annotated[Path, typer.Argument(metavar="CAPTURE", help="A capture directory.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where the result goes.")]
Scale = Annotated[
    float | None,
    typer.Option(help="Texels per low texel and axis, 1.5 to 8. [default: capture.toml, or 4]"),
]
Model = Annotated[str, typer.Option(help="auto, a name from `texsr models`, or a checkpoint file.")]
Head = Annotated[str | None, typer.Option(help="An arbitrary-scale head; no model takes one yet.")]
References = Annotated[
    str | None, typer.Option(metavar="K|all", help="Photos a cell of the surface may use.")
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
TileSize = Annotated[
    int | None, typer.Option("--tile-size", metavar="TX", help="Side of a tile in low texels.")
]
Seed = Annotated[int, typer.Option(help="For models that draw at random.")]
Exclude = Annotated[
    list[str] | None,
    typer.Option(metavar="PHOTO", help="A photo to leave out; repeat for more."),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Stop at the first photo that cannot be used.")
]
Force = Annotated[bool, typer.Option("--force", help="Redo a result that is fresh.")]
Flow = Annotated[bool, typer.Option("--flow", help="Run as a Prefect flow.")]
TextureFormat = Annotated[
    str | None, typer.Option(metavar="png", help="Write JPEG atlases as PNG.")
]


def make_settings(
    *,
    scale: float | None = None,
    model: str = "auto",
    head: str | None = None,
    references: str | None = None,
    device: str = "auto",
    tile_size: int | None = None,
    seed: int = 0,
    exclude: list[str] | None = None,
    strict: bool = False,
    texture_format: str | None = None,
) -> RunSettings:
    """Make the settings of a run from the options as they were typed.

    Raises:
        SettingsError: an option makes no sense.
    """
    return RunSettings(
        scale=RunSettings().scale if scale is None else scale,
        model=model,
        head=head,
        references=_count(references),
        device=device,
        tile_size_tx=tile_size,
        seed=seed,
        exclude=tuple(exclude or ()),
        strict=strict,
        texture_format=texture_format,
    )


def _count(references: str | None) -> int | None:
    if references is None or references == "all":
        return None
    if references.isdecimal():
        return int(references)
    raise SettingsError(
        "--references",
        found=references,
        expected="a count, or 'all'",
        remedy="leave it out to let the model choose",
    )


def choose(option: str, word: str, like: Choice) -> Choice:
    """Read the word of an option as a member of the enum that `like` belongs to.

    Raises:
        SettingsError: it is none.
    """
    kinds = type(like)
    try:
        return kinds(word)
    except ValueError:
        raise SettingsError(
            option,
            found=word,
            expected=" or ".join(str(kind.value) for kind in kinds),
            remedy="correct the word",
        ) from None
