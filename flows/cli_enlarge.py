"""`texsr enlarge`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from texsr.flows import cli_options as options
from texsr.flows.console import ProgressBars, answering

if TYPE_CHECKING:
    from texsr.flows.enlarge import EnlargeOutcome
    from texsr.flows.photo_stances import PhotoStance


Picture = Annotated[Path, typer.Argument(metavar="PICTURE", help="PNG, JPEG or TIFF.")]
Photos = Annotated[
    list[Path] | None,
    typer.Option(metavar="PHOTO", help="A photo of the same thing, or a folder; repeat for more."),
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="[default: NAME_x4.png for NAME.png]")
]
Scale = Annotated[float, typer.Option(help="Pixels per pixel and axis, 1.5 to 8.")]
TileSize = Annotated[
    int,
    typer.Option(
        "--tile-size", metavar="PX", help="Side of a tile of PICTURE, up to a multiple of 8."
    ),
]
AsGiven = Annotated[
    bool,
    typer.Option(
        "--as-given", help="Do not look how photos lie beside PICTURE: they lie as it does."
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]


def enlarge(
    picture: Picture,
    reference: Photos = None,
    out: Out = None,
    scale: Scale = 4.0,
    model: options.Model = "auto",
    head: options.Head = None,
    device: options.Device = "auto",
    tile_size: TileSize = 128,
    as_given: AsGiven = False,
    force: Force = False,
    json: options.Json = False,
) -> None:
    """Make a texture map or a picture larger, with photos that no cameras go with, or alone.

    Photos show the same thing as PICTURE, or parts of it, turned, mirrored or of another scale as
    it may be: how they lie is found, where there is print or pattern to go by. For a mesh with
    photos and cameras use `texsr run`, which knows where each photo looks.

    Examples:

        texsr enlarge albedo.png

        texsr enlarge albedo.png --reference front.jpg --reference back.jpg --out albedo_large.png

        texsr enlarge scan.jpg --reference photos --model amrsr --json

        texsr enlarge page.png --reference same_page.jpg --as-given

        texsr enlarge albedo.png --scale 2.5 --model fast --head runs/head/last.safetensors
    """
    with answering(as_json=json) as answer:
        from texsr.flows.enlarge import EnlargeJob
        from texsr.flows.enlarge import enlarge as run

        job = EnlargeJob(
            picture=picture,
            references=tuple(reference or ()),
            out=out,
            scale=scale,
            model=model,
            head=head,
            device=device,
            tile_tx=tile_size,
            as_given=as_given,
            force=force,
        )
        with ProgressBars() as progress:
            outcome = run(job, progress)
        answer.give(outcome.as_json(), _text(outcome))


def _text(outcome: "EnlargeOutcome") -> str:
    width, height = outcome.size_px
    count = len(outcome.references)
    helped = {0: "alone", 1: "with 1 photo"}.get(count, f"with {count} photos")
    told = [f"{outcome.out}: {width} x {height} by {outcome.model}, {helped}"]
    return "\n".join(told + [_told(outcome, stance) for stance in outcome.stances])


def _told(outcome: "EnlargeOutcome", stance: "PhotoStance") -> str:
    name = outcome.references[stance.photo].name
    if not stance.found:
        return f"  {name}: not found in the picture; given as it is"
    mirrored = ", mirrored" if stance.mirrored else ""
    turned = f"turned by {stance.turned_deg:.0f} degrees{mirrored}"
    lies = "lies as the picture" if stance.as_it_is else turned
    finer = "" if stance.as_it_is else f", {stance.px_per_texel:.2g} px a texel"
    return f"  {name}: {lies}{finer}, shows {stance.explains:.0%} of the detail looked at"
