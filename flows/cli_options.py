"""Options that several commands share, and the settings they make."""

from enum import Enum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from texsr.flows.settings import ReferenceForm, RunSettings
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
Head = Annotated[
    str | None,
    typer.Option(
        help="Answers at any scale instead of reducing: a name that `texsr models` lists for the "
        "model, or a checkpoint file."
    ),
]
References = Annotated[
    str | None,
    typer.Option(
        metavar="K|all|cropped",
        help="Photos a cell of the surface may use, warped into its texels; cropped, or K,cropped: "
        "cut out instead, for models that search them. [default: what the model wants, warped]",
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
TileSize = Annotated[
    int | None,
    typer.Option(
        "--tile-size", metavar="TX", help="Side of a tile in low texels, up to a multiple of 8."
    ),
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
    count, form = _references(references)
    return RunSettings(
        scale=RunSettings().scale if scale is None else scale,
        model=model,
        head=head,
        references=count,
        references_as=form,
        device=device,
        tile_size_tx=tile_size,
        seed=seed,
        exclude=tuple(exclude or ()),
        strict=strict,
        texture_format=texture_format,
    )


def _references(text: str | None) -> tuple[int | None, ReferenceForm]:
    """Read how many references there may be, and in which form: words in any order."""
    count, form = None, ReferenceForm.WARPED
    words = [] if text is None else text.split(",")
    for word in map(str.strip, words):
        if word in tuple(ReferenceForm):
            form = ReferenceForm(word)
        elif word.isdecimal():
            count = int(word)
        elif word != "all":
            raise SettingsError(
                "--references",
                found=str(text),
                expected="a count or 'all', 'warped' or 'cropped', or both as in 3,cropped",
                remedy="leave it out to let the model choose",
            )
    return count, form


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
